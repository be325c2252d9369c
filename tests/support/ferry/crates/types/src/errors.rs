//! Everything that can go wrong.

use std::fmt;

use crate::Currency;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FerryError {
    /// Two amounts of different currencies met.
    Currency { left: Currency, right: Currency },
    /// A field of a request says what cannot be.
    Invalid { field: &'static str, message: String },
    /// There is nothing of that name.
    NotFound(String),
}

/// What may go wrong.
pub type FerryResult<T> = Result<T, FerryError>;

impl FerryError {
    pub(crate) fn currency(left: Currency, right: Currency) -> Self {
        Self::Currency { left, right }
    }

    /// A field of a request says what cannot be.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        FerryError::Invalid { field, message: message.into() }
    }

    /// Whether asking again may help.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::NotFound(_))
    }
}

impl fmt::Display for FerryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currency { left, right } => write!(formatter, "{left:?} is not {right:?}"),
            Self::Invalid { field, message } => write!(formatter, "{field}: {message}"),
            Self::NotFound(name) => write!(formatter, "there is no {name}"),
        }
    }
}

impl std::error::Error for FerryError {}
