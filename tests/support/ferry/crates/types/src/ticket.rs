//! Tickets and who travels on them.

use ferry_macros::identifier;
use serde::{Deserialize, Serialize};

use crate::{Amount, Harbour};

identifier!(TicketId, "ticket");

/// Who travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Passenger {
    /// As in the passport.
    pub name: String,
    /// Whole years.
    pub age: u8,
}

impl Passenger {
    /// Whether a child's fare applies.
    pub fn is_child(&self) -> bool {
        self.age < 12
    }
}

/// A journey that was paid for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    pub from: Harbour,
    pub to: Harbour,
    pub passengers: Vec<Passenger>,
    pub price: Amount,
}

impl Ticket {
    /// How many children travel.
    pub fn children(&self) -> usize {
        self.passengers.iter().filter(|one| one.is_child()).count()
    }

    /// The journey in a few words.
    pub fn describe(&self) -> String {
        format!("{} to {}", self.from.code(), self.to.code())
    }
}
