//! The engine behind a lock, and the tasks that wait for it, shared by the stack, its sockets and the runner.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Instant, Timer};

use crate::engine::Engine;
use crate::engine::waiters::{OVERFLOW_PAUSE, WAITERS};
use crate::engine::wakes::{Queue, Woken};

/// The engine behind a critical section.
pub(crate) struct Shared<'d>(Mutex<CriticalSectionRawMutex, RefCell<Engine<'d>>>);

impl fmt::Debug for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The result of one call of the engine for a task that waits.
enum Attempt<T> {
    Ready(T),
    /// The task is woken when another call may be ready.
    Waits,
    /// There was no room for the task's waker.
    NoRoom,
}

impl<'d> Shared<'d> {
    pub(crate) const fn new(engine: Engine<'d>) -> Self {
        Self(Mutex::new(RefCell::new(engine)))
    }

    /// Calls `access` within a critical section: interrupts are off, so it has to be short. It cannot await. The tasks that are to
    /// be woken are woken behind it.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        let value = self.lock(access);
        self.wake();
        value
    }

    fn lock<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        self.0.lock(|engine| {
            let Ok(mut engine) = engine.try_borrow_mut() else {
                locked_twice()
            };
            access(&mut engine)
        })
    }

    /// Waits until `operation` is ready. It is called again whenever the tasks in `queue` are woken.
    pub(crate) fn wait<T>(
        &self,
        queue: Queue,
        mut operation: impl FnMut(&mut Engine<'d>) -> Poll<T>,
    ) -> impl Future<Output = T> {
        poll_fn(move |context| {
            loop {
                let attempt = self.with(|engine| match operation(engine) {
                    Poll::Ready(value) => Attempt::Ready(value),
                    Poll::Pending => {
                        engine.wakes.wait(queue);
                        if engine.waiters.add(queue.number(), context.waker()) {
                            Attempt::Waits
                        } else {
                            Attempt::NoRoom
                        }
                    }
                });
                match attempt {
                    Attempt::Ready(value) => return Poll::Ready(value),
                    Attempt::NoRoom if self.make_room(context) => {}
                    _ => return Poll::Pending,
                }
            }
        })
    }

    /// More tasks wait than the stack has room for. Returns whether there is room now; otherwise the task is woken after a pause.
    fn make_room(&self, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let is_due = self.lock(|engine| engine.waiters.purge_due(now));
        if is_due {
            self.wake_all(Woken::ALL);
        } else {
            // The waker stays with the time driver.
            let _ = pin!(Timer::after(OVERFLOW_PAUSE)).poll(context);
        }
        is_due
    }

    /// Wakes the tasks that are to be woken, outside the lock: a waker may call the stack.
    fn wake(&self) {
        let woken = self.lock(|engine| engine.wakes.take());
        if woken != Woken::NONE {
            self.wake_all(woken);
        }
    }

    fn wake_all(&self, woken: Woken) {
        // Bounded, for wakers that poll their task at once.
        for _ in 0..WAITERS {
            let Some(waker) = self.lock(|engine| engine.waiters.take(&woken)) else {
                return;
            };
            waker.wake();
        }
    }
}

/// In here once, instead of in every caller.
#[cold]
fn locked_twice() -> ! {
    unreachable!("no code of the application runs within the lock")
}
