//! Alarms in real time: one background thread, started with the first alarm.

use core::task::Waker;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Alarms {
    pending: Mutex<BTreeMap<u64, Vec<Waker>>>,
    changed: Condvar,
}

static START: OnceLock<Instant> = OnceLock::new();
static ALARMS: OnceLock<Alarms> = OnceLock::new();

pub fn now() -> u64 {
    START.get_or_init(Instant::now).elapsed().as_micros() as u64
}

pub fn schedule(at: u64, waker: &Waker) {
    let alarms = ALARMS.get_or_init(|| {
        std::thread::Builder::new()
            .name("virtual-modem-alarms".into())
            .spawn(ring)
            .expect("a thread for the alarms");
        Alarms::default()
    });
    let mut pending = lock(&alarms.pending);
    let is_first = pending.keys().next().is_none_or(|first| at < *first);
    let wakers = pending.entry(at).or_default();
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
    if is_first {
        alarms.changed.notify_one();
    }
}

fn lock(pending: &Mutex<BTreeMap<u64, Vec<Waker>>>) -> MutexGuard<'_, BTreeMap<u64, Vec<Waker>>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ring() {
    let alarms = ALARMS.wait();
    let mut pending = lock(&alarms.pending);
    loop {
        let now = now();
        let next = pending.keys().next().copied();
        pending = match next {
            Some(at) if at <= now => {
                let due = pending.remove(&at).unwrap_or_default();
                drop(pending);
                due.into_iter().for_each(Waker::wake);
                lock(&alarms.pending)
            }
            Some(at) => {
                let wait = Duration::from_micros(at - now);
                let waited = alarms.changed.wait_timeout(pending, wait);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => alarms
                .changed
                .wait(pending)
                .unwrap_or_else(PoisonError::into_inner),
        };
    }
}
