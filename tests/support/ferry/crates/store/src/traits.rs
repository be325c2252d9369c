use ferry_types::{FerryError, FerryResult, Ticket, TicketId};

/// A place to keep tickets in.
pub trait Store {
    /// Keep a ticket; one of the same id is replaced.
    fn put(&mut self, ticket: Ticket) -> FerryResult<()>;

    /// The ticket of that id, if there is one.
    fn find(&self, id: &TicketId) -> Option<&Ticket>;

    /// The ticket of that id.
    ///
    /// # Errors
    ///
    /// `FerryError::NotFound` if there is none.
    fn get(&self, id: &TicketId) -> FerryResult<&Ticket> {
        self.find(id).ok_or_else(|| FerryError::NotFound("ticket".to_owned()))
    }
}

/// What every store can do on top.
pub trait StoreExt: Store {
    /// Keep all of them, or stop at the first that cannot be kept.
    fn put_all(&mut self, tickets: Vec<Ticket>) -> FerryResult<usize> {
        let number = tickets.len();
        for ticket in tickets {
            self.put(ticket)?;
        }
        Ok(number)
    }
}

impl<T: Store> StoreExt for T {}
