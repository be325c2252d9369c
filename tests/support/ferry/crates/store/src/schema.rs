//! Tables of the database.

diesel::table! {
    tickets (id) {
        id -> Text,
        departs_from -> Text,
        arrives_at -> Text,
        price_minor -> BigInt,
    }
}

diesel::table! {
    passengers (ticket_id, name) {
        ticket_id -> Text,
        name -> Text,
        age -> SmallInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(tickets, passengers);
