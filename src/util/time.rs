//! Arithmetic with instants that saturates, and an instant that never comes.

use embassy_time::{Duration, Instant};

/// Later than any other instant: a timer that is not set.
pub(crate) const NEVER: Instant = Instant::MAX;

/// As [`Instant::now`], which some drivers have in line.
#[inline(never)]
pub(crate) fn now() -> Instant {
    #[cfg(any(test, fuzzing))]
    if let Some(now) = virtual_time::get() {
        return now;
    }
    Instant::now()
}

/// The time of a test that sets it, for its thread.
#[cfg(any(test, fuzzing))]
pub(crate) mod virtual_time {
    use core::cell::Cell;

    use embassy_time::Instant;

    std::thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    pub(crate) fn get() -> Option<Instant> {
        NOW.get()
    }

    pub(crate) fn set(now: Option<Instant>) {
        NOW.set(now);
    }
}

/// The instant `time` after `at`; `NEVER` on overflow.
#[inline(never)]
pub(crate) fn after(at: Instant, time: Duration) -> Instant {
    Instant::from_ticks(at.as_ticks().saturating_add(time.as_ticks()))
}

/// Sets `wake_at` to `at` if that is earlier.
#[inline(never)]
pub(crate) fn earliest(wake_at: &mut Instant, at: Instant) {
    *wake_at = at.min(*wake_at);
}

/// Sets `point` to `at` if it is `NEVER`. Returns its value.
#[inline(never)] // Many callers.
pub(crate) fn get_or_set(point: &mut Instant, at: Instant) -> Instant {
    if *point == NEVER {
        *point = at;
    }
    *point
}
