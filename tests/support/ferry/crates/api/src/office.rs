//! The ticket office: prices, sells, remembers.

use fares::{quote, Discount, Fare, Family};
use ferry_store::Store;
use ferry_types as types;
use types::{FerryResult, Ticket, TicketId};

use crate::requests::Journey;

/// Sells tickets at a fare and keeps them in a store.
pub struct Office<F, S> {
    fare: F,
    store: S,
    sold: u64,
}

impl<F, S> Office<F, S>
where
    F: Fare,
    S: Store,
{
    /// An office that has sold nothing yet.
    pub fn open(fare: F, store: S) -> Self {
        Self { fare, store, sold: 0 }
    }

    /// Sell a ticket for a journey.
    pub async fn sell(&mut self, journey: Journey) -> FerryResult<TicketId> {
        let price = quote(&self.fare, &journey.passengers, &Self::discounts())?;
        let id = self.next_id();
        let ticket = Ticket { id: id.clone(), from: journey.from, to: journey.to, passengers: journey.passengers, price };
        self.store.put(ticket)?;
        Ok(id)
    }

    /// A ticket that was sold.
    pub fn look_up(&self, id: &TicketId) -> FerryResult<&Ticket> {
        self.store.get(id)
    }

    fn next_id(&mut self) -> TicketId {
        self.sold += 1;
        TicketId::numbered(self.sold)
    }

    fn discounts() -> Vec<Box<dyn Discount>> {
        vec![Box::new(Family)]
    }
}
