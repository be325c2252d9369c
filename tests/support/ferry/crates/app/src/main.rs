//! Prints the addresses that the office answers.

mod settings;

use ferry_web::routes;
use settings::Settings;

fn main() {
    let settings = Settings::read();
    for route in routes::routes() {
        println!("{} {}{}", route.method, settings.prefix(), route.path);
    }
}
