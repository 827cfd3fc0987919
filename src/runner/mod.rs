//! The runner: the only code that does I/O.
//!
//! [`Runner::run`] is one future with two halves. [`receive`] reads the serial line and digests what it read.
//! [`transact`] asks the engine what to do next, does it, and reports the result. There is at most one AT transaction in
//! flight.

mod control_lines;
pub(crate) mod digester;
mod escape;
pub(crate) mod receive;
pub(crate) mod receive_buffer;
mod transact;
mod transmit;

use core::fmt;

use atat::{AtatUrc, Ingress, ResponseSlot, UrcChannel};
use embassy_futures::select::{Either, select};
use embedded_io_async::{ErrorKind, Read, Write};

use crate::engine::shared::Shared;
pub use control_lines::ControlLines;
use control_lines::Reset;
use receive::Receiver;
use receive_buffer::{ReceiveBuffer, WholeLine};
use transact::Transactor;

/// Why [`Runner::run`] returned: the serial line cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// A read returned end of file: the port is gone.
    Closed,
    /// Every read has failed for two minutes. This is the kind of the last error.
    Read(ErrorKind),
    /// A write failed with an error of this kind.
    Write(ErrorKind),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the serial port was closed"),
            Self::Read(kind) => write!(f, "reading from the serial port failed: {kind}"),
            Self::Write(kind) => write!(f, "writing to the serial port failed: {kind}"),
        }
    }
}

impl core::error::Error for RunError {}

/// Runs a stack: owns the serial line, brings the link up, keeps it up, and moves the data of the sockets.
///
/// Nothing works without it: while no `run` future is polled, no byte is read or written.
pub struct Runner<'d> {
    shared: &'d Shared<'d>,
    /// What is read from the serial line.
    receive_buffer: &'d mut [u8],
    /// What is written to it.
    transmit_buffer: &'d mut [u8],
}

impl fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl<'d> Runner<'d> {
    pub(crate) fn new(
        shared: &'d Shared<'d>,
        receive_buffer: &'d mut [u8],
        transmit_buffer: &'d mut [u8],
    ) -> Self {
        Self {
            shared,
            receive_buffer,
            transmit_buffer,
        }
    }

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
    pub fn run(&mut self, rx: impl Read, tx: impl Write) -> impl Future<Output = RunError> {
        self.run_with_lines(rx, tx, ())
    }

    /// As [`run`](Self::run), with a function that restarts a module that has stopped answering.
    ///
    /// `reset` is what [`ControlLines::reset`] describes.
    pub fn run_with_reset(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        reset: impl AsyncFnMut(),
    ) -> impl Future<Output = RunError> {
        self.run_with_lines(rx, tx, Reset(reset))
    }

    /// As [`run`](Self::run), with the control lines that the board has wired.
    pub fn run_with_lines(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
    ) -> impl Future<Output = RunError> {
        let Self {
            shared,
            receive_buffer,
            transmit_buffer,
        } = self;
        serve(
            shared,
            rx,
            &mut **receive_buffer,
            tx,
            transmit_buffer,
            lines,
        )
    }

    /// As [`run_with_lines`](Self::run_with_lines). Lines that the stack does not handle are parsed as `Urc` and published
    /// to `urcs`; a line that `Urc` does not know is ignored. Without control lines, `lines` is `()`.
    ///
    /// The runner does not wait for room in the channel: while it is full, URCs are dropped and counted in
    /// [`Statistics::dropped_urcs`](crate::Statistics::dropped_urcs).
    ///
    /// # Panics
    ///
    /// Panics if another runner is running with the same channel.
    pub async fn run_with_urcs<Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize>(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
        urcs: &UrcChannel<Urc, CAPACITY, SUBSCRIBERS>,
    ) -> RunError {
        let Self {
            shared,
            receive_buffer,
            transmit_buffer,
        } = self;
        // An ingress needs a response slot. It stays empty: information responses are handled by the engine.
        let response = ResponseSlot::<1>::new();
        let buffer = Ingress::new(WholeLine, receive_buffer, &response, urcs);
        serve(shared, rx, buffer, tx, transmit_buffer, lines).await
    }
}

/// Both halves of the runner.
// An `async fn` would keep its arguments twice: 16 bytes of 400, without those of the UART driver.
fn serve<'d>(
    shared: &'d Shared<'d>,
    mut rx: impl Read,
    receive_buffer: impl ReceiveBuffer,
    tx: impl Write,
    transmit_buffer: &mut [u8],
    lines: impl ControlLines,
) -> impl Future<Output = RunError> {
    let mut receiver = Receiver::new(shared, receive_buffer);
    let mut transactor = Transactor::new(shared, tx, lines, transmit_buffer);
    async move {
        let mut running = Running::start(shared, &transactor.lines);
        let ended = select(receiver.run(&mut rx), transactor.run()).await;
        running.has_failed = true;
        match ended {
            Either::First(error) | Either::Second(error) => error,
        }
    }
}

/// Tells the engine when the runner starts, and when it stops.
struct Running<'d> {
    shared: &'d Shared<'d>,
    /// The serial line has failed, so that waiting for the runner is of no use.
    has_failed: bool,
}

impl<'d> Running<'d> {
    fn start(shared: &'d Shared<'d>, lines: &impl ControlLines) -> Self {
        let (can_reset, has_dtr) = (lines.can_reset(), lines.has_dtr());
        shared.with(|engine| engine.start(can_reset, has_dtr));
        Self {
            shared,
            has_failed: false,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.with(|engine| engine.stop(self.has_failed));
    }
}
