//! The engine behind a lock, shared by the stack, its sockets and the runner.

use core::cell::RefCell;
use core::fmt;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use crate::engine::Engine;

/// The engine behind a critical section.
pub(crate) struct Shared<'d> {
    engine: Mutex<CriticalSectionRawMutex, RefCell<Engine<'d>>>,
}

impl fmt::Debug for Shared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'d> Shared<'d> {
    pub(crate) const fn new(engine: Engine<'d>) -> Self {
        Self {
            engine: Mutex::new(RefCell::new(engine)),
        }
    }

    /// Calls `access` within a critical section: interrupts are off, so it has to be short. It cannot await.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        self.engine.lock(|engine| match engine.try_borrow_mut() {
            Ok(mut engine) => access(&mut engine),
            Err(_) => entangled(engine),
        })
    }
}

/// The lock is taken already: a waker has called back. The panic is in here once, instead of in every caller.
#[cold]
#[inline(never)]
fn entangled(engine: &RefCell<Engine<'_>>) -> ! {
    let _table = engine.borrow_mut();
    loop {
        core::hint::spin_loop();
    }
}
