//! A clock per thread that only moves when nothing is left to do.

use core::cell::RefCell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// When [`run_virtual_with`] gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The clock may not pass this point.
    pub time: Duration,
    /// So many polls in a row without the clock moving are a livelock.
    pub polls: u64,
}

impl Default for Limits {
    /// 24 hours, two million polls.
    fn default() -> Self {
        Limits {
            time: Duration::from_secs(24 * 3600),
            polls: 2_000_000,
        }
    }
}

#[derive(Default)]
struct Clock {
    now: u64,
    alarms: BTreeMap<u64, Vec<Waker>>,
}

thread_local! {
    static CLOCK: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

/// Whether the calling thread is inside [`run_virtual`].
pub fn is_virtual() -> bool {
    CLOCK.with_borrow(|clock| clock.is_some())
}

pub(super) fn now() -> Option<u64> {
    CLOCK.with_borrow(|clock| clock.as_ref().map(|clock| clock.now))
}

/// False when this thread has no virtual clock.
pub(super) fn schedule(at: u64, waker: &Waker) -> bool {
    CLOCK.with_borrow_mut(|clock| {
        let Some(clock) = clock else { return false };
        if at <= clock.now {
            waker.wake_by_ref();
            return true;
        }
        let wakers = clock.alarms.entry(at).or_default();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        true
    })
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Ends the thread's virtual time, also when a test panics.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        // The wakers are dropped outside the borrow: they may own anything.
        let clock = CLOCK.with_borrow_mut(Option::take);
        drop(clock);
    }
}

/// [`run_virtual_with`] the default [`Limits`].
pub fn run_virtual<F: Future>(future: F) -> F::Output {
    run_virtual_with(Limits::default(), future)
}

/// Runs a future on this thread under a clock of its own that starts at zero.
///
/// Whenever nothing has been woken, the clock jumps to the next alarm. Wakes from other threads are not
/// waited for: everything the future needs must happen on this thread.
///
/// # Panics
///
/// When nothing can ever happen again (a deadlock), when the future is polled more often than
/// [`Limits::polls`] without the clock moving (a livelock), when the clock would pass [`Limits::time`],
/// and when called from inside itself. Each message tells the virtual time.
pub fn run_virtual_with<F: Future>(limits: Limits, future: F) -> F::Output {
    assert!(!is_virtual(), "run_virtual does not nest");
    CLOCK.set(Some(Clock::default()));
    let _leave = Leave;
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(flag.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut polls = 0;
    loop {
        while !flag.0.swap(false, Ordering::SeqCst) {
            advance(&limits);
            polls = 0;
        }
        polls += 1;
        assert!(
            polls <= limits.polls,
            "livelock: {} polls and the clock still shows {:?}",
            limits.polls,
            super::now()
        );
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

fn advance(limits: &Limits) {
    let now = super::now();
    let due = CLOCK.with_borrow_mut(|clock| {
        let clock = clock.as_mut()?;
        let (at, wakers) = clock.alarms.pop_first()?;
        clock.now = at;
        Some(wakers)
    });
    let Some(due) = due else {
        panic!(
            "deadlock: at {now:?} nothing is awake and no alarm is set, so nothing can ever happen again"
        );
    };
    assert!(
        super::now() <= limits.time,
        "the clock passed its limit of {:?}; the last stop was {now:?}",
        limits.time
    );
    due.into_iter().for_each(Waker::wake);
}
