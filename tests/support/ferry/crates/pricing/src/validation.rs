//! Whether a request can be priced at all.

use ferry_macros::require;
use ferry_types::{FerryError, FerryResult, Passenger};

const MOST_PASSENGERS: usize = 9;
const OLDEST: u8 = 120;

/// Refuse an empty party, one that is too large, and ages that cannot be.
pub fn validate_passengers(passengers: &[Passenger]) -> FerryResult<()> {
    require!(!passengers.is_empty(), FerryError::invalid("passengers", "nobody travels"));
    require!(passengers.len() <= MOST_PASSENGERS, FerryError::invalid("passengers", "the boat is small"));
    passengers.iter().try_for_each(validate_age)
}

fn validate_age(passenger: &Passenger) -> FerryResult<()> {
    require!(passenger.age <= OLDEST, FerryError::invalid("age", "nobody is that old"));
    Ok(())
}
