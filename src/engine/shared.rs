//! The engine, with which one task works at a time, and the tasks that wait for it. The stack, its sockets and the runner share it.
//!
//! A task takes the engine, works with it, and puts it back. Only taking it and putting it back are critical sections, each of a few
//! instructions, however long the work takes.
//!
//! Another thread, or a task that has interrupted the one with the engine, finds no engine meanwhile. It must not wait in place: the
//! task with the engine may be able to go on only after it. So:
//!
//! * a future is pending, and its task is woken when the engine is back ([`with`](Shared::with), [`wait`](Shared::wait));
//! * a call that returns at once returns without a result ([`try_with`](Shared::try_with), [`poll`](Shared::poll));
//! * a message is left in a mailbox ([`post`](Shared::post)): the task with the engine handles it before it puts the engine back.

use core::cell::Cell;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::{Duration, Instant, Timer};

use crate::engine::mailbox::{HAS_WAITING, Mailbox, Message};
use crate::engine::statistics::Counters;
use crate::engine::wakes::{OVERFLOW_PAUSE, Queue};
use crate::engine::{Engine, LinkState};
use crate::error::LinkError;
use crate::util::time;

/// How many tasks can wait for the engine at a time. Each belongs to another thread, or to an executor of another priority. Further
/// tasks look again every [`RETRY`].
const WAITING: usize = 4;
const RETRY: Duration = Duration::from_millis(10);

/// The state of the link when the engine was put back last. It can be read while the engine is in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkView {
    pub(crate) state: LinkState,
    /// How often it has changed, and when last.
    #[cfg(feature = "link-control")]
    pub(crate) changes: u32,
    #[cfg(feature = "link-control")]
    pub(crate) since: Instant,
}

impl LinkView {
    const NEW: Self = Self {
        state: LinkState::Down(LinkError::NotRunning),
        #[cfg(feature = "link-control")]
        changes: 0,
        #[cfg(feature = "link-control")]
        since: Instant::MIN,
    };

    fn of(mut self, engine: &Engine<'_>) -> Self {
        self.state = engine.link_state();
        #[cfg(feature = "link-control")]
        if self.changes != engine.link.changes() {
            self.changes = engine.link.changes();
            self.since = time::now();
        }
        self
    }
}

/// The engine, and the counters, for which it need not be taken.
pub(crate) struct Shared<'d, M = CriticalSectionRawMutex> {
    lock: Mutex<M, Lock<'d>>,
    pub(crate) counters: &'d Counters,
}

/// What is accessed in critical sections only.
struct Lock<'d> {
    /// `None` while it is in use.
    engine: Cell<Option<&'d mut Engine<'d>>>,
    /// Wakers of tasks that wait for it.
    waiting: [Cell<Option<Waker>>; WAITING],
    mailbox: Cell<Mailbox>,
    link: Cell<LinkView>,
    #[cfg(feature = "at-client")]
    last_owner: Cell<u16>,
}

impl<'d> Lock<'d> {
    /// Returns the engine if there are messages, which come first.
    fn put_back(&self, engine: &'d mut Engine<'d>) -> Option<&'d mut Engine<'d>> {
        if self.mailbox.get().bits != 0 {
            return Some(engine);
        }
        self.engine.set(Some(engine));
        None
    }

    fn post(&self, put: impl FnOnce(&mut Mailbox)) {
        let mut mailbox = self.mailbox.get();
        put(&mut mailbox);
        self.mailbox.set(mailbox);
    }

    fn take_messages(&self) -> Mailbox {
        let mailbox = self.mailbox.get();
        self.mailbox.set(mailbox.emptied());
        mailbox
    }

    /// A task waits for the engine. Returns whether there was room for its waker.
    fn add_waiting(&self, waker: &Waker) -> bool {
        self.post(|mailbox| mailbox.bits |= HAS_WAITING);
        let mut new = Some(waker.clone());
        self.waiting.iter().any(|place| {
            let known = place.take().or_else(|| new.take());
            let is_known = known.as_ref().is_some_and(|known| known.will_wake(waker));
            place.set(known);
            is_known
        })
    }
}

impl<M> fmt::Debug for Shared<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'d, M: RawMutex> Shared<'d, M> {
    pub(crate) const fn new(engine: &'d mut Engine<'d>) -> Self {
        Self {
            counters: engine.counters,
            lock: Mutex::new(Lock {
                link: Cell::new(LinkView::NEW),
                engine: Cell::new(Some(engine)),
                waiting: [const { Cell::new(None) }; WAITING],
                mailbox: Cell::new(Mailbox::EMPTY),
                #[cfg(feature = "at-client")]
                last_owner: Cell::new(0),
            }),
        }
    }

    // ---- without the engine --------------------------------------------------------------------------------------

    /// The link as it was when the engine was put back last.
    pub(crate) fn link(&self) -> LinkView {
        self.lock.lock(|lock| lock.link.get())
    }

    /// A new number that identifies one user of the command slot.
    #[cfg(feature = "at-client")]
    pub(crate) fn new_owner(&self) -> u16 {
        self.lock.lock(|lock| {
            let owner = lock.last_owner.get().wrapping_add(1);
            lock.last_owner.set(owner);
            owner
        })
    }

    // ---- with the engine -----------------------------------------------------------------------------------------

    /// Calls `access`, unless the engine is in use.
    pub(crate) fn try_with<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> Option<T> {
        let engine = self.take()?;
        let value = access(engine);
        self.put_back(engine);
        Some(value)
    }

