//! Requests as they come in, and how they become what we work with.

use ferry_types::{FerryError, Harbour, Passenger};
use serde::Deserialize;

/// A ticket, as a client asks for it.
#[derive(Debug, Deserialize)]
pub struct TicketRequest {
    pub from: String,
    pub to: String,
    pub travellers: Vec<Traveller>,
}

/// Who wants to travel, as a client says it.
#[derive(Debug, Clone, Deserialize)]
pub struct Traveller {
    pub name: String,
    pub age: u8,
}

/// A journey whose harbours exist.
#[derive(Debug)]
pub struct Journey {
    pub from: Harbour,
    pub to: Harbour,
    pub passengers: Vec<Passenger>,
}

impl From<Traveller> for Passenger {
    fn from(traveller: Traveller) -> Self {
        Self { name: traveller.name, age: traveller.age }
    }
}

impl TryFrom<TicketRequest> for Journey {
    type Error = FerryError;

    fn try_from(request: TicketRequest) -> Result<Self, Self::Error> {
        Ok(Self {
            from: Harbour::parse(&request.from)?,
            to: Harbour::parse(&request.to)?,
            passengers: request.travellers.into_iter().map(Passenger::from).collect(),
        })
    }
}
