use std::collections::HashMap;

use ferry_types::{FerryResult, Ticket, TicketId};

use super::traits::Store;

/// Keeps tickets for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tickets: HashMap<TicketId, Ticket>,
    log: Journal,
}

/// What happened, in order.
#[derive(Debug, Default)]
struct Journal {
    entries: Vec<String>,
}

impl Journal {
    fn note(&mut self, entry: String) {
        self.entries.push(entry);
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tickets it keeps.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store for MemoryStore {
    fn put(&mut self, ticket: Ticket) -> FerryResult<()> {
        self.log.note(ticket.describe());
        self.tickets.insert(ticket.id.clone(), ticket);
        Ok(())
    }

    fn find(&self, id: &TicketId) -> Option<&Ticket> {
        self.tickets.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_store_is_empty() {
        let store = MemoryStore::new();
        assert!(store.is_empty());
    }
}
