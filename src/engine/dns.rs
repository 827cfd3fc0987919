//! Name lookups: one at a time, because nothing in the module's answer names the question (2.1.14).

use core::net::IpAddr;
use core::task::Poll;

use embassy_time::{Duration, Instant};
use heapless::{String, Vec};

use super::exchange::job::Job;
use super::exchange::outcome::Outcome;
use super::exchange::transaction::{CommandBuffer, Transaction};
use super::refusal::Retries;
use super::round::Round;
use super::wakes::{Queue, Signal, WakeSet};
use crate::at::{ContextId, ErrorCode, Host, ResolveName, Text};
use crate::error::Error;
use crate::util::time::{NEVER, after, earliest, get_or_set};

/// The longest name of the DNS, in bytes.
const MAX_NAME: usize = 253;
/// How many addresses of a name are kept.
const MAX_ADDRESSES: usize = 4;

/// The addresses of a name, in the order in which the module lists them. At most four are kept.
pub type Addresses = Vec<IpAddr, MAX_ADDRESSES>;

/// How long the addresses may take after the first line of the answer, which announces them.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
/// How long the answer to a lookup that was given up can still come; it is not the answer to the next one. The module may take
/// 60 s (2.1.14), and does not begin to count when the command was written.
const ANSWER_TIME: Duration = Duration::from_secs(62);

#[derive(Debug)]
enum State {
    Idle,
    /// AT+QIDNSGIP is to be sent, not before this instant.
    Wanted {
        not_before: Instant,
    },
    /// AT+QIDNSGIP is sent, and its result has not come.
    Asked,
    /// The first line of the answer has come; this many addresses are missing.
    Answering {
        missing: u8,
        /// The deadline is that of the addresses.
        has_deadline: bool,
    },
    Done(Result<(), Error>),
}

#[derive(Debug)]
pub(crate) struct Dns<'d> {
    state: State,
    name: String<MAX_NAME, u8>,
    found: Addresses,
    deadline: Instant,
    /// AT+QIDNSGIP was not answered, and its result may still come.
    result_may_be_late: bool,
    /// A lookup was given up with the link: what comes before the next `OK` may be its result.
    distrusts_early: bool,
    /// AT+QIDNSGIP was not answered, and is sent once more: the module may sleep (quirk 124).
    is_repeated: bool,
    retries: Retries,
    /// Until when the result of a lookup that was given up may come; `Instant::MIN` if none can.
    late_until: Instant,
    /// When AT+QIDNSGIP was sent last.
    asked_at: Instant,
    /// The user has dropped the lookup.
    is_abandoned: bool,
    /// The time limit of the lookup; `NEVER` before the scheduler has looked.
    limit: Instant,
    /// The time limit has passed: the next lookup may replace an answer that nobody has fetched.
    is_overdue: bool,
    /// Counts the lookups.
    ticket: u32,
    turn: Signal<'d>,
    result: Signal<'d>,
}

