//! Macros by example that the other crates share.

/// Declares a new type around a string, with what every identifier needs.
#[macro_export]
macro_rules! identifier {
    ($name:ident, $prefix:literal) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(String);

        impl $name {
            /// The identifier of that number.
            pub fn numbered(number: u64) -> Self {
                Self(format!("{}-{number}", $prefix))
            }
        }
    };
}

/// Returns early with an error unless a condition holds.
#[macro_export]
macro_rules! require {
    ($condition:expr, $error:expr) => {
        if !$condition {
            return Err($error);
        }
    };
}
