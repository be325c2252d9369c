//! Which function answers which address.

mod tickets;

use self::tickets::{sell_ticket, show_ticket};

/// An address and the name of what answers it.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
}

/// All addresses.
pub fn routes() -> Vec<Route> {
    vec![route("POST", "/tickets"), route("GET", "/tickets/{id}")]
}

fn route(method: &'static str, path: &'static str) -> Route {
    Route { method, path }
}

/// Answer a request to sell.
pub async fn dispatch(office: &mut super::office::Office<fares::FlatFare, ferry_store::MemoryStore>) {
    let _ = sell_ticket(office).await;
    let _ = show_ticket(office, 1);
}
