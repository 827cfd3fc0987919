//! The transaction in flight: which stage it is in, and what its information lines said.

use crate::at::{
    ContextId, ContextLine, ContextState, Fields, LastError, Name, ReceivedData, Registration,
    SentData, SocketLine, place, read,
};
use crate::engine::exchange::job::{Answer, Job, Key, Outcome, Reason, Sim};
use crate::engine::link::Addresses;

/// What the module has to say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// `OK` or an error ends it.
    Final,
    /// `CONNECT` or an error: the serial line changes hands.
    Connect,
    /// A prompt for payload, or an error.
    Prompt,
    /// The payload is being written; `SEND OK`, `SEND FAIL` or an error ends it.
    Payload,
}

/// A line that ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Final {
    Ok,
    SendOk,
    SendFail,
    Connect,
    Error(Reason),
}

#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) job: Job,
    pub(crate) stage: Stage,
    answer: Answer,
    result: Option<Final>,
    /// The runner has seen the prompt.
    payload_begun: bool,
    /// The module repeated the command line.
    pub(crate) echoed: bool,
    /// How many payload bytes the module has repeated.
    pub(crate) echo_count: u16,
    /// All of these were blanks, and so may be the prompt's.
    pub(crate) only_blanks: bool,
    /// Bytes were lost on the serial line while this was answered.
    pub(crate) damaged: bool,
    /// A line has begun or ended since the prompt.
    pub(crate) line_seen: bool,
}

impl InFlight {
    pub(crate) fn new(job: Job, transparent: bool) -> Self {
        Self {
            job,
            stage: match job {
                Job::Send { .. } => Stage::Prompt,
                _ if transparent => Stage::Connect,
                _ => Stage::Final,
            },
            answer: Answer::Nothing,
            result: None,
            payload_begun: false,
            echoed: false,
            echo_count: 0,
            only_blanks: true,
            damaged: false,
            line_seen: false,
        }
    }

    /// Whether this line ends the transaction. One that cannot is a late one of an earlier transaction.
    pub(crate) fn conclude(&mut self, line: Final) -> Concluded {
        if self.result.is_some() {
            return Concluded::Late;
        }
        let ends = match (self.stage, line) {
            (Stage::Final, Final::Ok) => {
                !self.job.needs_line() || !matches!(self.answer, Answer::Nothing)
            }
            (_, Final::Error(_)) => true,
            (Stage::Payload, Final::SendOk | Final::SendFail) => true,
            // The note's example 3.2.2 has an OK before SEND OK.
            (Stage::Payload, Final::Ok) => return Concluded::Not,
            (Stage::Connect, Final::Connect) => true,
            // Firmware that says in two steps what came of the open.
            (Stage::Connect, Final::Ok) => return Concluded::Not,
            _ => false,
        };
        if ends {
            self.result = Some(line);
            Concluded::Yes
        } else {
            Concluded::Late
        }
    }

    /// Whether the runner has something to go on with: the final result, or the prompt.
    pub(crate) fn is_answered(&self) -> bool {
        self.result.is_some() || self.stage == Stage::Payload && !self.payload_begun
    }

    /// Whether the payload can be written. What is waited for then is the final result.
    pub(crate) fn begin_payload(&mut self) -> bool {
        self.payload_begun = true;
        self.wants_payload()
    }

    pub(crate) fn wants_payload(&self) -> bool {
        self.stage == Stage::Payload && self.result.is_none()
    }

    pub(crate) fn is_concluded(&self) -> bool {
        self.result.is_some()
    }

    #[inline(never)]
    pub(crate) fn outcome(&self) -> Outcome {
        match self.result {
            Some(Final::Ok | Final::SendOk | Final::Connect) => Outcome::Done(self.answer),
            Some(Final::SendFail) => Outcome::SendFail,
            Some(Final::Error(reason)) => Outcome::Refused(reason),
            None => Outcome::NoAnswer,
        }
    }

    /// The header of data: whose it is, if this read asked for it.
    pub(crate) fn read_header(&mut self, more: bool, length: u16) -> Option<Key> {
        let Job::Read { key, .. } = self.job else {
            return None;
        };
        self.answer = Answer::Received { more, length };
        Some(key)
    }

    /// Takes in an information line, if it belongs to this transaction.
    pub(crate) fn absorb(
        &mut self,
        name: Option<Name>,
        line: &[u8],
        context: ContextId,
        addresses: &mut Addresses,
    ) -> bool {
        if name.is_none() || name != self.job.answer_name() {
            return false;
        }
        let answer = match self.job {
            Job::SimState => sim(line),
            Job::Registration(_) => registration(line),
            Job::ListSockets | Job::Status(_) => self.socket(line),
            Job::ListContexts => self.context(line, context, addresses),
            Job::CountSent(_) => sent(line),
            Job::CountReceived(_) => handed_over(line),
            Job::LastError => last_error(line),
            _ => None,
        };
        match answer {
            Some(answer) => {
                self.answer = answer;
                true
            }
            None => false,
        }
    }

    fn socket(&self, line: &[u8]) -> Option<Answer> {
        let status = SocketLine::read(line)?;
        Some(match self.job {
            Job::ListSockets => {
                let before = match self.answer {
                    Answer::Sockets(ids) => ids,
                    _ => 0,
                };
                Answer::Sockets(before | 1 << status.connect_id.get())
            }
            _ => Answer::Socket(status.state),
        })
    }

    fn context(&self, line: &[u8], wanted: ContextId, addresses: &mut Addresses) -> Option<Answer> {
        let ContextLine {
            context,
            state,
            addresses: text,
        } = ContextLine::read(line)?;
        if context != wanted {
            // Somebody else's.
            return Some(self.answer);
        }
        addresses.keep(text);
        Some(Answer::Context {
            active: state == ContextState::Activated,
        })
    }
}

/// What a final line did to the transaction in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concluded {
    Yes,
    /// It belongs here, but is not the end.
    Not,
    /// It belongs to an earlier transaction.
    Late,
}

#[inline(never)]
fn sim(line: &[u8]) -> Option<Answer> {
    let code = Fields::of_line(line).text();
    if code.is_empty() {
        return None;
    }
    Some(Answer::Sim(
        match place("READY\nSIM PIN\nSIM PUK\n", code) {
            Some(0) => Sim::Ready,
            Some(1) => Sim::NeedsPin,
            Some(2) => Sim::Locked,
            _ => Sim::NotReady,
        },
    ))
}

#[inline(never)]
fn registration(line: &[u8]) -> Option<Answer> {
    let registration: Registration = read(line)?;
    Some(Answer::Registration(registration.status))
}

fn sent(line: &[u8]) -> Option<Answer> {
    let counts: SentData = read(line)?;
    // Modules that count to more than 32 bits are compared modulo that.
    Some(Answer::Sent {
        total: counts.total as u32,
        acknowledged: counts.unacknowledged == 0,
    })
}

fn handed_over(line: &[u8]) -> Option<Answer> {
    let counts: ReceivedData = read(line)?;
    Some(Answer::HandedOver(counts.read as u32))
}

fn last_error(line: &[u8]) -> Option<Answer> {
    LastError::read(line).map(|result| Answer::LastError(result.err()))
}
