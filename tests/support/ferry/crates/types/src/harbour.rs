use serde::{Deserialize, Serialize};

use crate::errors::{FerryError, FerryResult};

/// A harbour, by its three letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Harbour(String);

impl Harbour {
    /// The harbour of that code.
    pub fn parse(code: &str) -> FerryResult<Self> {
        if !is_code(code) {
            return Err(FerryError::invalid("harbour", "three capital letters are needed"));
        }
        Ok(Self(code.to_owned()))
    }

    /// Its three letters.
    pub fn code(&self) -> &str {
        &self.0
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl TryFrom<&str> for Harbour {
    type Error = FerryError;

    fn try_from(code: &str) -> Result<Self, Self::Error> {
        Self::parse(code)
    }
}
