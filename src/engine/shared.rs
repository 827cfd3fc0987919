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
use crate::engine::wakes::Queue;

/// The engine behind a critical section.
pub(crate) struct Shared<'d>(Mutex<CriticalSectionRawMutex, RefCell<Engine<'d>>>);

impl fmt::Debug for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'d> Shared<'d> {
    pub(crate) const fn new(engine: Engine<'d>) -> Self {
        Self(Mutex::new(RefCell::new(engine)))
    }

    /// Calls `access` within a critical section: interrupts are off, so it has to be short. It cannot await. The tasks that are to
    /// be woken are woken behind it.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        let (value, queues) = self.lock(|engine| (access(engine), engine.wakes.take()));
        if queues != 0 {
            self.wake(queues);
        }
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
            let (result, is_known) = self.with(|engine| {
                let result = operation(engine);
                let is_known = result.is_ready() || engine.waiters.add(queue, context.waker());
                (result, is_known)
            });
            if !is_known {
                self.look_again(context);
            }
            result
        })
    }

    /// More tasks wait than the stack has room for: this one looks again, at once if there is room now, otherwise after a pause.
    fn look_again(&self, context: &mut Context<'_>) {
        let now = Instant::now();
        if self.lock(|engine| engine.waiters.purge_due(now)) {
            self.wake(u32::MAX);
            context.waker().wake_by_ref();
        } else {
            // The waker stays with the time driver.
            let _ = pin!(Timer::after(OVERFLOW_PAUSE)).poll(context);
        }
    }

    /// Wakes the tasks in these queues, outside the lock: a waker may call the stack.
    fn wake(&self, queues: u32) {
        // Bounded, for wakers that poll their task at once.
        for _ in 0..WAITERS {
            let Some(waker) = self.lock(|engine| engine.waiters.take(queues)) else {
                return;
            };
            waker.wake();
        }
    }
}

/// One copy of the panic instead of one in each caller.
#[cold]
fn locked_twice() -> ! {
    unreachable!("no code of the application runs within the lock")
}
