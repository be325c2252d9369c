//! Where tickets are kept.

mod memory;
pub mod schema;
mod traits;

pub use memory::MemoryStore;
pub use traits::{Store, StoreExt};