    /// Calls `operation`. Pending while the engine is in use.
    pub(crate) fn poll<T>(&self, operation: impl FnOnce(&mut Engine<'d>) -> Poll<T>) -> Poll<T> {
        self.try_with(operation).unwrap_or(Poll::Pending)
    }

    /// Waits until the engine is not in use, sets its time, and calls `access` once.
    pub(crate) fn with<T>(
        &self,
        mut access: impl FnMut(&mut Engine<'d>) -> T,
    ) -> impl Future<Output = T> {
        poll_fn(move |context| match self.take_or_wait(context) {
            Some(engine) => {
                engine.env.now = time::now();
                let value = access(engine);
                self.put_back(engine);
                Poll::Ready(value)
            }
            None => Poll::Pending,
        })
    }

    /// Waits until `operation` is ready. It is called again whenever the tasks in `queue` are woken.
    pub(crate) fn wait<T>(
        &self,
        queue: Queue,
        mut operation: impl FnMut(&mut Engine<'d>) -> Poll<T>,
    ) -> impl Future<Output = T> {
        poll_fn(move |context| {
            let Some(engine) = self.take_or_wait(context) else {
                return Poll::Pending;
            };
            let result = operation(engine);
            if result.is_pending() {
                self.put_back_and_wait(engine, queue, context);
            } else {
                self.put_back(engine);
            }
            result
        })
    }

    /// Has the engine handle a message: now, or, while it is in use, before it is put back.
    #[inline(never)] // Many callers.
    pub(crate) fn post(&self, message: Message) {
        let engine = self.lock.lock(|lock| {
            lock.post(|mailbox| mailbox.put(message));
            lock.engine.take()
        });
        if let Some(engine) = engine {
            self.put_back(engine);
        }
    }

    // ---- the lock ------------------------------------------------------------------------------------------------

    #[inline(never)] // Many callers.
    fn take(&self) -> Option<&'d mut Engine<'d>> {
        self.lock.lock(|lock| lock.engine.take())
    }

    /// Takes the engine. If it is in use, the task is woken when it is back.
    #[inline(never)] // Many callers.
    fn take_or_wait(&self, context: &mut Context<'_>) -> Option<&'d mut Engine<'d>> {
        self.take().or_else(|| self.wait_in_line(context))
    }

    /// The engine was in use. It may be back.
    #[cold]
    #[inline(never)] // The registers of its caller need not be saved in the common case.
    fn wait_in_line(&self, context: &mut Context<'_>) -> Option<&'d mut Engine<'d>> {
        let (engine, is_known) = self.lock.lock(|lock| {
            let engine = lock.engine.take();
            let is_known = engine.is_some() || lock.add_waiting(context.waker());
            (engine, is_known)
        });
        if !is_known {
            look_again(context, RETRY);
        }
        engine
    }

    /// Puts the engine back, and wakes the tasks that are to be woken: a waker may call the stack.
    #[inline(never)] // Many callers.
    fn put_back(&self, engine: &'d mut Engine<'d>) {
        if !engine.wakes.is_empty() || engine.waiters.has_due {
            self.put_back_and_wake(engine);
        } else if let Some(engine) = self.lock.lock(|lock| lock.put_back(engine)) {
            self.put_back_and_wake(engine);
        }
    }

    #[cold]
    #[inline(never)] // As `wait_in_line`.
    fn put_back_and_wake(&self, mut engine: &'d mut Engine<'d>) {
        let mut has_waiting = false;
        let mut waker = None;
        loop {
            self.note_wakes(engine);
            waker = waker.or_else(|| engine.waiters.take());
            let has_more = engine.waiters.has_due;
            if let Some(back) = self.lock.lock(|lock| lock.put_back(engine)) {
                engine = back;
                let messages = self.lock.lock(Lock::take_messages);
                has_waiting |= messages.bits & HAS_WAITING != 0;
                engine.handle_messages(&messages);
                continue;
            }
            if core::mem::take(&mut has_waiting) {
                for index in 0..WAITING {
                    let waiting = |lock: &Lock<'_>| lock.waiting.get(index)?.take();
                    if let Some(waker) = self.lock.lock(waiting) {
                        waker.wake();
                    }
                }
            }
            if let Some(waker) = waker.take() {
                waker.wake();
            }
            if !has_more {
                return;
            }
            // If it is in use again, the task that has it wakes the others.
            match self.take() {
                Some(taken) => engine = taken,
                None => return,
            }
        }
    }

    /// Notes which tasks are to be woken, and the state of the link.
    fn note_wakes(&self, engine: &mut Engine<'d>) {
        let queues = engine.wakes.take();
        if queues & Queue::Link.bit() != 0 {
            self.lock
                .lock(|lock| lock.link.set(lock.link.get().of(engine)));
        }
        if queues != 0 {
            engine.waiters.wake(queues);
        }
    }

    /// As `put_back`, for a task that waits in this queue.
    #[inline(never)] // Many callers.
    fn put_back_and_wait(
        &self,
        engine: &'d mut Engine<'d>,
        queue: Queue,
        context: &mut Context<'_>,
    ) {
        let is_known = engine.waiters.add(queue, context.waker());
        // More tasks wait than the stack has room for: this one looks again, at once if there is room now, otherwise after a pause.
        let has_room = !is_known && engine.waiters.purge_due(time::now());
        if has_room {
            engine.wakes.wake_all();
        }
        self.put_back(engine);
        if has_room {
            context.waker().wake_by_ref();
        } else if !is_known {
            look_again(context, OVERFLOW_PAUSE);
        }
    }
}

/// There is no room for the waker of a task: it is woken after a pause.
#[cold]
#[inline(never)]
fn look_again(context: &mut Context<'_>, pause: Duration) {
    // The waker stays with the time driver.
    let _ = pin!(Timer::after(pause)).poll(context);
}
