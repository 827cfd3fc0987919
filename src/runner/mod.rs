//! The runner: the only code that does I/O.
//!
//! [`Runner::run`] is one future with two halves. [`receive`] reads the serial line and digests what it read.
//! [`transact`] asks the engine what to do next, does it, and reports the result. There is at most one AT transaction in
//! flight.

mod control_lines;
pub(crate) mod digester;
mod error;
mod escape;
pub(crate) mod receive;
pub(crate) mod receive_buffer;
#[cfg(feature = "sleep")]
mod sleep;
mod transact;
mod transmit;

use core::fmt;

use atat::{AtatUrc, ResponseSlot, UrcChannel};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embedded_io_async::{Read, Write};

use crate::engine::Wiring;
use crate::engine::mailbox::Message;
use crate::engine::shared::Shared;
pub use control_lines::{ControlLines, Reset};
pub use error::RunError;
use receive::Receiver;
use receive_buffer::Urcs;
use transact::Transactor;

/// Runs a stack: owns the serial line, brings the link up, keeps it up, and moves the data of the sockets.
///
/// Nothing works without it: while no [`run`](Self::run) future is polled, no byte is read or written.
///
/// [`reset`](Self::reset), [`control_lines`](Self::control_lines) and [`urcs`](Self::urcs) add what a program has besides the UART:
///
/// ```
/// # async fn example(
/// #     runner: quectel_nal::Runner<'_>,
/// #     rx: impl embedded_io_async::Read,
/// #     tx: impl embedded_io_async::Write,
/// # ) {
/// let mut runner = runner.reset(async || { /* switch the module off and on */ });
/// let error = runner.run(rx, tx).await;
/// # let _ = error;
/// # }
/// ```
pub struct Runner<'d, L = (), U = (), M: RawMutex = CriticalSectionRawMutex> {
    shared: &'d Shared<'d, M>,
    /// What is read from the serial line.
    line_buffer: &'d mut [u8],
    /// What is written to it.
    command_buffer: &'d mut [u8],
    lines: L,
    urcs: U,
}

impl<L, U, M: RawMutex> fmt::Debug for Runner<'_, L, U, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl<'d, M: RawMutex> Runner<'d, (), (), M> {
    pub(crate) const fn new(
        shared: &'d Shared<'d, M>,
        line_buffer: &'d mut [u8],
        command_buffer: &'d mut [u8],
    ) -> Self {
        Self {
            shared,
            line_buffer,
            command_buffer,
            lines: (),
            urcs: (),
        }
    }
}

impl<'d, L, U, M: RawMutex> Runner<'d, L, U, M> {
    /// Adds a function that restarts a module that has stopped answering, as [`ControlLines::reset`] describes.
    ///
    /// For a board that has no other control line: it replaces those that were added before.
    pub fn reset<F: AsyncFnMut()>(self, reset: F) -> Runner<'d, Reset<F>, U, M> {
        self.control_lines(Reset(reset))
    }

    /// Adds the control lines that the board has wired.
    pub fn control_lines<C: ControlLines>(self, lines: C) -> Runner<'d, C, U, M> {
        Runner {
            shared: self.shared,
            line_buffer: self.line_buffer,
            command_buffer: self.command_buffer,
            lines,
            urcs: self.urcs,
        }
    }

    /// Adds a channel for URCs. Lines that the stack does not handle are parsed as `Urc` and published to it; a line that `Urc`
    /// does not know is ignored.
    ///
    /// The runner does not wait for room in the channel: while it is full, URCs are dropped and counted in
    /// [`Statistics::dropped_urcs`](crate::Statistics::dropped_urcs).
    ///
    /// # Panics
    ///
    /// [`run`](Self::run) panics if another runner is running with the same channel.
    pub fn urcs<'u, Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize>(
        self,
        urcs: &'u UrcChannel<Urc, CAPACITY, SUBSCRIBERS>,
    ) -> Runner<'d, L, &'u UrcChannel<Urc, CAPACITY, SUBSCRIBERS>, M> {
        Runner {
            shared: self.shared,
            line_buffer: self.line_buffer,
            command_buffer: self.command_buffer,
            lines: self.lines,
            urcs,
        }
    }
}

impl<L: ControlLines, U: Urcs, M: RawMutex> Runner<'_, L, U, M> {
    /// Runs the stack until the serial line fails.
    ///
    /// `rx` and `tx` are the two halves of a UART, set to the baud rate of the module. `rx` has to be buffered (by
    /// interrupt or DMA): without RTS/CTS the module does not wait while the program does something else.
    ///
    /// # Errors
    ///
    /// Returns only when the serial line cannot be used any more: a read returned end of file, a write failed, or every
    /// read has failed for two minutes. All other trouble is handled, and is visible in
    /// [`Stack::link_state`](crate::Stack::link_state). Afterwards every operation that needs the module fails with
    /// [`LinkError::NotRunning`](crate::LinkError::NotRunning), until the runner is run again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future fails all open sockets with [`LinkError::NotRunning`](crate::LinkError::NotRunning). Tasks that
    /// wait for a connection go on waiting. The runner can be run again, with the same serial line or another one: it
    /// brings the module up from whatever state it was left in.
    // An `async fn` would keep its arguments twice.
    pub fn run(&mut self, mut rx: impl Read, tx: impl Write) -> impl Future<Output = RunError> {
        let shared = self.shared;
        let mut transactor =
            Transactor::new(shared, tx, &mut self.lines, &mut *self.command_buffer);
        let (urcs, bytes) = (&mut self.urcs, &mut *self.line_buffer);
        async move {
            // An ingress needs a response slot. It stays empty: information responses are handled by the engine.
            let response = ResponseSlot::<1>::new();
            let mut receiver = Receiver::new(shared, urcs.buffer(bytes, &response));
            shared.post(Message::RunnerStarted(Wiring {
                reset: transactor.lines.can_reset(),
                dtr: transactor.lines.has_dtr(),
                #[cfg(feature = "sleep")]
                sleep: transactor.lines.can_sleep(),
            }));
            let mut running = Running {
                shared,
                has_failed: false,
            };
            let ended = select(receiver.run(&mut rx), transactor.run()).await;
            running.has_failed = true;
            match ended {
                Either::First(error) | Either::Second(error) => error,
            }
        }
    }
}

/// Tells the engine when the runner stops.
struct Running<'d, M: RawMutex> {
    shared: &'d Shared<'d, M>,
    /// The serial line has failed, so that waiting for the runner is of no use.
    has_failed: bool,
}

impl<M: RawMutex> Drop for Running<'_, M> {
    fn drop(&mut self) {
        self.shared.post(Message::RunnerStopped {
            for_good: self.has_failed,
        });
    }
}
