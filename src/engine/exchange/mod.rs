//! The AT transaction in flight, and what the runner has to know of it.
//!
//! A line that ends it passes through these types:
//!
//! | type | what it says |
//! |---|---|
//! | `ResultCode` (`at`) | the text of the line |
//! | `FinalResult` | what that text means in this place |
//! | `Conclusion` | whether it ends the transaction, or is a late one |
//! | `Outcome` | the result for the part of the engine that asked: `FinalResult` with the answer before it |
//! | `LineKind` | what the digester has to do |
//!
//! The transaction ends with the line. The runner goes on with the next one when it is woken.

mod echo;
pub(crate) mod in_flight;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod payload_echo;
pub(crate) mod transaction;

use core::task::Poll;

use embassy_time::{Duration, Instant};

use super::wakes::{Queue, Signal, WakeSet};
use crate::at::{Prefix, QueryLastError, ResultCode};
use crate::engine::sockets::key::Key;
use crate::util::time::after;
use in_flight::{FinalResult, InFlight};
use job::Job;
use outcome::{Answer, Outcome, Reason};
use payload_echo::PayloadEcho;
use transaction::{CommandBuffer, Transaction};

/// How long lost URCs are looked for often after a sign that something of the module was lost.
const LOSSY_TIME: Duration = Duration::from_secs(3600);

/// A socket whose read was not answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateReader {
    key: Key,
    /// The header of its data has come.
    has_header: bool,
}

/// Whether lines are the text of a short message, whatever they say, up to the next blank line (quirk 125).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageText {
    None,
    /// After a URC.
    Foreign,
    /// In the answer to the user's command.
    Answer,
}

/// The state of the exchange between runner and module: one transaction at a time.
#[derive(Debug)]
pub(crate) struct Exchange<'d> {
    /// The transaction that the module is answering.
    in_flight: Option<InFlight>,
    /// A job that was refused without a reason: AT+QIGETERROR comes before anything else.
    pub(crate) awaiting_reason: Option<Job>,
    /// The socket whose read was not answered. Its data can still come, and be used, until anything but `AT` is sent.
    pub(crate) late_reader: Option<LateReader>,
    pub(crate) payload_echo: PayloadEcho,
    /// The connection that has probably left data mode. Its `OK` may have been data; a late `OK` after it proves that.
    #[cfg(feature = "transparent")]
    pub(crate) escaped: Option<Key>,
    /// A read was not answered: the next read header may belong to it, whatever was sent since.
    pub(crate) late_header_allowed: bool,
    /// Bytes were lost on the UART, and may have been those of the line that comes next.
    pub(crate) line_damaged: bool,
    /// There was a sign that something of the module was lost. `update_lossy` adds the time: the engine has no clock.
    has_loss: bool,
    /// Re-checks have the short pause until this instant.
    lossy_until: Instant,
    pub(crate) message_text: MessageText,
    /// Line feeds since the last line.
    line_feeds: u8,
    /// Counts resynchronisations: the digester gives up a half-read payload when it changes.
    pub(crate) epoch: u8,
    /// When the runner began its present action, and how long the action may take.
    pub(crate) started: Instant,
    pub(crate) limit: Duration,
    /// No command before this instant ([`Config::command_gap`](crate::Config::command_gap)).
    next_command_at: Instant,
    /// The scheduler has to be asked again.
    work_pending: bool,
    runner: Signal<'d>,
}

