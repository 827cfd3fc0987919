//! Resets of the module by the user's hook, and their pace.

use embassy_time::{Duration, Instant};

use crate::util::time::after;

#[derive(Debug)]
pub(super) struct Resets {
    pub(super) is_available: bool,
    /// Resets in a row that did not help.
    count: u8,
    allowed_at: Instant,
}

impl Resets {
    pub(super) const NEW: Self = Self {
        is_available: false,
        count: 0,
        allowed_at: Instant::MIN,
    };

    pub(super) fn may(&self, now: Instant) -> bool {
        self.is_available && now >= self.allowed_at
    }

    /// The hook has restarted the module. The pace under figure 1 of the note: three restarts in a row and one more at once, then
    /// after 10 min, 30 min, and every hour.
    pub(super) fn on_reset(&mut self, now: Instant) {
        self.count = self.count.saturating_add(1);
        let pause = match self.count {
            0..=3 => Duration::MIN,
            4 => Duration::from_secs(600),
            5 => Duration::from_secs(1800),
            _ => Duration::from_secs(3600),
        };
        self.allowed_at = after(now, pause);
    }

    /// The module works.
    pub(super) const fn on_success(&mut self) {
        self.count = 0;
        self.allowed_at = Instant::MIN;
    }
}
