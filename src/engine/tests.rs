//! What the rule tests of all subjects have in common.
//!
//! The rules of a subject are tested next to it, in its `tests` module: lines of the module and calls of users go in, transactions
//! and results come out. Numbers in comments are sections of the note. [`Rig`](crate::engine::rig::Rig) plays everything around
//! the engine.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::task::Wake;

use crate::engine::{Engine, Queue};

/// The rings are large enough for the largest transactions.
pub(crate) type Rig = crate::engine::rig::Rig<'static>;

pub(crate) fn up() -> Rig {
    Rig::up::<3, 2048, 2048>()
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Alarm {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::new(Self::default());
        let waker = Waker::from(alarm.clone());
        (alarm, waker)
    }

    /// A task waits until this operation is ready, and is woken by the alarm. It is not polled again.
    pub(crate) fn of<T: 'static>(
        rig: &Rig,
        queue: Queue,
        operation: impl FnMut(&mut Engine<'static>) -> Poll<T> + 'static,
    ) -> Arc<Self> {
        let (alarm, waker) = Self::new();
        let mut task = Box::pin(rig.shared.wait(queue, operation));
        let mut context = Context::from_waker(&waker);
        assert!(task.as_mut().poll(&mut context).is_pending(), "{queue:?}");
        // It waits until the end of the test.
        Box::leak(Box::new(task));
        alarm
    }

    pub(crate) fn rang(&self) -> bool {
        self.count() > 0
    }

    /// How often it was woken since the last look.
    pub(crate) fn count(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}