impl<'d> Dns<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            state: State::Idle,
            name: String::new(),
            found: Vec::new(),
            deadline: NEVER,
            result_may_be_late: false,
            distrusts_early: false,
            is_repeated: false,
            retries: Retries::NEW,
            late_until: Instant::MIN,
            asked_at: Instant::MIN,
            is_abandoned: false,
            limit: NEVER,
            is_overdue: false,
            ticket: 0,
            turn: Signal::new(wakes, Queue::Turn),
            result: Signal::new(wakes, Queue::LookupResult),
        }
    }

    // ---- the user ------------------------------------------------------------------------------------------------

    /// Asks for the addresses of a name, unless another lookup is under way. Ready with the ticket of the lookup.
    pub(crate) fn poll_ask(&mut self, name: &str) -> Poll<u32> {
        match self.state {
            State::Idle => {}
            // A user that still holds the ticket learns that it is over.
            State::Done(_) if self.is_overdue => self.result.wake(),
            _ => return Poll::Pending,
        }
        self.name.clear();
        // The caller has checked that the name is no longer than MAX_NAME.
        let _ = self.name.push_str(name);
        self.found.clear();
        self.is_abandoned = false;
        self.is_repeated = false;
        self.retries = Retries::NEW;
        self.is_overdue = false;
        self.limit = NEVER;
        self.ticket = self.ticket.wrapping_add(1);
        self.deadline = NEVER;
        self.state = State::Wanted {
            not_before: Instant::MIN,
        };
        Poll::Ready(self.ticket)
    }

    /// Whether the last lookup has this ticket.
    pub(crate) const fn is_current(&self, ticket: u32) -> bool {
        self.ticket == ticket
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) const fn current(&self) -> u32 {
        self.ticket
    }

    /// Whether this is the name that was asked for last.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether the answer is there.
    pub(crate) const fn is_answered(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Ready with the result of `pick` for the answer. The answer is kept until [`abandon`](Self::abandon), or until the time
    /// limit is over and another lookup begins.
    pub(crate) fn poll_answer<T>(
        &mut self,
        ticket: u32,
        pick: impl FnOnce(&[IpAddr]) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        match self.state {
            _ if !self.is_current(ticket) => Poll::Ready(Err(Error::TimedOut)),
            State::Done(result) => Poll::Ready(result.and_then(|()| pick(&self.found))),
            _ => Poll::Pending,
        }
    }

    /// Why this lookup has failed.
    pub(crate) fn failure(&self, ticket: u32) -> Option<Error> {
        match self.state {
            State::Done(Err(error)) if self.is_current(ticket) => Some(error),
            _ => None,
        }
    }

    /// The user has dropped the lookup. If it is under way, the next one has to wait until the module has answered.
    pub(crate) fn abandon(&mut self, ticket: u32) {
        match self.state {
            _ if !self.is_current(ticket) => {}
            State::Wanted { .. } | State::Done(_) => {
                self.state = State::Idle;
                self.turn.wake();
            }
            State::Asked | State::Answering { .. } => self.is_abandoned = true,
            State::Idle => {}
        }
    }

    /// Whether an answer of the module is still to come.
    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self.state, State::Asked | State::Answering { .. })
    }

    // ---- AT+QIDNSGIP=<contextID>,<hostname> (2.1.14) -------------------------------------------------------------

    /// The lookup that is due.
    pub(crate) fn next(&mut self, round: &mut Round<'_>) -> Option<Job> {
        let now = round.env.now;
        if let Some(not_before) = self.retries.begin_pause(now) {
            self.state = State::Wanted { not_before };
        }
        match self.state {
            State::Idle => return None,
            State::Done(_) => {
                let limit = get_or_set(&mut self.limit, after(now, round.env.config.lookup_time));
                if !self.is_overdue && round.is_due(limit) {
                    self.is_overdue = true;
                    self.turn.wake();
                }
                return None;
            }
            State::Wanted { not_before } => {
                let limit = get_or_set(&mut self.limit, after(now, round.env.config.lookup_time));
                let deadline = get_or_set(&mut self.deadline, limit);
                if core::mem::take(&mut self.result_may_be_late) {
                    self.late_until = after(now, ANSWER_TIME);
                }
                let not_before = self.late_until.max(not_before);
                if now >= not_before {
                    self.late_until = Instant::MIN;
                    self.asked_at = now;
                    self.state = State::Asked;
                    return Some(Job::Resolve);
                }
                round.look_again(not_before.min(deadline));
            }
            State::Asked
            | State::Answering {
                has_deadline: true, ..
            } => {}
            State::Answering { missing, .. } => {
                earliest(&mut self.deadline, after(now, ADDRESS_TIME));
                self.state = State::Answering {
                    missing,
                    has_deadline: true,
                };
            }
        }
        if now < self.deadline {
            round.look_again(self.deadline);
            return None;
        }
        if let State::Asked = self.state {
            self.late_until = after(self.asked_at, ANSWER_TIME);
        }
        self.end_with_found(Error::TimedOut);
        None
    }

    pub(crate) fn resolve(&self, context: ContextId, to: CommandBuffer<'_>) -> Transaction {
        let host = Host::Name(Text::known(&self.name));
        to.write(&ResolveName { context, host }).asking_reason()
    }

    /// The command was answered. Its result comes as a URC.
    pub(crate) fn resolve_done(&mut self, outcome: &Outcome) {
        if !self.is_pending() {
            // The lookup was given up with the link; another one may have taken its place.
            return;
        }
        match *outcome {
            Outcome::Done(_) => self.distrusts_early = false,
            Outcome::Refused(reason) => self.fail(reason.code()),
            // The first line of the result is there.
            _ if !matches!(self.state, State::Asked) => {}
            _ if !self.is_repeated && !self.is_abandoned => {
                self.is_repeated = true;
                self.state = State::Wanted {
                    not_before: Instant::MIN,
                };
            }
            Outcome::NoAnswer | Outcome::SendFail => {
                // The module may have received the command, and may still answer.
                self.result_may_be_late = true;
                self.end(Err(Error::TimedOut));
            }
        }
    }

    // ---- its result ----------------------------------------------------------------------------------------------

    /// Whether a result before the `OK` to its command may belong to an earlier lookup.
    pub(crate) const fn distrusts_early(&self) -> bool {
        self.distrusts_early
    }

    /// `"dnsgip",<err>[,<IP_count>[,<DNS_ttl>]]`.
    pub(crate) fn on_result(&mut self, result: Result<(), ErrorCode>, count: Option<u8>) {
        let is_awaited = match self.state {
            State::Asked => true,
            // The `OK` to the first command is lost, and it was carried out.
            State::Wanted { .. } => self.is_repeated,
            _ => false,
        };
        if !is_awaited {
            // The result of a lookup that was given up.
            self.result_may_be_late = false;
            self.late_until = Instant::MIN;
            return;
        }
        match (result, count) {
            (Ok(()), Some(0)) => self.end(Err(Error::NameNotFound)),
            (Ok(()), count) => {
                self.state = State::Answering {
                    missing: count.unwrap_or(1),
                    has_deadline: false,
                };
            }
            (Err(code), _) => self.fail(code),
        }
    }

    /// `"dnsgip",<hostIPaddr>`.
    pub(crate) fn on_address(&mut self, address: IpAddr) {
        if let State::Answering { missing, .. } = &mut self.state {
            *missing = missing.saturating_sub(1);
            let is_complete = *missing == 0;
            // Filters of a network answer `0.0.0.0`. More than are kept: the first ones will do.
            if !address.is_unspecified() {
                let _ = self.found.push(address);
            }
            if is_complete {
                self.end_with_found(Error::NameNotFound);
            }
        }
    }

    fn fail(&mut self, code: ErrorCode) {
        match code {
            code if !self.is_abandoned && self.retries.count_refusal(code) => {
                self.state = State::Wanted {
                    not_before: Instant::MIN,
                };
            }
            ErrorCode::DNS_FAILED => self.end(Err(Error::NameNotFound)),
            code => self.end(Err(match Error::from_code(code) {
                Error::Module(code) => Error::NameLookup(code),
                other => other,
            })),
        }
    }

    /// The link is lost. A lookup that is not sent yet can wait until it is back, unless nothing is done about the link
    /// (`is_down`).
    pub(crate) fn reject_waiting(&mut self, error: Error, is_down: bool) {
        let fails = match self.state {
            State::Asked | State::Answering { .. } => true,
            State::Wanted { .. } => is_down,
            State::Idle | State::Done(_) => false,
        };
        if fails {
            self.distrusts_early |= self.is_pending();
            self.end(Err(error));
        }
    }

    /// The result is the addresses that have come; without any it is this error.
    fn end_with_found(&mut self, error: Error) {
        self.end(if self.found.is_empty() {
            Err(error)
        } else {
            Ok(())
        });
    }

    #[inline(never)] // Many callers.
    fn end(&mut self, result: Result<(), Error>) {
        if self.is_abandoned {
            self.state = State::Idle;
            self.turn.wake();
        } else {
            self.state = State::Done(result);
            self.result.wake();
        }
    }
}

#[cfg(test)]
mod tests;
