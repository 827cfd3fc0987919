//! Which tasks are to be woken.
//!
//! The engine only notes it. [`Shared`](super::shared::Shared) wakes the tasks as soon as the engine is not in use any more: a waker
//! may call the stack.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::sockets::key::Key;

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
/// Used by the one who has the engine only: loads and stores are enough.
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
