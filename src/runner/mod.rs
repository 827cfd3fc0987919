//! The engine: the only thing that talks to the module.
//!
//! [`Runner::run`] is one future with two halves. One reads the serial line into the digester. The other asks the socket
//! table what is next, writes that command, and waits for its final result. There is never more than one command in
//! flight.

mod encode;
mod lines;

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use atat::{AtatIngress, AtatUrc, Ingress, ResponseSlot, UrcChannel};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::{Duration, Instant, Timer, with_deadline, with_timeout};
use embedded_io_async::{Error as _, ErrorKind, Read, Write};

use crate::command::AccessMode;
use crate::digest::{Forward, QuectelDigester};
use crate::fmt::trace;
use crate::shared::Shared;
use crate::socket::{Action, Escape, Job, Key, Table};
use encode::encode;
pub use lines::ControlLines;
use lines::Reset;

/// How long to be silent before and after `+++` (more than 1 s, section 1.2).
const GUARD: Duration = Duration::from_millis(1100);
/// After an escape, for the module to answer what it will.
const ESCAPE_PAUSE: Duration = Duration::from_millis(200);
/// How long the module may take to get to its prompt.
const PROMPT_TIME: Duration = Duration::from_secs(10);
/// How long the answer to a plain AT may take.
const ATTENTION_TIME: Duration = Duration::from_secs(1);
/// Payload is written in pieces of this size, so that the table is free in between.
const PIECE: usize = 256;
/// The most that a prompt can still be waiting for.
const MAX_PROMPT: usize = 1460;
/// After an error of the UART while receiving: a module without power holds the line down.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// For how long the receiving side of the UART may have nothing but errors before it is taken to be unusable.
const ERROR_TIME: Duration = Duration::from_secs(120);
/// How long the module may refuse to take bytes on the way out of whatever it is in.
const ESCAPE_TIME: Duration = Duration::from_secs(10);

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
    pub async fn run(&mut self, rx: impl Read, tx: impl Write) -> RunError {
        let urcs = UrcChannel::<NoUrc, 1, 1>::new();
        self.serve(rx, tx, (), &urcs, || Forward::Nobody).await
    }

    /// As [`run`](Self::run), with a way to restart a module that does not answer any more.
    ///
    /// `reset` is [`ControlLines::reset`].
    pub async fn run_with_reset(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        reset: impl AsyncFnMut(),
    ) -> RunError {
        let urcs = UrcChannel::<NoUrc, 1, 1>::new();
        self.serve(rx, tx, Reset(reset), &urcs, || Forward::Nobody)
            .await
    }

    /// As [`run`](Self::run), with whatever control lines the board has.
    pub async fn run_with_lines(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
    ) -> RunError {
        let urcs = UrcChannel::<NoUrc, 1, 1>::new();
        self.serve(rx, tx, lines, &urcs, || Forward::Nobody).await
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
        self.serve(rx, tx, lines, urcs, || forward_to(urcs)).await
    }

    async fn serve<Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize>(
        &mut self,
        rx: impl Read,
        tx: impl Write,
        lines: impl ControlLines,
        urcs: &UrcChannel<Urc, CAPACITY, SUBSCRIBERS>,
        forward: impl Fn() -> Forward,
    ) -> RunError {
        let mut running = Running::start(self.shared, &lines);
        let response = ResponseSlot::<1>::new();
        let digester = QuectelDigester::new(self.shared, self.ingress.len(), forward);
        let ingress = Ingress::new(digester, self.ingress, &response, urcs);
        let engine = Engine {
            shared: self.shared,
            buffer: self.command,
            response: &response,
            tx,
            lines,
        };
        let ended = select(receive(running.shared, rx, ingress), engine.run()).await;
        running.has_failed = true;
        match ended {
            Either::First(error) | Either::Second(error) => error,
        }
    }
}

