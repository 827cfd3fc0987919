//! One round of the scheduler over everybody that may have a transaction to do.

use embassy_time::Instant;

use crate::engine::environment::Environment;
#[cfg(feature = "keep-alive")]
use crate::engine::sockets::keep_alive::KeepAliveSetting;
use crate::util::time::earliest;

/// One round, and when the next one is due.
pub(crate) struct Round<'a> {
    pub(crate) env: &'a Environment<'a>,
    /// There was a sign within the last hour that something of the module was lost.
    pub(crate) is_lossy: bool,
    #[cfg(feature = "keep-alive")]
    pub(crate) keep_alive: KeepAliveSetting,
    /// The earliest instant at which something becomes due.
    pub(crate) wake_at: Instant,
}

impl Round<'_> {
    /// Another round is due at this instant.
    pub(crate) fn look_again(&mut self, at: Instant) {
        earliest(&mut self.wake_at, at);
    }

    /// Whether `at` has come. If not, another round is due then.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn is_due(&mut self, at: Instant) -> bool {
        let is_due = self.env.now >= at;
        if !is_due {
            self.look_again(at);
        }
        is_due
    }
}
