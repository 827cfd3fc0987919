//! The engine: the only thing that talks to the module.
//!
//! [`Runner::run`] is one future with two halves. One reads the serial line into the digester. The other asks the socket
//! table what is next, writes that command, and waits for its final result. There is never more than one command in
//! flight.

mod control_lines;
pub(crate) mod digester;
mod intake;
mod script;

use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;

use atat::{AtatIngress, AtatUrc, Ingress, ResponseSlot, UrcChannel};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::{Error as _, ErrorKind, Read, Write};

use crate::engine::shared::Shared;
use crate::runner::digester::{Forward, QuectelDigester};
use crate::util::slices::front_mut;
use crate::util::time::{self, NEVER, after};
pub use control_lines::ControlLines;
use control_lines::Reset;
pub(crate) use intake::Intake;
use script::{Script, Step};

/// After an error of the UART while receiving: a module without power holds the line down.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// For how long the receiving side of the UART may have nothing but errors before it is taken to be unusable.
const ERROR_TIME: Duration = Duration::from_secs(120);
/// Why the runner stopped: the serial line cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunError {
    /// The receiving side is at its end: the port is gone.
    Closed,
    /// The receiving side keeps failing, with this kind of error.
    Read(ErrorKind),
    /// The transmitting side failed.
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

/// Runs a stack: owns the serial line while it runs, and brings the link up and keeps it up.
pub struct Runner<'d> {
    shared: &'d Shared<'d>,
    ingress: &'d mut [u8],
    command: &'d mut [u8],
}

impl fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl<'d> Runner<'d> {
    pub(crate) fn new(
        shared: &'d Shared<'d>,
        ingress: &'d mut [u8],
        command: &'d mut [u8],
    ) -> Self {
        Self {
            shared,
            ingress,
            command,
        }
    }

    /// Serves the stack until the serial line fails.
    ///
    /// `rx` and `tx` are the two halves of a UART at the speed that the module is set to. `rx` has to be buffered: the
    /// module does not wait while the program does something else, unless RTS/CTS is wired.
    ///
    /// # Errors
    ///
    /// Returns only when the serial line cannot be used any more: it is closed, writing fails, or reading has brought
    /// nothing but errors for two minutes. All else is dealt with, and seen through
    /// [`Stack::link_state`](crate::Stack::link_state). Until the runner is run again, everything that needs the module
    /// fails with [`LinkError::NotRunning`](crate::LinkError::NotRunning).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future fails all open sockets with [`LinkError::NotRunning`](crate::LinkError::NotRunning); those who
    /// wait for a connection go on waiting. It can be run again, with the same or another serial line: the module is brought up from whatever state it was left in.
    pub fn run(&mut self, rx: impl Read, tx: impl Write) -> impl Future<Output = RunError> {
        self.run_with_lines(rx, tx, ())
    }

    /// As [`run`](Self::run), with a way to restart a module that does not answer any more.
    ///
    /// `reset` is [`ControlLines::reset`].
    pub fn run_with_reset(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        reset: impl AsyncFnMut(),
    ) -> impl Future<Output = RunError> {
        self.run_with_lines(rx, tx, Reset(reset))
    }

    /// As [`run`](Self::run), with whatever control lines the board has.
    pub fn run_with_lines(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
    ) -> impl Future<Output = RunError> {
        let Self {
            shared,
            ingress,
            command,
        } = self;
        let digester = QuectelDigester::new(shared, ingress.len(), || Forward::Nobody);
        let ingress = Intake::new(digester, ingress);
        serve(shared, rx, ingress, command, tx, lines)
    }

    /// As [`run_with_lines`](Self::run_with_lines), and what the module says that is not this crate's goes to the
    /// subscribers of `urcs`, as far as `Urc` knows it. Without control lines, `lines` is `()`.
    ///
    /// A channel that is full takes no more: such lines are dropped and counted
    /// ([`Statistics::dropped_urcs`](crate::Statistics::dropped_urcs)), and nothing waits for its readers.
    ///
    /// # Panics
    ///
    /// When another runner is running with the same channel.
    pub async fn run_with_urcs<Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize>(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
        urcs: &UrcChannel<Urc, CAPACITY, SUBSCRIBERS>,
    ) -> RunError {
        let Self {
            shared,
            ingress,
            command,
        } = self;
        let forward = || {
            if urcs.free_capacity() > 0 {
                Forward::User
            } else {
                Forward::Full
            }
        };
        let digester = QuectelDigester::new(shared, ingress.len(), forward);
        // The table knows all that this slot could tell.
        let response = ResponseSlot::<1>::new();
        let ingress = Ingress::new(digester, ingress, &response, urcs);
        serve(shared, rx, ingress, command, tx, lines).await
    }
}

