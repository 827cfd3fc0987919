//! Tasks that wait.

use core::task::Waker;

use embassy_sync::waitqueue::WakerRegistration;
use heapless::{Vec, VecView};

/// One task, of which the last that registers is woken. The same as [`WakerRegistration`], in one copy for all callers.
#[derive(Debug)]
pub(crate) struct OneWaker(WakerRegistration);

impl OneWaker {
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

/// Up to `N` tasks, which are all woken; more begin to wake each other. Unlike that of
/// [`MultiWakerRegistration`](embassy_sync::waitqueue::MultiWakerRegistration) its code is there once for all numbers.
#[derive(Debug)]
pub(crate) struct MultiWaker<const N: usize>(Vec<Waker, N>);

impl<const N: usize> MultiWaker<N> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn register(&mut self, waker: &Waker) {
        register(self.0.as_mut_view(), waker);
    }

    pub(crate) fn wake(&mut self) {
        wake(self.0.as_mut_view());
    }
}

#[inline(never)]
fn register(crowd: &mut VecView<Waker>, waker: &Waker) {
    if crowd.iter().any(|other| other.will_wake(waker)) {
        return;
    }
    if crowd.is_full() {
        wake(crowd);
    }
    // There is room now.
    let _ = crowd.push(waker.clone());
}

#[inline(never)]
fn wake(crowd: &mut VecView<Waker>) {
    while let Some(waker) = crowd.pop() {
        waker.wake();
    }
}
