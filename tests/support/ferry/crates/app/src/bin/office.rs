//! A ticket office that sells one ticket.

use fares::FlatFare;
use ferry_store::MemoryStore;
use ferry_types::{Amount, Currency};
use ferry_web::{routes::dispatch, Office};

fn main() {
    let fare = FlatFare { price: Amount::whole(12, Currency::Crown) };
    let mut office = Office::open(fare, MemoryStore::new());
    block_on(dispatch(&mut office));
}

/// Runs a future to its end; the real office uses a runtime.
fn block_on<T>(_: impl std::future::Future<Output = T>) {}
