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

/// In place of a queue: the task is to be woken.
const DUE: u32 = 0;

/// The wakers of the tasks that wait, each with the bit of its queue.
///
/// One pool takes less flash than queues that link the futures of the tasks, because each future of the application would then unlink
/// itself: `maitake-sync` took at least 2.1 KB more (57,160 bytes of firmware with TCP only, against 54,968). And it takes less RAM
/// than a list for each queue.
#[derive(Debug)]
pub(crate) struct Waiters {
    tasks: Vec<(u32, Waker), WAITERS>,
    /// Whether there are tasks to be woken.
    pub(super) has_due: bool,
    purged_at: Option<Instant>,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Vec::new(),
            has_due: false,
            purged_at: None,
        }
    }

    /// A task waits in this queue. Returns whether there was room for its waker.
    pub(crate) fn add(&mut self, queue: Queue, waker: &Waker) -> bool {
        let queue = queue.bit();
        let is_known = |(other, known): &(u32, Waker)| *other == queue && known.will_wake(waker);
        self.tasks.iter().any(is_known) || self.tasks.push((queue, waker.clone())).is_ok()
    }

    /// The tasks in these queues are to be woken.
    pub(crate) fn wake(&mut self, queues: u32) {
        for (queue, _) in &mut self.tasks {
            if *queue & queues != 0 {
                *queue = DUE;
                self.has_due = true;
            }
        }
    }

    /// Takes the waker of one task that is to be woken.
    pub(crate) fn take(&mut self) -> Option<Waker> {
        if !self.has_due {
            return None;
        }
        let mut due = self
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, (queue, _))| *queue == DUE);
        let first = due.next();
        self.has_due = due.next().is_some();
        Some(self.tasks.swap_remove(first?.0).1)
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
