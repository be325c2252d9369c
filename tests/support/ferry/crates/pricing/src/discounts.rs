//! What makes a journey cheaper.

use ferry_types::{Amount, Passenger};

/// Something that lowers a price.
pub trait Discount {
    /// The price after it.
    fn apply(&self, price: Amount, passengers: &[Passenger]) -> Amount;
}

/// Two adults with children pay less.
#[derive(Debug, Default, Clone)]
pub struct Family;

impl Discount for Family {
    fn apply(&self, price: Amount, passengers: &[Passenger]) -> Amount {
        if has_children(passengers) { price.less_percent(20) } else { price }
    }
}

/// Who lives on an island pays less, always.
#[derive(Debug, Clone)]
pub struct Islander {
    pub percent: u8,
}

impl Discount for Islander {
    fn apply(&self, price: Amount, _: &[Passenger]) -> Amount {
        price.less_percent(self.percent)
    }
}

fn has_children(passengers: &[Passenger]) -> bool {
    passengers.iter().any(Passenger::is_child)
}
