use ferry_store::{MemoryStore, StoreExt};
use ferry_types::{Amount, Currency, Harbour, Passenger, Ticket, TicketId};

/// A ticket of that number.
pub fn ticket(number: u64) -> Ticket {
    Ticket {
        id: TicketId::numbered(number),
        from: harbour("AAA"),
        to: harbour("BBB"),
        passengers: vec![Passenger { name: "Ada".to_owned(), age: 36 }],
        price: Amount::whole(3, Currency::Crown),
    }
}

/// A store with one ticket.
pub fn store() -> MemoryStore {
    let mut store = MemoryStore::new();
    store.put_all(vec![ticket(0)]).expect("memory is patient");
    store
}

fn harbour(code: &str) -> Harbour {
    Harbour::parse(code).expect("a code of three letters")
}
