//! The `embedded-nal` face: sockets without `async`, an executor, threads or interrupts.
//!
//! [`Stack`] holds the future of the runner and polls it once per call. No call of the `nb` traits ever waits, not even
//! while the module takes 150 s to activate its context: what is not there yet is
//! [`WouldBlock`](embedded_nal::nb::Error::WouldBlock), and the program is free to do something else before it asks again.
//!
//! ```
//! # fn example<U>(uart: U) -> Result<(), Box<dyn core::error::Error>>
//! # where U: embedded_io::Read + embedded_io::ReadReady + embedded_io::Write {
//! use core::pin::pin;
//! use embedded_nal::nb::block;
//! use embedded_nal::{AddrType, Dns, TcpClientStack};
//! use quectel_nal::{Config, Resources, blocking};
//!
//! let mut resources = Resources::<2, 2048, 1024>::new();
//! let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
//!
//! let uart = blocking::Uart::new(uart);
//! let (rx, tx) = uart.split();
//! let engine = pin!(runner.run(rx, tx));
//! let stack = blocking::Stack::new(stack, engine);
//!
//! block!(stack.link_up())?;
//! let mut tcp = stack.tcp();
//! let server = block!(tcp.get_host_by_name("example.com", AddrType::IPv4))?;
//! let mut socket = tcp.socket()?;
//! block!(tcp.connect(&mut socket, (server, 7).into()))?;
//! block!(tcp.send(&mut socket, b"hello"))?;
//! let mut answer = [0; 64];
//! let length = block!(tcp.receive(&mut socket, &mut answer))?;
//! tcp.close(socket)?;
//! # let _ = length;
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! The runner needs a time driver for `embassy-time`. The timer queue that most drivers have by default panics when it is
//! given a waker that is not of embassy's executor, as all are here: without that executor enable one of the features
//! `generic-queue-8` to `generic-queue-128` of `embassy-time-queue-utils`, or the same of `embassy-time`. Eight timers are enough.
//!
//! # How often to call
//!
//! The serial line is served by the calls and by nothing else. A program that is busy elsewhere calls [`Stack::poll`]
//! before the driver's receive buffer is full, or has the module wait by RTS/CTS.

mod at_client;
mod dns;
mod socket;
mod tcp;
mod tcp_stream;
mod uart;
mod udp;

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use embedded_nal::nb;

pub use at_client::AtClient;
pub use tcp::{Tcp, TcpSocket};
pub use tcp_stream::TcpStream;
pub use uart::{Uart, UartRx, UartTx};
pub use udp::{Udp, UdpSocket};

use crate::at::AccessMode;
use crate::engine::shared::Shared;
use crate::engine::{Attempt, LinkState};
use crate::error::{Error, LinkError};
use crate::runner::RunError;

/// A stack that is driven by being used.
///
/// `R` is the pinned future of [`Runner::run`](crate::Runner::run), or of
/// [`Runner::run_with_reset`](crate::Runner::run_with_reset).
///
/// Sockets are used through two handles, because the traits for TCP and UDP have methods of the same names:
/// [`tcp`](Self::tcp) and [`udp`](Self::udp). Both are `Copy`, and any number of them can be in use.
pub struct Stack<'d, R: ?Sized> {
    stack: crate::Stack<'d>,
    ended: Cell<Option<RunError>>,
    /// The attempt to bring the link up that [`Stack::link_up`] waits for.
    attempt: Cell<Option<Attempt>>,
    question: dns::Question,
    idle: Cell<fn()>,
    runner: RefCell<R>,
}

/// What the handles refer to: a stack of whatever runner.
type Engine<'a, 'd> = Stack<'d, dyn Future<Output = RunError> + Unpin + 'a>;

impl<R: ?Sized> fmt::Debug for Stack<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("link", &self.stack.link_state())
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}

