//! What goes into a store comes out again.

mod common;

use ferry_store::{MemoryStore, Store, StoreExt};
use ferry_testing::ticket;

#[test]
fn what_goes_in_comes_out() {
    let mut store = MemoryStore::new();
    let kept = ticket(1);
    store.put(kept.clone()).unwrap();
    assert_eq!(store.get(&kept.id).unwrap().price, kept.price);
}

#[test]
fn all_of_them_are_kept() {
    let mut store = common::filled(2);
    let number = store.put_all(vec![ticket(3), ticket(4)]).unwrap();
    assert_eq!((number, store.len()), (2, 4));
}
