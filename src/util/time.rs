//! Instants that do not overflow, and one that never comes.

use embassy_time::{Duration, Instant};

/// Later than anything.
pub(crate) const NEVER: Instant = Instant::MAX;

/// As [`Instant::now`], which some drivers have in line.
#[inline(never)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// So much later, and at the latest never.
#[inline(never)]
pub(crate) fn after(at: Instant, time: Duration) -> Instant {
    Instant::from_ticks(at.as_ticks().saturating_add(time.as_ticks()))
}

/// Lowers `wake_at` to `at`.
#[inline(never)]
pub(crate) fn earliest(wake_at: &mut Instant, at: Instant) {
    *wake_at = at.min(*wake_at);
}

/// Sets a point in time that is not set yet, and says which it is.
pub(crate) fn get_or_set(point: &mut Instant, at: Instant) -> Instant {
    if *point == NEVER {
        *point = at;
    }
    *point
}