impl<'d, R: Future<Output = RunError> + Unpin> Stack<'d, R> {
    /// Puts together a stack and its runner, as they come from [`new`](crate::new()).
    ///
    /// Nothing happens before the first call of [`poll`](Self::poll) or any other method. Sockets are opened in the access
    /// mode of the handle ([`with_access_mode`](crate::Stack::with_access_mode)).
    pub const fn new(stack: crate::Stack<'d>, runner: R) -> Self {
        Self {
            stack,
            ended: Cell::new(None),
            attempt: Cell::new(None),
            question: dns::Question::new(),
            idle: Cell::new(core::hint::spin_loop),
            runner: RefCell::new(runner),
        }
    }

    /// The TCP sockets.
    pub const fn tcp(&self) -> Tcp<'_, 'd> {
        Tcp::new(self)
    }

    /// The UDP sockets.
    pub const fn udp(&self) -> Udp<'_, 'd> {
        Udp::new(self)
    }

    /// A client for AT commands of one's own, which take turns with those of the stack.
    pub fn at(&self) -> AtClient<'_, 'd> {
        AtClient::new(self)
    }
}

impl<'d, R: Future<Output = RunError> + Unpin + ?Sized> Stack<'d, R> {
    /// Lets the runner do what can be done now. Every other method does the same first.
    ///
    /// The runner is polled once. That takes no longer than the serial driver takes to hand over the bytes that it has
    /// and to take those of one command.
    ///
    /// # Errors
    ///
    /// Why the runner has stopped. From then on every operation fails with [`LinkError::NotRunning`], once what was
    /// received before has been read.
    pub fn poll(&self) -> Result<(), RunError> {
        if let Some(error) = self.ended.get() {
            return Err(error);
        }
        // A reset hook may use the stack: the runner is being polled then.
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

    /// How the link to the network is.
    pub fn link_state(&self) -> LinkState {
        let _ = self.poll();
        self.stack.link_state()
    }

    /// Whether the link is up.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while it is coming up. Otherwise why the attempt under way at the first call,
    /// or if there was none the next one, failed. The runner goes on trying; the call after that waits for the next attempt.
    pub fn link_up(&self) -> nb::Result<(), LinkError> {
        let alive = self.poll();
        let shared = self.shared();
        let since = self.attempt.take();
        let since = since.unwrap_or_else(|| shared.with(|engine| engine.attempt()));
        match shared.with(|engine| engine.poll_link(since, Waker::noop())) {
            Poll::Ready(result) => result.map_err(nb::Error::Other),
            Poll::Pending if alive.is_err() => Err(nb::Error::Other(LinkError::NotRunning)),
            Poll::Pending => {
                self.attempt.set(Some(since));
                Err(nb::Error::WouldBlock)
            }
        }
    }

    /// The handle of the same stack for everything that is not specific to this face: addresses, statistics.
    /// Its futures get on as long as this stack is polled.
    #[must_use]
    pub const fn handle(&self) -> crate::Stack<'d> {
        self.stack
    }

    /// Sets what is called again and again while one of the few methods that do wait by contract waits: those of
    /// [`TcpStream`] and [`AtClient`]. Without it they spin.
    ///
    /// On a microcontroller this can be `wfi`, if something interrupts it often enough; on Linux a short sleep.
    pub fn set_idle(&self, idle: fn()) {
        self.idle.set(idle);
    }

    /// The access mode of new sockets: that of the handle which the stack was made from.
    const fn mode(&self) -> AccessMode {
        self.stack.mode
    }

    fn shared(&self) -> &'d Shared<'d> {
        self.stack.shared
    }

    /// One operation: the runner gets its turn, then the table is asked.
    fn operate<T>(
        &self,
        operation: impl FnOnce() -> Poll<Result<T, Error>>,
    ) -> nb::Result<T, Error> {
        let alive = self.poll();
        match operation() {
            Poll::Ready(result) => result.map_err(nb::Error::Other),
            Poll::Pending if alive.is_err() => {
                Err(nb::Error::Other(Error::Link(LinkError::NotRunning)))
            }
            Poll::Pending => Err(nb::Error::WouldBlock),
        }
    }
}
