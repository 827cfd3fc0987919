//! The socket table, behind the lock that the stack, its sockets and the runner share.

use core::cell::RefCell;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use crate::socket::Table;

/// What the stack, its sockets and the runner share.
pub(crate) struct Shared<'d> {
    table: Mutex<CriticalSectionRawMutex, RefCell<Table<'d>>>,
}

impl<'d> Shared<'d> {
    pub(crate) const fn new(table: Table<'d>) -> Self {
        Self {
            table: Mutex::new(RefCell::new(table)),
        }
    }

    /// Short and never across an await: interrupts may be off.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Table<'d>) -> T) -> T {
        self.table.lock(|table| match table.try_borrow_mut() {
            Ok(mut table) => access(&mut table),
            Err(_) => entangled(table),
        })
    }
}

/// The lock is taken already: a waker has called back. The panic is in here once, instead of in every caller.
#[cold]
#[inline(never)]
fn entangled(table: &RefCell<Table<'_>>) -> ! {
    let _table = table.borrow_mut();
    loop {
        core::hint::spin_loop();
    }
}
