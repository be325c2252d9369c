//! How much one passenger pays.

use ferry_types::{Amount, Currency, Passenger};

/// A way to price a passenger.
pub trait Fare {
    /// What an adult pays.
    fn adult(&self) -> Amount;

    /// What a passenger pays: children half.
    fn price(&self, passenger: &Passenger) -> Amount {
        if passenger.is_child() {
            self.adult().less_percent(50)
        } else {
            self.adult()
        }
    }

    /// The currency of all its prices.
    fn currency(&self) -> Currency {
        self.adult().currency()
    }
}

/// One price wherever the journey goes.
pub struct FlatFare {
    pub price: Amount,
}

impl Fare for FlatFare {
    fn adult(&self) -> Amount {
        self.price
    }
}

/// A price by the number of zones crossed.
pub struct ZoneFare<const BASE: i64> {
    pub zones: u8,
}

impl<const BASE: i64> ZoneFare<BASE> {
    const STEP: i64 = 150;

    fn surcharge(&self) -> i64 {
        i64::from(self.zones) * Self::STEP
    }
}

impl<const BASE: i64> Fare for ZoneFare<BASE> {
    fn adult(&self) -> Amount {
        Amount::new(BASE + self.surcharge(), Currency::Crown)
    }
}
