//! The engine behind a lock, and the tasks that wait for it, shared by the stack, its sockets and the runner.

use core::cell::RefCell;
use core::fmt;
use core::task::Poll;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use maitake_sync::WaitQueue;

use crate::engine::Engine;
use crate::engine::wakes::{Queue, Room, WakeSet};

/// The tasks that wait for a socket: readers, and all others.
pub(crate) type SocketQueues = [WaitQueue; 2];

/// The engine behind a critical section.
///
/// Any number of tasks can wait: the queues link the futures of the waiting tasks, and hold no wakers themselves.
pub(crate) struct Shared<'d> {
    engine: Mutex<CriticalSectionRawMutex, RefCell<Engine<'d>>>,
    wakes: &'d WakeSet,
    rooms: [WaitQueue; Room::COUNT],
    slots: &'d [SocketQueues],
}

impl fmt::Debug for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'d> Shared<'d> {
    pub(crate) const fn new(engine: Engine<'d>, slots: &'d [SocketQueues]) -> Self {
        Self {
            wakes: engine.wakes,
            engine: Mutex::new(RefCell::new(engine)),
            rooms: [const { WaitQueue::new() }; Room::COUNT],
            slots,
        }
    }

    /// Calls `access` within a critical section: interrupts are off, so it has to be short. It cannot await. The tasks that are to
    /// be woken are woken behind it.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        let (value, woken) = self.engine.lock(|engine| {
            let Ok(mut engine) = engine.try_borrow_mut() else {
                locked_twice()
            };
            (access(&mut engine), self.wakes.take())
        });
        if woken != (0, 0) {
            self.wake(woken);
        }
        value
    }

    /// Waits until `operation` is ready. It is called again whenever the tasks in `queue` are woken.
    // An `async fn` would keep its arguments twice.
    #[allow(clippy::manual_async_fn)]
    pub(crate) fn wait<T>(
        &self,
        queue: Queue,
        mut operation: impl FnMut(&mut Engine<'d>) -> Poll<T>,
    ) -> impl Future<Output = T> {
        async move {
            loop {
                // Notices what happens from here on.
                let woken = self.queue(queue).wait();
                let result = self.with(|engine| {
                    let result = operation(engine);
                    if result.is_pending() {
                        engine.wakes.wait(queue);
                    }
                    result
                });
                if let Poll::Ready(value) = result {
                    return value;
                }
                // Queues are never closed.
                let _ = woken.await;
            }
        }
    }

    fn queue(&self, queue: Queue) -> &WaitQueue {
        let [runner, ..] = &self.rooms;
        let found = match queue {
            Queue::Room(room) => self.rooms.get(room as usize),
            Queue::Reader(key) => self.slots.get(key.index()).map(|[reader, _]| reader),
            Queue::Writer(key) => self.slots.get(key.index()).map(|[_, writer]| writer),
        };
        found.unwrap_or(runner)
    }

    fn wake(&self, (mut rooms, mut slots): (u32, u32)) {
        for queue in &self.rooms {
            if rooms & 1 > 0 {
                queue.wake_all();
            }
            rooms >>= 1;
        }
        for queue in self.slots.as_flattened() {
            if slots & 1 > 0 {
                queue.wake_all();
            }
            slots >>= 1;
        }
    }
}

/// The panic is in here once, instead of in every caller.
#[cold]
#[inline(never)]
fn locked_twice() -> ! {
    unreachable!("no code of the application runs within the lock")
}
