//! Which tasks wait, in which queue, and which queues are to be woken.
//!
//! The engine only notes the queues. [`Shared`](super::shared::Shared) wakes the tasks as soon as the engine is not in use any more: a
//! waker may call the stack.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use core::task::Waker;

use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::sockets::key::Key;
use crate::util::time::after;

/// How many tasks can wait at a time without cost. Further tasks look again every [`OVERFLOW_PAUSE`].
pub(crate) const WAITERS: usize = 32;
/// How often a task for which there is no room looks again.
pub(crate) const OVERFLOW_PAUSE: Duration = Duration::from_secs(1);

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// The transmitting half of the runner: for work, a prompt, a final result code.
    Runner,
    /// The receiving half of the runner: for space in a receive ring.
    Receiver,
    Link,
    FreeSlot,
    /// For the end of a lookup, an AT command, a ping or an NTP request of another task.
    Turn,
    LookupResult,
    CommandResult,
    /// For the end of a ping or an NTP request.
    ServiceResult,
    /// Received data, the end of the stream, an accepted connection.
    Reader(Key),
    /// Everything else about a socket: it is open, there is space in its transmit ring, all is sent, it is closed.
    Writer(Key),
}

impl Queue {
    /// The bit of the queue. Each of up to 12 sockets has two.
    pub(crate) const fn bit(self) -> u32 {
        1 << match self {
            Self::Runner => 0,
            Self::Receiver => 1,
            Self::Link => 2,
            Self::FreeSlot => 3,
            Self::Turn => 4,
            Self::LookupResult => 5,
            Self::CommandResult => 6,
            Self::ServiceResult => 7,
            Self::Reader(key) => 8 + 2 * key.index() as u8,
            Self::Writer(key) => 9 + 2 * key.index() as u8,
        }
    }
}

/// The queues whose tasks are to be woken, one bit each.
///
/// Used only by the task that has the engine: loads and stores are enough.
#[derive(Debug)]
pub(crate) struct WakeSet(AtomicU32);

impl WakeSet {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The tasks that wait in this queue are to be woken.
    pub(crate) fn wake(&self, queue: Queue) {
        self.wake_bits(queue.bit());
    }

    fn wake_bits(&self, queues: u32) {
        self.0.store(self.0.load(Relaxed) | queues, Relaxed);
    }

    /// All tasks that wait are to be woken.
    pub(crate) fn wake_all(&self) {
        self.0.store(u32::MAX, Relaxed);
    }

    /// Whether there is no queue to be woken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    /// Takes the queues to be woken.
    pub(crate) fn take(&self) -> u32 {
        let queues = self.0.load(Relaxed);
        if queues != 0 {
            self.0.store(0, Relaxed);
        }
        queues
    }
}

/// Wakes the tasks that wait in one queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signal<'d> {
    wakes: &'d WakeSet,
    /// The bit of the queue.
    queue: u32,
}

impl<'d> Signal<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet, queue: Queue) -> Self {
        Self {
            wakes,
            queue: queue.bit(),
        }
    }

    pub(crate) fn wake(&self) {
        self.wakes.wake_bits(self.queue);
    }
}

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
    /// Before this instant not all tasks are woken.
    not_before: Instant,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self {
            tasks: Vec::new(),
            has_due: false,
            not_before: Instant::MIN,
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
        let is_due = now >= self.not_before;
        if is_due {
            self.not_before = after(now, OVERFLOW_PAUSE);
        }
        is_due
    }
}
