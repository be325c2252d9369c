//! What a journey costs.

pub mod discounts;
pub mod fares;
pub mod validation;

use ferry_types::{Amount, FerryResult, Passenger};

pub use discounts::{Discount, Family, Islander};
pub use fares::{Fare, FlatFare, ZoneFare};

/// The price of a journey after all discounts.
pub fn quote<F: Fare>(fare: &F, passengers: &[Passenger], discounts: &[Box<dyn Discount>]) -> FerryResult<Amount> {
    validation::validate_passengers(passengers)?;
    let mut total = Amount::zero(fare.currency());
    for passenger in passengers {
        total = total.checked_add(&fare.price(passenger))?;
    }
    Ok(discounts.iter().fold(total, |sum, discount| discount.apply(sum, passengers)))
}
