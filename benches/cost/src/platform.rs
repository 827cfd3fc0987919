//! What a board brings, as little as possible of it: one thread, a clock that only moves when nothing else does.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use critical_section::RawRestoreState;
use embassy_time_driver::Driver;

/// Nothing can interrupt the only thread.
struct OneThread;

critical_section::set_impl!(OneThread);

// SAFETY: this program has one thread and no interrupts.
unsafe impl critical_section::Impl for OneThread {
    unsafe fn acquire() -> RawRestoreState {}

    unsafe fn release(_: RawRestoreState) {}
}

struct Clock(AtomicU64);

impl Driver for Clock {
    fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn schedule_wake(&self, _: u64, _: &Waker) {}
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock(AtomicU64::new(0)));

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Polls until the end; the clock moves by a millisecond whenever nobody was woken.
pub fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    for _ in 0..100_000_000_u64 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        if !flag.0.swap(false, Relaxed) {
            CLOCK.0.fetch_add(1000, Relaxed);
        }
    }
    panic!("no end in sight");
}
