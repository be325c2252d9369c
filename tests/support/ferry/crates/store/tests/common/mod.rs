use ferry_store::{MemoryStore, StoreExt};

/// A store with so many tickets.
pub fn filled(number: u64) -> MemoryStore {
    let mut store = MemoryStore::new();
    store.put_all((0..number).map(ferry_testing::ticket).collect()).unwrap();
    store
}
