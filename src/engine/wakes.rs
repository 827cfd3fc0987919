//! Which tasks are to be woken.
//!
//! The engine only notes it. [`Shared`](super::shared::Shared) wakes the tasks as soon as the engine is not locked any more: a waker
//! may call the stack.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::sockets::key::Key;

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Room(Room),
    /// Received data, the end of the stream, an accepted connection.
    Reader(Key),
    /// Everything else about a socket: it is open, there is room in its transmit ring, all is sent, it is closed.
    Writer(Key),
}

/// What a task waits for besides sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The transmitting half of the runner: for work, a prompt, a final result code.
    Runner,
    /// The receiving half of the runner: for room in a receive ring.
    #[cfg(feature = "push")]
    Receiver,
    Link,
    FreeSlot,
    /// For the end of the lookup of another task.
    #[cfg(feature = "dns")]
    LookupTurn,
    #[cfg(feature = "dns")]
    LookupResult,
    #[cfg(feature = "at-client")]
    CommandTurn,
    #[cfg(feature = "at-client")]
    CommandResult,
    #[cfg(feature = "ping")]
    PingTurn,
    #[cfg(feature = "ping")]
    PingResult,
    #[cfg(feature = "ntp")]
    NtpTurn,
    #[cfg(feature = "ntp")]
    NtpResult,
}

impl Queue {
    /// The number of the queue: rooms from 0, sockets from 32, two each.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Room(room) => room as u8,
            Self::Reader(key) => 32 + 2 * key.index() as u8,
            Self::Writer(key) => 33 + 2 * key.index() as u8,
        }
    }
}

/// The queues to be woken, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Woken {
    rooms: u32,
    sockets: u32,
}

impl Woken {
    pub(crate) const NONE: Self = Self {
        rooms: 0,
        sockets: 0,
    };
    pub(crate) const ALL: Self = Self {
        rooms: u32::MAX,
        sockets: u32::MAX,
    };

    pub(crate) const fn has(&self, queue: u8) -> bool {
        let (word, bit) = if queue < 32 {
            (self.rooms, queue)
        } else {
            (self.sockets, queue - 32)
        };
        word >> (bit & 31) & 1 != 0
    }
}

/// The queues in which tasks wait, one bit each, and those whose tasks are to be woken.
///
/// Used within the lock of the engine only: loads and stores are enough.
#[derive(Debug)]
pub(crate) struct WakeSet {
    rooms: Marks,
    sockets: Marks,
}

#[derive(Debug)]
struct Marks {
    waiting: AtomicU32,
    woken: AtomicU32,
}

impl Marks {
    const fn new() -> Self {
        Self {
            waiting: AtomicU32::new(0),
            woken: AtomicU32::new(0),
        }
    }

    fn take(&self) -> u32 {
        let woken = self.woken.load(Relaxed);
        if woken != 0 {
            self.woken.store(0, Relaxed);
        }
        woken
    }
}

impl WakeSet {
    pub(crate) const fn new() -> Self {
        Self {
            rooms: Marks::new(),
            sockets: Marks::new(),
        }
    }

    const fn place(&self, queue: Queue) -> (&Marks, u32) {
        let number = queue.number();
        let marks = if number < 32 {
            &self.rooms
        } else {
            &self.sockets
        };
        (marks, 1 << (number & 31))
    }

    /// A task waits in this queue.
    pub(crate) fn wait(&self, queue: Queue) {
        let (Marks { waiting, .. }, bit) = self.place(queue);
        waiting.store(waiting.load(Relaxed) | bit, Relaxed);
    }

    /// The tasks that wait in this queue are to be woken, if there are any.
    pub(crate) fn wake(&self, queue: Queue) {
        let (Marks { waiting, woken }, bit) = self.place(queue);
        let waits = waiting.load(Relaxed);
        woken.store(woken.load(Relaxed) | (waits & bit), Relaxed);
        waiting.store(waits & !bit, Relaxed);
    }

    /// Takes the queues to be woken.
    pub(crate) fn take(&self) -> Woken {
        Woken {
            rooms: self.rooms.take(),
            sockets: self.sockets.take(),
        }
    }
}

/// Wakes the tasks that wait for something in one room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signal<'d> {
    wakes: &'d WakeSet,
    room: Room,
}

impl<'d> Signal<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet, room: Room) -> Self {
        Self { wakes, room }
    }

    pub(crate) fn wake(&self) {
        self.wakes.wake(Queue::Room(self.room));
    }
}
