//! What all other crates talk about: harbours, tickets, amounts.
//!
//! Nothing here reads or writes anything.

pub mod amount;
pub mod errors;
mod harbour;
pub mod ticket;

pub use self::amount::{Amount, Currency};
pub use errors::{FerryError, FerryResult};
pub use harbour::*;
pub use ticket::{Passenger, Ticket, TicketId};
