//! Name lookups: one at a time, because nothing in the module's answer names the question (section 2.1.14).

use core::fmt;
use core::net::IpAddr;

use embassy_time::{Duration, Instant};
use heapless::{String, Vec};

use crate::at::{
    Arguments, Command, ContextId, ErrorCode, Fields, Host, ResolveName, Resolved, Text,
};
use crate::engine::Engine;
use crate::engine::exchange::job::{Job, Outcome};
use crate::engine::sockets::turn::Round;
use crate::error::Error;
use crate::util::time::{NEVER, after, earliest, get_or_set};
use crate::util::wakers::MultiWaker;

/// The longest name of the DNS.
const MAX_NAME: usize = 253;
/// How many tasks can wait for their turn before they begin to wake each other.
const WAITERS: usize = 3;
/// How many addresses of a name are kept.
pub(crate) const MAX_ADDRESSES: usize = 4;
/// The addresses of a name, in the order in which the module gave them.
pub type Addresses = Vec<IpAddr, MAX_ADDRESSES>;

/// How long the addresses may take that the first line of the answer announced.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
/// How long the module may take to answer (section 2.1.14). An answer to a question that was given up earliest can still
/// come, and must not be taken for that to the next.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Before a lookup is repeated that found the resolver busy.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum State {
    Idle,
    /// AT+QIDNSGIP is to be sent, not before this instant.
    Asked {
        not_before: Instant,
    },
    /// The resolver is busy with an earlier question: this one has to be put again.
    Busy,
    /// The answer is outstanding; `missing` addresses of it, once the first line has come.
    Running {
        missing: Option<u8>,
    },
    Done(Result<(), Error>),
}

#[derive(Debug)]
pub(crate) struct Lookup {
    state: State,
    pub(crate) name: String<MAX_NAME, u8>,
    found: Addresses,
    deadline: Instant,
    /// The deadline is that of the address lines.
    hurried: bool,
    /// The command was not answered, and its result may still come.
    late: bool,
    /// Until when an answer to a question that was given up may come.
    /// `Instant::MIN`: none can.
    late_until: Instant,
    /// The one who asked has gone.
    abandoned: bool,
    pub(crate) watchers: MultiWaker<WAITERS>,
}

/// What the table does for name lookups.
pub(crate) trait LookupPart: fmt::Debug + Sync {
    /// What to do next.
    fn next(&self, lookup: &mut Lookup, round: &mut Round<'_>) -> Option<Job>;
    /// The command that asks.
    fn fill_question<'a>(
        &self,
        lookup: &'a Lookup,
        context: ContextId,
        arguments: &mut Arguments<'a>,
    ) -> &'static str;
    /// The command was answered.
    fn done(&self, lookup: &mut Lookup, outcome: &Outcome);
    /// `"dnsgip",` and these fields: why the lookup failed, if it did. `None` if they are something else.
    fn heard(&self, lookup: &mut Lookup, fields: Fields<'_>) -> Option<Result<(), ErrorCode>>;
    /// The link went down, or stays down.
    fn reject_waiting(&self, lookup: &mut Lookup, error: Error, is_down: bool);
}

#[derive(Debug)]
struct Lookups;

impl LookupPart for Lookups {
    fn next(&self, lookup: &mut Lookup, round: &mut Round<'_>) -> Option<Job> {
        lookup.next(round)
    }

    fn fill_question<'a>(
        &self,
        lookup: &'a Lookup,
        context: ContextId,
        arguments: &mut Arguments<'a>,
    ) -> &'static str {
        let host = Host::Name(Text::known(&lookup.name));
        ResolveName { context, host }.fill(arguments)
    }

    fn done(&self, lookup: &mut Lookup, outcome: &Outcome) {
        lookup.done(outcome);
    }

    fn heard(&self, lookup: &mut Lookup, fields: Fields<'_>) -> Option<Result<(), ErrorCode>> {
        match fields.whole()? {
            Resolved::Address(address) => lookup.address(address),
            Resolved::Result { result, count, .. } => {
                lookup.result(result, count);
                return Some(result);
            }
        }
        Some(Ok(()))
    }

    fn reject_waiting(&self, lookup: &mut Lookup, error: Error, is_down: bool) {
        lookup.reject_waiting(error, is_down);
    }
}

impl Engine<'_> {
    /// Name lookups, for those who need them.
    pub(crate) fn lookup(&mut self) -> &mut Lookup {
        self.parts.lookup = Some(&Lookups);
        &mut self.lookup
    }
}

