//! The socket table, rule by rule: lines from the module and wishes of users in, transactions and results out.
//!
//! Numbers in comments are sections of the note. [`Rig`](crate::engine::rig::Rig) plays everything around the table.

mod at;
mod close;
mod datagram;
mod fairness;
mod link;
mod listen;
mod lookup;
mod mode;
mod open;
mod read;
mod report;
mod send;
mod stream;
mod urc;
mod wake;

use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use std::sync::Arc;
use std::task::Wake;

/// The rings are large enough for the largest transactions.
type Rig = crate::engine::rig::Rig<'static>;

fn up() -> Rig {
    Rig::up::<3, 2048, 2048>()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::new(Self::default());
        let waker = Waker::from(alarm.clone());
        (alarm, waker)
    }

    fn rang(&self) -> bool {
        self.0.swap(0, Ordering::Relaxed) > 0
    }
}
