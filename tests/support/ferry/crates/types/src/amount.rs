//! Money, in the smallest unit of its currency.

use serde::{Deserialize, Serialize};

use crate::errors::{FerryError, FerryResult};

/// A currency that the ticket offices take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Two decimals.
    Crown,
    /// No decimals.
    Shell,
}

impl Currency {
    /// How many digits stand behind the point.
    pub const fn decimals(self) -> u32 {
        match self {
            Self::Crown => 2,
            Self::Shell => 0,
        }
    }

    /// How many of the smallest unit make one.
    pub fn minor_units(self) -> i64 {
        10_i64.pow(self.decimals())
    }
}

/// An amount of money, in the smallest unit of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    /// An amount of so many of the smallest unit.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing.
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// So many whole coins.
    pub fn whole(coins: i64, currency: Currency) -> Self {
        Amount::new(coins * currency.minor_units(), currency)
    }

    /// The number of the smallest unit.
    pub fn minor(&self) -> i64 {
        self.minor
    }

    /// Its currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    ///
    /// `FerryError::Currency` where the currencies differ.
    pub fn checked_add(&self, other: &Amount) -> FerryResult<Amount> {
        if self.currency() != other.currency() {
            return Err(FerryError::currency(self.currency, other.currency));
        }
        Ok(Self::new(self.minor + other.minor(), self.currency))
    }

    /// This amount reduced by a share, rounded down.
    pub fn less_percent(&self, percent: u8) -> Amount {
        let kept = 100 - i64::from(percent.min(100));
        Self::new(self.minor * kept / 100, self.currency)
    }
}