async fn serve<'d>(
    shared: &'d Shared<'d>,
    mut rx: impl Read,
    mut ingress: impl AtatIngress,
    buffer: &mut [u8],
    tx: impl Write,
    lines: impl ControlLines,
) -> RunError {
    let mut running = Running::start(shared, &lines);
    let mut engine = Transactor {
        shared,
        buffer,
        tx,
        lines,
        script: Script::new(),
    };
    let ended = select(receive(shared, &mut rx, &mut ingress), engine.run()).await;
    running.has_failed = true;
    match ended {
        Either::First(error) | Either::Second(error) => error,
    }
}

/// Tells the table that the runner runs, and that it does not any more.
struct Running<'d> {
    shared: &'d Shared<'d>,
    /// The serial line cannot be used: nobody need wait for the runner.
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

/// Reads the serial line into the digester.
async fn receive(
    shared: &Shared<'_>,
    rx: &mut impl Read,
    ingress: &mut impl AtatIngress,
) -> RunError {
    let mut failing_since = None;
    let mut count = 0;
    loop {
        // What waits in the buffer goes on when there is room. The digester hands on no line that the channel of URCs
        // cannot take, and no response: there is no error.
        let _ = ingress.try_advance(count);
        count = 0;
        if wait_for_room(shared).await {
            continue;
        }
        let buffer = ingress.write_buf();
        if buffer.is_empty() {
            // The digester takes a full buffer in any state; this is for one that would not.
            ingress.clear();
            continue;
        }
        match rx.read(buffer).await {
            Ok(0) => return RunError::Closed,
            Ok(read) => {
                failing_since = None;
                count = read;
            }
            Err(error) => {
                shared.with(|engine| engine.serial_error());
                let now = time::now();
                if now >= after(*failing_since.get_or_insert(now), ERROR_TIME) {
                    return RunError::Read(error.kind());
                }
                Timer::after(ERROR_PAUSE).await;
            }
        }
    }
}

/// While a full receive ring holds up the line, nothing is read: RTS holds the module. Ends when there may be room again,
/// or nobody waits for it any more: true if there was none.
fn wait_for_room(shared: &Shared<'_>) -> impl Future<Output = bool> {
    let mut since = None;
    poll_fn(move |cx| {
        let now = time::now();
        let begun = since.unwrap_or(now);
        let Some(until) = shared.with(|engine| engine.poll_room(begun, now, cx.waker())) else {
            return Poll::Ready(since.is_some());
        };
        if until <= now {
            return Poll::Ready(true);
        }
        since = Some(begun);
        if until < NEVER {
            // Has this task woken then.
            let _ = pin!(Timer::at(until)).poll(cx);
        }
        Poll::Pending
    })
}

/// The only one who writes to the serial line.
struct Transactor<'r, 'd, W, L> {
    shared: &'d Shared<'d>,
    buffer: &'r mut [u8],
    tx: W,
    lines: L,
    script: Script,
}

impl<W: Write, L: ControlLines> Transactor<'_, '_, W, L> {
    async fn run(&mut self) -> RunError {
        let shared = self.shared;
        let mut is_done = true;
        loop {
            let step =
                shared.with(|engine| self.script.next(engine, self.buffer, is_done, time::now()));
            let work = pin!(self.carry_out(step));
            is_done = match within(shared, step.limit(), work).await {
                Some(Err(error)) => return RunError::Write(error.kind()),
                result => result.is_some(),
            };
        }
    }

    async fn carry_out(&mut self, step: Step) -> Result<(), W::Error> {
        match step {
            Step::Write {
                length,
                flush,
                pause,
            } => {
                self.tx.write_all(front_mut(self.buffer, length)).await?;
                if flush {
                    self.tx.flush().await?;
                }
                if pause > Duration::MIN {
                    Timer::after(pause).await;
                }
            }
            Step::Answer | Step::Idle(_) => {
                let is_idle = step != Step::Answer;
                poll_fn(|cx| {
                    self.shared
                        .with(|engine| engine.poll_event(is_idle, cx.waker()))
                })
                .await;
            }
            Step::PulseDtr => self.lines.pulse_dtr().await,
            Step::Reset => {
                self.lines.reset().await;
                // Firmware that cannot is linked without what follows.
                if self.lines.can_reset() {
                    self.shared.with(|engine| engine.reset_done(time::now()));
                }
            }
            Step::AskCarrier => self.script.carrier = self.lines.carrier(),
            Step::Yield => yield_now().await,
        }
        Ok(())
    }
}

/// The result of `work`, unless it takes longer than `limit`, or, without one, than the table has patience.
fn within<T>(
    shared: &Shared<'_>,
    limit: Option<Instant>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> impl Future<Output = Option<T>> {
    let mut timer: Option<Timer> = None;
    poll_fn(move |cx| {
        if let Poll::Ready(result) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(result));
        }
        loop {
            if let Some(timer) = &mut timer {
                if pin!(timer).poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            let now = time::now();
            let until = match limit {
                Some(NEVER) => return Poll::Pending,
                Some(limit) => limit,
                // The time in which the module cannot be heard does not count.
                None => shared.with(|engine| engine.deadline(now)),
            };
            if until <= now {
                return Poll::Ready(None);
            }
            timer = Some(Timer::at(until));
        }
    })
}