impl Lookup {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Idle,
            name: String::new(),
            found: Vec::new(),
            deadline: NEVER,
            hurried: false,
            late: false,
            late_until: Instant::MIN,
            abandoned: false,
            watchers: MultiWaker::new(),
        }
    }

    /// Puts the question, unless another one is being answered.
    pub(crate) fn ask(&mut self, name: &str) -> bool {
        if !matches!(self.state, State::Idle) {
            return false;
        }
        self.name.clear();
        if self.name.push_str(name).is_err() {
            return false;
        }
        self.found.clear();
        self.abandoned = false;
        self.deadline = NEVER;
        self.hurried = false;
        self.state = State::Asked {
            not_before: Instant::MIN,
        };
        true
    }

    /// Whether this is the name that was asked for last.
    pub(crate) fn asks(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether the answer is there.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    pub(crate) fn answer(&self) -> Option<Result<&[IpAddr], Error>> {
        match self.state {
            State::Done(result) => Some(result.map(|()| self.found.as_slice())),
            _ => None,
        }
    }

    /// The one who asked has gone. A question that is already on its way blocks the next one until it is answered:
    /// a late answer must not be taken for that of the next.
    pub(crate) fn abandon(&mut self) {
        match self.state {
            State::Asked { .. } | State::Busy | State::Done(_) => {
                self.state = State::Idle;
                self.watchers.wake();
            }
            State::Running { .. } => self.abandoned = true,
            State::Idle => {}
        }
    }

    /// Whether a result is still to come.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    fn next(&mut self, round: &mut Round<'_>) -> Option<Job> {
        let (now, config) = (round.now, round.config);
        if let State::Busy = self.state {
            self.state = State::Asked {
                not_before: after(now, BUSY_PAUSE),
            };
        }
        match self.state {
            State::Idle | State::Busy | State::Done(_) => return None,
            State::Asked { not_before } => {
                let deadline = get_or_set(&mut self.deadline, after(now, config.lookup_time));
                if core::mem::take(&mut self.late) {
                    self.late_until = after(now, ANSWER_TIME);
                }
                let not_before = self.late_until.max(not_before);
                if now < not_before {
                    round.look_again(not_before.min(deadline));
                } else {
                    self.late_until = Instant::MIN;
                    self.state = State::Running { missing: None };
                    return Some(Job::Resolve);
                }
            }
            State::Running { missing } => {
                if missing.is_some() && !self.hurried {
                    self.hurried = true;
                    earliest(&mut self.deadline, after(now, ADDRESS_TIME));
                }
            }
        }
        if now < self.deadline {
            round.look_again(self.deadline);
            return None;
        }
        if let State::Running { missing: None } = self.state {
            let rest = ANSWER_TIME.checked_sub(config.lookup_time);
            self.late_until = rest.map_or(Instant::MIN, |rest| after(now, rest));
        }
        self.end(if self.found.is_empty() {
            Err(Error::TimedOut)
        } else {
            Ok(())
        });
        None
    }

    /// The command itself was answered.
    fn done(&mut self, outcome: &Outcome) {
        if !matches!(self.state, State::Running { .. }) {
            // The question was given up with the link; another may have taken its place.
            return;
        }
        match *outcome {
            Outcome::Done(_) => {}
            Outcome::Refused(reason) => self.failed(reason.code()),
            Outcome::NoAnswer | Outcome::SendFail => {
                // It may have been heard all the same.
                self.late = true;
                self.end(Err(Error::TimedOut));
            }
        }
    }

    /// `"dnsgip",err[,count[,ttl]]`.
    fn result(&mut self, result: Result<(), ErrorCode>, count: Option<u8>) {
        if !matches!(self.state, State::Running { missing: None }) {
            // The one that was given up.
            self.late = false;
            self.late_until = Instant::MIN;
            return;
        }
        match (result, count) {
            (Ok(()), Some(0)) => self.end(Err(Error::NameNotFound)),
            (Ok(()), count) => {
                self.state = State::Running {
                    missing: Some(count.unwrap_or(1)),
                };
            }
            (Err(code), _) => self.failed(code),
        }
    }

    /// `"dnsgip",address`.
    fn address(&mut self, address: IpAddr) {
        if let State::Running {
            missing: Some(missing),
        } = &mut self.state
        {
            *missing = missing.saturating_sub(1);
            let complete = *missing == 0;
            // More than are kept: the first ones serve.
            let _ = self.found.push(address);
            if complete {
                self.end(Ok(()));
            }
        }
    }

    fn failed(&mut self, code: ErrorCode) {
        match code {
            ErrorCode::DNS_BUSY if !self.abandoned => self.state = State::Busy,
            ErrorCode::DNS_FAILED => self.end(Err(Error::NameNotFound)),
            code => self.end(Err(match Error::from_code(code) {
                Error::Module(code) => Error::NameLookup(code),
                other => other,
            })),
        }
    }

    /// The link went down; what was not asked yet can wait for it to come back, unless no attempt to bring it up is under
    /// way.
    fn reject_waiting(&mut self, error: Error, is_down: bool) {
        if match self.state {
            State::Running { .. } => true,
            State::Asked { .. } | State::Busy => is_down,
            State::Idle | State::Done(_) => false,
        } {
            self.end(Err(error));
        }
    }

    #[inline(never)]
    fn end(&mut self, result: Result<(), Error>) {
        self.state = if self.abandoned {
            State::Idle
        } else {
            State::Done(result)
        };
        self.watchers.wake();
    }
}
