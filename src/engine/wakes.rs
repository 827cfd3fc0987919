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

impl Room {
    pub(crate) const COUNT: usize = 3
        + cfg!(feature = "push") as usize
        + 2 * (cfg!(feature = "dns") as usize
            + cfg!(feature = "at-client") as usize
            + cfg!(feature = "ping") as usize
            + cfg!(feature = "ntp") as usize);
}

/// The queues in which tasks wait, one bit each, and those whose tasks are to be woken.
///
/// Used within the lock of the engine only: loads and stores are enough.
#[derive(Debug)]
pub(crate) struct WakeSet {
    rooms: Marks,
    slots: Marks,
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
            slots: Marks::new(),
        }
    }

    fn place(&self, queue: Queue) -> (&Marks, u32) {
        match queue {
            Queue::Room(room) => (&self.rooms, 1 << room as u8),
            Queue::Reader(key) => (&self.slots, 1 << (2 * key.index())),
            Queue::Writer(key) => (&self.slots, 2 << (2 * key.index())),
        }
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

    /// The queues to be woken: those of rooms in the order of [`Room`], then those of slots, two each.
    pub(crate) fn take(&self) -> (u32, u32) {
        (self.rooms.take(), self.slots.take())
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
