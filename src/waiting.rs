//! Tasks that wait.

use core::task::Waker;

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};

/// One task, of which the last that registers is woken. The same as [`WakerRegistration`], in one copy for all callers.
#[derive(Debug)]
pub(crate) struct Waiting(WakerRegistration);

impl Waiting {
    pub(crate) const fn new() -> Self {
        Self(WakerRegistration::new())
    }

    #[inline(never)]
    pub(crate) fn register(&mut self, waker: &Waker) {
        self.0.register(waker);
    }

    #[inline(never)]
    pub(crate) fn wake(&mut self) {
        self.0.wake();
    }
}

/// Up to `N` tasks, which are all woken; more begin to wake each other. The same as [`MultiWakerRegistration`], in one copy
/// for all callers.
#[derive(Debug)]
pub(crate) struct Crowd<const N: usize>(MultiWakerRegistration<N>);

impl<const N: usize> Crowd<N> {
    pub(crate) const fn new() -> Self {
        Self(MultiWakerRegistration::new())
    }

    #[inline(never)]
    pub(crate) fn register(&mut self, waker: &Waker) {
        self.0.register(waker);
    }

    #[inline(never)]
    pub(crate) fn wake(&mut self) {
        self.0.wake();
    }
}
