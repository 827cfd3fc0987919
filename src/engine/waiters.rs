//! The wakers of the tasks that wait, all in one pool.

use core::task::Waker;

use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::wakes::Queue;
use crate::util::time::after;

/// How many tasks can wait at a time without cost. More wait, too, but look again once in [`OVERFLOW_PAUSE`].
pub(crate) const WAITERS: usize = 32;
/// How often a task for which there is no room looks again.
pub(crate) const OVERFLOW_PAUSE: Duration = Duration::from_secs(1);

/// The wakers of the tasks that wait, each with the bit of its queue.
///
/// One pool takes less flash than queues that link the futures of the tasks, because each future of the application would then unlink
/// itself: `maitake-sync` took at least 2.1 KB more (57,160 bytes of firmware with TCP only, against 54,968). And it takes less RAM
/// than a list for each queue.
#[derive(Debug)]
pub(crate) struct Waiters {
    tasks: Vec<(u32, Waker), WAITERS>,
    purged_at: Option<Instant>,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Vec::new(),
            purged_at: None,
        }
    }

    /// A task waits in this queue. Returns whether there was room for its waker.
    pub(crate) fn add(&mut self, queue: Queue, waker: &Waker) -> bool {
        let queue = queue.bit();
        let is_known = |(other, known): &(u32, Waker)| *other == queue && known.will_wake(waker);
        self.tasks.iter().any(is_known) || self.tasks.push((queue, waker.clone())).is_ok()
    }

    /// Takes the waker of one task in the queues to be woken.
    pub(crate) fn take(&mut self, queues: u32) -> Option<Waker> {
        let is_woken = |(queue, _): &(u32, Waker)| queue & queues != 0;
        let index = self.tasks.iter().position(is_woken)?;
        Some(self.tasks.swap_remove(index).1)
    }

    /// There was no room: whether to wake all tasks now. Those that still wait come back, and the wakers of dropped futures are
    /// gone. Not more often than the pause, so that too many tasks do not wake each other all the time.
    pub(crate) fn purge_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .purged_at
            .is_none_or(|at| now >= after(at, OVERFLOW_PAUSE));
        if is_due {
            self.purged_at = Some(now);
        }
        is_due
    }
}
