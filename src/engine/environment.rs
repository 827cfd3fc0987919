//! What the parts of the engine have to know besides their own state: the configuration, and the time.

use embassy_time::Instant;

use crate::config::Config;

/// The configuration, and the time of the call that is handled.
#[derive(Debug)]
pub(crate) struct Environment<'d> {
    pub(crate) config: Config<'d>,
    /// Set by the callers whose calls depend on it, because the engine reads no clock. Set for each call it would take 2 % more
    /// instructions for each received byte.
    pub(crate) now: Instant,
}
