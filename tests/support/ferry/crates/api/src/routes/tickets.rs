use ferry_store::Store;
use ferry_types::{FerryResult, Ticket, TicketId};

use crate::office::Office;
use crate::requests::{Journey, TicketRequest};

/// Sell what a request asks for.
pub(super) async fn sell_ticket<F: fares::Fare, S: Store>(office: &mut Office<F, S>) -> FerryResult<TicketId> {
    let request = read_request();
    let journey = Journey::try_from(request)?;
    office.sell(journey).await
}

/// Show a ticket.
pub(super) fn show_ticket<F: fares::Fare, S: Store>(office: &Office<F, S>, number: u64) -> FerryResult<&Ticket> {
    office.look_up(&TicketId::numbered(number))
}

fn read_request() -> TicketRequest {
    TicketRequest { from: "AAA".to_owned(), to: "BBB".to_owned(), travellers: Vec::new() }
}