impl<'d> Exchange<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            in_flight: None,
            awaiting_reason: None,
            late_reader: None,
            payload_echo: PayloadEcho::Unknown,
            #[cfg(feature = "transparent")]
            escaped: None,
            late_header_allowed: false,
            line_damaged: false,
            has_loss: false,
            lossy_until: Instant::MIN,
            message_text: MessageText::None,
            line_feeds: 0,
            epoch: 0,
            started: Instant::MIN,
            limit: Duration::MIN,
            next_command_at: Instant::MIN,
            work_pending: false,
            runner: Signal::new(wakes, Queue::Runner),
        }
    }

    /// The module restarts, or nothing is known of it any more: nothing that was sent will be answered.
    pub(crate) fn forget(&mut self) {
        self.in_flight = None;
        self.awaiting_reason = None;
        self.late_header_allowed = false;
        self.late_reader = None;
        #[cfg(feature = "transparent")]
        {
            self.escaped = None;
        }
        self.payload_echo = PayloadEcho::Unknown;
        self.message_text = MessageText::None;
        self.runner.wake();
    }

    // ---- the text of short messages ------------------------------------------------------------------------------

    pub(crate) const fn on_line(&mut self) {
        self.line_feeds = 0;
    }

    pub(crate) fn on_line_ends(&mut self, line_ends: &[u8]) {
        let more = line_ends.iter().filter(|byte| **byte == b'\n').count();
        self.line_feeds = self.line_feeds.saturating_add(more.min(2) as u8);
        if self.line_feeds > 1 {
            self.message_text = MessageText::None;
        }
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    /// Tells the runner to ask the scheduler again.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn wake_runner(&mut self) {
        self.work_pending = true;
        self.runner.wake();
    }

    /// Ready when the scheduler has to be asked again.
    pub(crate) fn poll_work(&self) -> Poll<()> {
        ready_if(self.work_pending)
    }

    /// Ready when the prompt or the final result code has come.
    pub(crate) fn poll_answer(&self) -> Poll<()> {
        let is_answered = self.in_flight.as_ref().is_none_or(InFlight::is_answered);
        ready_if(is_answered)
    }

    #[cfg(test)]
    pub(crate) const fn is_work_pending(&self) -> bool {
        self.work_pending
    }

    /// The runner begins something that may take `limit`.
    pub(crate) const fn start_deadline(&mut self, limit: Duration, now: Instant) {
        self.started = now;
        self.limit = limit;
    }

    // ---- one transaction -----------------------------------------------------------------------------------------

    /// The scheduler is asked what comes next. Returns until when no command may be sent.
    pub(crate) fn pause_until(&mut self, now: Instant) -> Option<Instant> {
        self.work_pending = false;
        Some(self.next_command_at).filter(|until| now < *until)
    }

    /// The command is about to be written.
    pub(crate) fn begin(&mut self, job: Job, transaction: &Transaction, now: Instant) {
        self.start_deadline(transaction.limit, now);
        if !matches!(job, Job::Attention) {
            self.late_reader = None;
        }
        self.in_flight = Some(InFlight::new(job, transaction));
    }

    pub(crate) const fn in_flight(&self) -> Option<&InFlight> {
        self.in_flight.as_ref()
    }

    pub(crate) const fn in_flight_mut(&mut self) -> Option<&mut InFlight> {
        self.in_flight.as_mut()
    }

    pub(crate) fn job(&self) -> Option<Job> {
        self.in_flight.as_ref().map(|flight| flight.job)
    }

    /// Takes a prompt. Returns false if none is due.
    pub(crate) fn on_prompt(&mut self) -> bool {
        let is_due = self.in_flight.as_mut().is_some_and(InFlight::on_prompt);
        if is_due {
            self.runner.wake();
        }
        is_due
    }

    /// Whether payload is to be written now, and the final result code is to follow within `limit`.
    pub(crate) fn begin_payload(&mut self, limit: Duration, now: Instant) -> bool {
        self.start_deadline(limit, now);
        self.in_flight.as_mut().is_some_and(InFlight::begin_payload)
    }

    /// Whether the module waits for payload.
    pub(crate) fn wants_payload(&self) -> bool {
        self.in_flight
            .as_ref()
            .is_some_and(InFlight::is_behind_prompt)
    }

    /// There is a sign that something of the module was lost.
    pub(crate) fn on_loss(&mut self) {
        self.has_loss = true;
        self.wake_runner();
    }

    /// Takes note of such a sign. Returns whether there was one within the last [`LOSSY_TIME`].
    pub(crate) fn update_lossy(&mut self, now: Instant) -> bool {
        if core::mem::take(&mut self.has_loss) {
            self.lossy_until = after(now, LOSSY_TIME);
        }
        now < self.lossy_until
    }

    /// Bytes of the answer were lost on the UART, or may have been.
    pub(crate) fn mark_damaged(&mut self) {
        self.on_loss();
        if let Some(flight) = &mut self.in_flight {
            flight.damaged = true;
        }
    }

    /// A line has come that is not known: it may be data, or what is left of a header.
    pub(crate) fn mark_unknown_line(&mut self) {
        if let Some(flight) = &mut self.in_flight {
            flight.has_unknown_line = true;
        }
    }

    /// The transaction is over, with a final result code or without.
    pub(crate) fn take(&mut self, gap: Duration, now: Instant) -> Option<InFlight> {
        let flight = self.in_flight.take()?;
        self.runner.wake();
        self.next_command_at = after(now, gap);
        Some(flight)
    }

    /// The transaction is over. If it is a read without an answer, the answer may still come.
    pub(crate) const fn expect_late_read(&mut self, flight: &InFlight, outcome: &Outcome) {
        if let (Job::Read { key, .. }, Outcome::NoAnswer, false) =
            (flight.job, outcome, flight.has_header())
        {
            self.late_reader = Some(LateReader {
                key,
                has_header: false,
            });
        }
    }

    /// Takes the header of data that comes late. Returns the socket that it is for.
    pub(crate) fn on_late_header(&mut self) -> Option<Key> {
        let reader = self.late_reader.as_mut()?;
        reader.has_header = true;
        Some(reader.key)
    }

    /// The socket that the data of this transaction was for: the one that was read, or whose read was answered late.
    pub(crate) fn reader(&self, flight: &InFlight) -> Option<Key> {
        match (flight.job, self.late_reader) {
            (Job::Read { key, .. }, _) => Some(key),
            (_, Some(reader)) if reader.has_header => Some(reader.key),
            _ => None,
        }
    }

    /// A payload that is half received is given up: what comes from now on is something else.
    pub(crate) const fn give_up_payload(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    // ---- AT+QIGETERROR (2.1.17) ----------------------------------------------------------------------------------

    pub(crate) fn last_error(&self, to: CommandBuffer<'_>) -> Transaction {
        to.write(&QueryLastError).needs(Prefix::LastError)
    }

    /// AT+QIGETERROR is answered: the job that was refused, and why.
    pub(crate) fn last_error_done(&mut self, outcome: &Outcome) -> Option<(Job, Outcome)> {
        let reason = match *outcome {
            Outcome::Done(Answer::LastError(Some(code))) => Reason::Code(code),
            _ => Reason::None,
        };
        let job = self.awaiting_reason.take()?;
        Some((job, Outcome::Refused(reason)))
    }

    /// The final result code that a line without a prefix is.
    pub(crate) fn final_result(&self, line: &[u8]) -> Option<FinalResult> {
        Some(match ResultCode::of(line)? {
            ResultCode::Ok => FinalResult::Ok,
            ResultCode::CloseOk if matches!(self.job()?, Job::Close(_) | Job::CloseOrphan(_)) => {
                FinalResult::Ok
            }
            ResultCode::SendOk => FinalResult::SendOk,
            ResultCode::SendFail => FinalResult::SendFail,
            ResultCode::Error => FinalResult::Error(Reason::None),
            _ => return None,
        })
    }
}

const fn ready_if(condition: bool) -> Poll<()> {
    if condition {
        Poll::Ready(())
    } else {
        Poll::Pending
    }
}