fn forward_to<Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize>(
    urcs: &UrcChannel<Urc, CAPACITY, SUBSCRIBERS>,
) -> Forward {
    if urcs.free_capacity() > 0 {
        Forward::User
    } else {
        Forward::Full
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
        shared.with(|table| table.start(can_reset, has_dtr));
        Self {
            shared,
            has_failed: false,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.with(|table| table.stop(self.has_failed));
    }
}

/// No lines for the user.
#[derive(Clone)]
struct NoUrc;

impl AtatUrc for NoUrc {
    fn parse(_: &[u8]) -> Option<Self> {
        None
    }
}

/// Reads the serial line into the digester.
async fn receive(
    shared: &Shared<'_>,
    mut rx: impl Read,
    mut ingress: impl AtatIngress,
) -> RunError {
    let mut failing_since = None;
    loop {
        while shared.with(|table| table.is_stalled()) {
            wait_for_room(shared).await;
            // What waits in the buffer goes on.
            ingress.advance(0).await;
        }
        let buffer = ingress.write_buf();
        if buffer.is_empty() {
            // The digester takes a full buffer in any state; this is for one that would not.
            ingress.clear();
            continue;
        }
        match rx.read(buffer).await {
            Ok(0) => return RunError::Closed,
            Ok(count) => {
                failing_since = None;
                ingress.advance(count).await;
            }
            Err(error) => {
                shared.with(|table| table.serial_error());
                let now = Instant::now();
                if now >= *failing_since.get_or_insert(now) + ERROR_TIME {
                    return RunError::Read(error.kind());
                }
                Timer::after(ERROR_PAUSE).await;
            }
        }
    }
}

/// While a full receive ring holds up the line, nothing is read: RTS holds the module. Ends when there may be room again,
/// or nobody waits for it any more.
async fn wait_for_room(shared: &Shared<'_>) {
    let since = Instant::now();
    loop {
        let now = Instant::now();
        let Some(until) = shared.with(|table| table.stalled(since, now)) else {
            return;
        };
        if until.is_some_and(|until| now >= until) {
            shared.with(|table| table.overrun(now));
            continue;
        }
        let mut looked = false;
        let eased = poll_fn(|cx| {
            if looked {
                return Poll::Ready(());
            }
            looked = true;
            shared.with(|table| table.watch_stall(cx.waker()));
            Poll::Pending
        });
        match until {
            Some(until) => {
                select(eased, Timer::at(until)).await;
            }
            None => eased.await,
        }
    }
}

/// The result of `future`, unless it takes longer than `limit`, without the time in which the module cannot be heard.
async fn within<T>(
    shared: &Shared<'_>,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    let start = Instant::now();
    let mut until = start + limit;
    loop {
        if let Ok(result) = with_deadline(until, future.as_mut()).await {
            return Some(result);
        }
        let now = Instant::now();
        until = shared.with(|table| table.deadline(start, limit, now));
        if until <= now {
            return None;
        }
    }
}

struct Engine<'r, 'd, W, L> {
    shared: &'d Shared<'d>,
    buffer: &'r mut [u8],
    response: &'r ResponseSlot<1>,
    tx: W,
    lines: L,
}

impl<W: Write, L: ControlLines> Engine<'_, '_, W, L> {
    async fn run(mut self) -> RunError {
        loop {
            let action = self.shared.with(|table| table.next(Instant::now()));
            let result = match action {
                Action::Run(job) => self.transact(job).await,
                Action::Escape(escape) => with_timeout(ESCAPE_TIME, self.escape(escape))
                    .await
                    .unwrap_or(Ok(())),
                Action::Reset => {
                    self.lines.reset().await;
                    self.shared.with(|table| table.reset_done(Instant::now()));
                    Ok(())
                }
                Action::Wait(until) => {
                    self.wait(until).await;
                    Ok(())
                }
                Action::Carry { key, length } => self.carry(key, length).await,
                Action::AskCarrier => {
                    let carrier = self.lines.carrier();
                    self.shared.with(|table| table.carrier(carrier));
                    Ok(())
                }
            };
            if let Err(error) = result {
                return RunError::Write(error.kind());
            }
        }
    }

    /// Waits for work, at most until the given instant.
    async fn wait(&self, until: Option<Instant>) {
        let work = poll_fn(|cx| {
            if self.shared.with(|table| table.poll_work(cx.waker())) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        match until {
            Some(until) => {
                select(work, Timer::at(until)).await;
            }
            None => work.await,
        }
    }

    /// One AT transaction, from the command to its final result or to the end of the time it may take.
    async fn transact(&mut self, job: Job) -> Result<(), W::Error> {
        trace!("{:?}", job);
        self.response.reset();
        let Self { shared, buffer, .. } = self;
        let (length, limit, gap, is_mute) = shared.with(|table| {
            let length = encode(table, job, buffer);
            if length.is_some() {
                table.begin(job);
            }
            (
                length,
                time_limit(job, table),
                table.config.command_gap,
                job == Job::User && table.at.mute,
            )
        });
        let Some(length) = length else {
            // Its socket is gone.
            yield_now().await;
            return Ok(());
        };
        let ended = within(self.shared, limit, async {
            self.tx.write_all(&self.buffer[..length]).await?;
            self.tx.flush().await?;
            if !is_mute {
                drop(self.response.get().await);
            }
            Ok(())
        })
        .await;
        if let Some(result) = ended {
            result?;
            self.payload(job).await?;
        }
        self.shared.with(|table| table.finish(Instant::now()));
        if gap > Duration::MIN {
            Timer::after(gap).await;
        }
        if let Job::Send { .. } = job {
            // Those who wait for room in the ring fill it first: one large chunk goes out sooner than two small ones.
            yield_now().await;
        }
        Ok(())
    }

    /// Bytes of a connection that has the line.
    async fn carry(&mut self, key: Key, length: u16) -> Result<(), W::Error> {
        let Self { shared, buffer, .. } = self;
        let piece = &mut buffer[..usize::from(length).min(PIECE)];
        let (count, limit) =
            shared.with(|table| (table.peek(key, 0, piece), table.config.send_time));
        let written = with_timeout(limit, async {
            self.tx.write_all(&self.buffer[..count]).await?;
            if self.shared.with(|table| table.is_last(key, count)) {
                self.tx.flush().await?;
            }
            Ok(())
        })
        .await;
        self.shared.with(|table| match written {
            Ok(_) => table.carried(key, count, Instant::now()),
            Err(_) => table.carry_failed(),
        });
        written.unwrap_or(Ok(()))
    }

    /// After the prompt: the payload, and the wait for `SEND OK`.
    async fn payload(&mut self, job: Job) -> Result<(), W::Error> {
        let Job::Send { key, length } = job else {
            return Ok(());
        };
        let (wanted, limit) = self
            .shared
            .with(|table| (table.wants_payload(), table.config.send_time));
        if !wanted {
            return Ok(());
        }
        let ended = within(self.shared, limit, async {
            let length = usize::from(length);
            let mut written = 0;
            while written < length && self.shared.with(|table| table.wants_payload()) {
                let piece = &mut self.buffer[..PIECE.min(length - written)];
                let count = self.shared.with(|table| table.peek(key, written, piece));
                // The socket is gone, but the module still counts.
                piece[count..].fill(0);
                self.tx.write_all(piece).await?;
                written += piece.len();
            }
            self.tx.flush().await?;
            drop(self.response.get().await);
            Ok(())
        })
        .await;
        ended.unwrap_or(Ok(()))
    }

    async fn escape(&mut self, escape: Escape) -> Result<(), W::Error> {
        match escape {
            Escape::Prompt => self.tx.write_all(b"\r\x1b").await?,
            Escape::DataMode => {
                Timer::after(GUARD).await;
                self.tx.write_all(b"+++").await?;
                self.tx.flush().await?;
                Timer::after(GUARD).await;
            }
            Escape::Plus => {
                self.tx.write_all(b"+++").await?;
                return self.tx.flush().await;
            }
            Escape::Dtr => {
                self.lines.pulse_dtr().await;
                return Ok(());
            }
            Escape::Fill => {
                let filler = &mut self.buffer[..PIECE];
                filler.fill(b'\r');
                let mut left = MAX_PROMPT;
                while left > 0 {
                    let count = left.min(filler.len());
                    self.tx.write_all(&filler[..count]).await?;
                    left -= count;
                }
            }
        }
        self.tx.flush().await?;
        Timer::after(ESCAPE_PAUSE).await;
        Ok(())
    }
}

/// How long the final result, or the prompt, may take.
fn time_limit(job: Job, table: &mut Table<'_>) -> Duration {
    let config = table.config;
    match job {
        Job::Attention => ATTENTION_TIME,
        Job::Send { .. } => PROMPT_TIME,
        Job::User => table.at.limit,
        Job::Open(key) if table.mode(key) == AccessMode::Transparent => config.connect_time,
        Job::Activate => Duration::from_secs(150),
        Job::Deactivate => Duration::from_secs(40),
        Job::Close(_) | Job::CloseStray(_) => {
            Duration::from_secs(10)
                + Duration::from_secs(config.close_timeout.unwrap_or_default().into())
        }
        _ => config.answer_time,
    }
}
