//! Futures as an executor runs them: each is a task with a waker of its own, and is polled only when that was woken.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Wake;

/// More polls of one task than this while no time passes: it is woken for nothing.
const MOST_POLLS: u32 = 5000;

/// A task that has not ended.
pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Wakes one task, and the task that runs them all.
#[derive(Default)]
struct Bell {
    is_rung: AtomicBool,
    executor: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.is_rung.store(true, Relaxed);
        if let Some(executor) = &*self.executor.lock().unwrap() {
            executor.wake_by_ref();
        }
    }
}

/// Runs tasks until all have ended.
pub async fn run_tasks(works: Vec<Work<'_>>) {
    let mut tasks: Vec<_> = works
        .into_iter()
        .map(|work| {
            let bell = Arc::new(Bell::default());
            bell.is_rung.store(true, Relaxed);
            (Some(work), bell, 0)
        })
        .collect();
    let mut now = embassy_time::Instant::now();
    poll_fn(|cx| {
        if now != embassy_time::Instant::now() {
            now = embassy_time::Instant::now();
            tasks.iter_mut().for_each(|(.., polls)| *polls = 0);
        }
        for (work, bell, polls) in &mut tasks {
            *bell.executor.lock().unwrap() = Some(cx.waker().clone());
            let Some(future) = work else {
                continue;
            };
            if !bell.is_rung.swap(false, Relaxed) {
                continue;
            }
            *polls += 1;
            assert!(*polls < MOST_POLLS, "a task is woken all the time");
            let waker = Waker::from(bell.clone());
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                *work = None;
            }
        }
        if tasks.iter().all(|(work, ..)| work.is_none()) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}
