//! Futures as an executor runs them: each is a task with a waker of its own, and is polled only when that was woken. Tasks that were woken
//! meanwhile are polled in turn, the one that was woken last first, as embassy-executor does.

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
struct Bell {
    number: usize,
    is_rung: AtomicBool,
    queue: Arc<Queue>,
}

/// The tasks that are to be polled, in the order in which they were woken.
#[derive(Default)]
struct Queue {
    rung: Mutex<Vec<usize>>,
    executor: Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.is_rung.swap(true, Relaxed) {
            self.queue.rung.lock().unwrap().push(self.number);
        }
        if let Some(executor) = &*self.queue.executor.lock().unwrap() {
            executor.wake_by_ref();
        }
    }
}

/// Runs tasks until all have ended.
pub async fn run_tasks(works: Vec<Work<'_>>) {
    let queue = Arc::new(Queue::default());
    let mut tasks: Vec<_> = (0..)
        .zip(works)
        .map(|(number, work)| {
            let bell = Arc::new(Bell {
                number,
                is_rung: AtomicBool::new(false),
                queue: queue.clone(),
            });
            (Some(work), bell, 0)
        })
        .collect();
    for (_, bell, _) in tasks.iter().rev() {
        bell.clone().wake();
    }
    let mut now = embassy_time::Instant::now();
    poll_fn(|cx| {
        if now != embassy_time::Instant::now() {
            now = embassy_time::Instant::now();
            tasks.iter_mut().for_each(|(.., polls)| *polls = 0);
        }
        *queue.executor.lock().unwrap() = Some(cx.waker().clone());
        let rung = core::mem::take(&mut *queue.rung.lock().unwrap());
        for number in rung.into_iter().rev() {
            let (work, bell, polls) = &mut tasks[number];
            bell.is_rung.store(false, Relaxed);
            let Some(future) = work else {
                continue;
            };
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
