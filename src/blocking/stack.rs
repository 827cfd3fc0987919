//! The blocking stack, which polls its runner.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Duration;
use embedded_nal::nb;

#[cfg(feature = "link-control")]
use crate::engine::LinkMode;
use crate::engine::shared::Shared;
use crate::engine::{Attempt, Engine, LinkState};
use crate::error::{Error, LinkError};
use crate::runner::RunError;
use crate::util::time::{self, after};

/// The lookup that a blocking stack has begun. The engine has its name.
#[cfg(feature = "dns")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// There is none; the engine may be busy with one of an asynchronous task.
    None,
    InProgress(u32),
    /// Another name was asked for while the result was there. The next call for another name discards the result.
    Unclaimed(u32),
}

/// A stack whose runner is polled once by each call.
///
/// `R` is the pinned future of [`Runner::run`](crate::Runner::run).
///
/// Sockets are used through two handles, [`tcp`](Self::tcp) and `udp` (feature `udp`), because the traits for TCP and UDP have
/// methods of the same names. Both handles are `Copy`, and any number of them can be in use.
pub struct Stack<'d, R: ?Sized, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) stack: crate::Stack<'d, M>,
    ended: Cell<Option<RunError>>,
    /// The attempt to bring the link up that [`Stack::link_up`] waits for.
    attempt: Cell<Option<Attempt>>,
    #[cfg(feature = "dns")]
    pub(super) lookup: Cell<Lookup>,
    /// Called while a method waits.
    idle: Cell<fn()>,
    runner: RefCell<R>,
}

/// A stack with a runner of any type: the type of the runner's future contains those of the UART driver, and the handles and
/// their sockets do without it.
pub(super) type AnyStack<'a, 'd, M> = Stack<'d, dyn Future<Output = RunError> + Unpin + 'a, M>;

impl<R: ?Sized, M: RawMutex> fmt::Debug for Stack<'_, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("link", &self.stack.link_state())
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

impl<'d, R: Future<Output = RunError> + Unpin, M: RawMutex> Stack<'d, R, M> {
    /// Combines a stack and the future of its runner.
    ///
    /// Nothing is sent before the first call of [`poll`](Self::poll) or any other method. Sockets are opened in the access
    /// mode of `stack`, which is buffer access mode unless it was changed with `Stack::with_access_mode` (feature `push`).
    pub const fn new(stack: crate::Stack<'d, M>, runner: R) -> Self {
        Self {
            stack,
            ended: Cell::new(None),
            attempt: Cell::new(None),
            #[cfg(feature = "dns")]
            lookup: Cell::new(Lookup::None),
            idle: Cell::new(core::hint::spin_loop),
            runner: RefCell::new(runner),
        }
    }
}

