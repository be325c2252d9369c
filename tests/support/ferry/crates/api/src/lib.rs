//! What the ticket office is asked over the network.

pub mod office;
pub mod requests;
pub mod routes;

pub use office::Office;
