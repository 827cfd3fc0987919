//! The clock: an `embassy-time` driver that is real by default and virtual where a test asks.
//!
//! Linking this crate provides the one time driver of the program. On an ordinary thread it follows
//! the operating system's monotonic clock. Inside [`run_virtual`] the calling thread, and no other,
//! sees a clock of its own that starts at zero and jumps to the next alarm whenever there is nothing
//! else to do. Tests that run in parallel therefore never disturb each other, and take no wall time.

mod real;
mod virtual_clock;

use core::future::Future;
use core::task::Waker;
use core::time::Duration;
use embassy_time_driver::Driver;

pub use virtual_clock::{Limits, is_virtual, run_virtual, run_virtual_with};

const _: () = assert!(
    embassy_time_driver::TICK_HZ == 1_000_000,
    "the virtual modem counts in microseconds: leave embassy-time's tick rate at its default"
);

struct ThreadClock;

impl Driver for ThreadClock {
    fn now(&self) -> u64 {
        micros()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        wake_at(at, waker);
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: ThreadClock = ThreadClock);

/// Microseconds since this thread's clock started: the virtual one inside [`run_virtual`], else the real one.
pub fn micros() -> u64 {
    virtual_clock::now().unwrap_or_else(real::now)
}

/// Time since this thread's clock started, in steps of one microsecond.
pub fn now() -> Duration {
    Duration::from_micros(micros())
}

/// Wakes `waker` once this thread's clock shows `at` microseconds.
pub(crate) fn wake_at(at: u64, waker: &Waker) {
    if !virtual_clock::schedule(at, waker) {
        real::schedule(at, waker);
    }
}

/// Runs a future on this thread in real time.
///
/// Any executor does as well: neither the driver nor the modem is bound to this one.
pub fn block_on<F: Future>(future: F) -> F::Output {
    futures_lite::future::block_on(future)
}

/// Waits for `duration` on this thread's clock.
pub async fn sleep(duration: Duration) {
    let at = micros() + duration.as_micros() as u64;
    core::future::poll_fn(|cx| {
        if micros() >= at {
            core::task::Poll::Ready(())
        } else {
            wake_at(at, cx.waker());
            core::task::Poll::Pending
        }
    })
    .await
}