impl<'d, R: Future<Output = RunError> + Unpin + ?Sized, M: RawMutex> Stack<'d, R, M> {
    /// Polls the runner once. Every other method does the same first.
    ///
    /// This takes as long as the UART driver takes to return the bytes that it has received, and to accept those of one
    /// command.
    ///
    /// # Errors
    ///
    /// The reason why the runner has ended. From then on operations fail with [`LinkError::NotRunning`], after data that was
    /// received before has been read.
    pub fn poll(&self) -> Result<(), RunError> {
        if let Some(error) = self.ended.get() {
            return Err(error);
        }
        // The runner is borrowed while it is polled: its reset hook may use the stack.
        let Ok(mut runner) = self.runner.try_borrow_mut() else {
            return Ok(());
        };
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut *runner).poll(&mut context) {
            Poll::Pending => Ok(()),
            Poll::Ready(error) => {
                self.ended.set(Some(error));
                Err(error)
            }
        }
    }

    /// The state of the link to the network.
    pub fn link_state(&self) -> LinkState {
        let _ = self.poll();
        self.stack.link_state()
    }

    /// Whether the link is up.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while it is coming up. Otherwise the reason why the attempt in progress at the
    /// first call failed, or the next attempt if none was in progress. The runner keeps trying; calling this again waits for
    /// the result of the next attempt.
    pub fn link_up(&self) -> nb::Result<(), LinkError> {
        self.poll_attempt(|engine, since| engine.link.poll_up(since))
    }

    /// Sets what the application wants of the link, as [`set_link`](crate::Stack::set_link) of the asynchronous stack.
    #[cfg(feature = "link-control")]
    pub fn set_link(&self, mode: LinkMode) {
        self.attempt.set(None);
        self.stack.set_link(mode);
        let _ = self.poll();
    }

    /// The mode that the link is in, as soon as it is as [`set_link`](Self::set_link) asked for last.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while it is not. Otherwise as [`link_up`](Self::link_up).
    #[cfg(feature = "link-control")]
    pub fn link_mode(&self) -> nb::Result<LinkMode, LinkError> {
        self.poll_attempt(|engine, since| engine.link.poll_wish(since))
    }

    /// Polls the runner, then what an attempt to bring the link up, or down, has come to.
    fn poll_attempt<T>(
        &self,
        poll: impl FnOnce(&mut Engine<'d>, Attempt) -> Poll<Result<T, LinkError>>,
    ) -> nb::Result<T, LinkError> {
        let _ = self.poll();
        let shared = self.shared();
        let link = shared.poll(|engine| {
            let since = self.attempt.get().unwrap_or_else(|| engine.link.attempt());
            let link = poll(engine, since);
            self.attempt.set(link.is_pending().then_some(since));
            link
        });
        match link {
            Poll::Ready(result) => result.map_err(nb::Error::Other),
            Poll::Pending => Err(nb::Error::WouldBlock),
        }
    }

    /// The asynchronous handle of the same stack, for local addresses, statistics and everything else that has no blocking
    /// method. Its futures make progress while this stack is polled.
    #[must_use]
    pub const fn handle(&self) -> crate::Stack<'d, M> {
        self.stack
    }

    /// Polls the stack until a future of the [`handle`](Self::handle) is ready, and returns its result: for pings, settings and
    /// everything else that has no blocking method.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after `limit`; [`LinkError::NotRunning`] if the runner has ended and the future is not ready. The future
    /// is dropped then.
    ///
    /// ```
    /// # use quectel_nal::{Error, blocking};
    /// # fn example<R>(stack: &blocking::Stack<'_, R>) -> Result<(), Error>
    /// # where R: Future<Output = quectel_nal::RunError> + Unpin {
    /// use embassy_time::Duration;
    ///
    /// let addresses = stack.wait_for(stack.handle().resolve("example.com"), Duration::from_secs(30))??;
    /// # let _ = addresses;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for<T>(
        &self,
        future: impl Future<Output = T>,
        limit: Duration,
    ) -> Result<T, Error> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        self.wait(limit, || match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => Ok(value),
            Poll::Pending => Err(nb::Error::WouldBlock),
        })
    }

    /// Repeats an operation until it does not return `WouldBlock` any more.
    pub(super) fn wait<T>(
        &self,
        limit: Duration,
        mut operation: impl FnMut() -> nb::Result<T, Error>,
    ) -> Result<T, Error> {
        let end = after(time::now(), limit);
        loop {
            let alive = self.poll();
            match operation() {
                Ok(value) => return Ok(value),
                Err(nb::Error::Other(error)) => return Err(error),
                Err(nb::Error::WouldBlock) if alive.is_err() => {
                    return Err(Error::Link(LinkError::NotRunning));
                }
                Err(nb::Error::WouldBlock) if time::now() >= end => return Err(Error::TimedOut),
                Err(nb::Error::WouldBlock) => self.idle.get()(),
            }
        }
    }

    /// Sets the function that is called repeatedly while a method waits. Only [`wait_for`](Self::wait_for) and those of
    /// [`TcpStream`](super::TcpStream) and `AtClient` (feature `at-client`) do. The default is [`spin_loop`](core::hint::spin_loop).
    ///
    /// On a microcontroller it can execute `wfi`, if interrupts occur often enough; on Linux it can sleep for a short time.
    pub fn set_idle(&self, idle: fn()) {
        self.idle.set(idle);
    }

    pub(super) fn shared(&self) -> &'d Shared<'d, M> {
        self.stack.shared
    }

    /// Polls the runner, then an operation of the engine.
    pub(super) fn operate<T>(
        &self,
        operation: impl FnOnce() -> Poll<Result<T, Error>>,
    ) -> nb::Result<T, Error> {
        let _ = self.poll();
        match operation() {
            Poll::Ready(result) => result.map_err(nb::Error::Other),
            Poll::Pending => Err(nb::Error::WouldBlock),
        }
    }
}
