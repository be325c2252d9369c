/// What can be chosen.
pub struct Settings {
    prefix: String,
}

impl Settings {
    /// The settings in the environment.
    pub fn read() -> Self {
        Self { prefix: std::env::var("FERRY_PREFIX").unwrap_or_default() }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}
