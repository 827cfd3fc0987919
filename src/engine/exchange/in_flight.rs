//! The transaction that the module is answering: its stage, its information responses, its final result code.

use super::job::Job;
use super::outcome::{Answer, Outcome, Reason};
use super::payload_echo::EchoProgress;
use super::transaction::{Stage, Transaction};
use crate::at::{
    BearerState, ContextAddresses, ContextId, ContextState, ContextType, ErrorCode, Fields,
    FunctionalityChanged, LastErrorLine, Prefix, ReceivedData, Registration, SentData, SimStatus,
    SocketLine, read,
};
use crate::engine::ids::IdSet;
use crate::engine::sockets::key::Key;

/// How a line ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinalResult {
    Ok,
    SendOk,
    SendFail,
    Connect,
    Error(Reason),
}

/// What a final result code did to the transaction in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// It ended the transaction.
    Ended,
    /// It belongs to the transaction, and another one ends it.
    Intermediate,
    /// It belongs to an earlier transaction.
    Late,
}

#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) job: Job,
    stage: Stage,
    /// The prefix of its information responses.
    prefix: Option<Prefix>,
    needs_answer: bool,
    pub(crate) asks_reason: bool,
    answer: Answer,
    /// The module has echoed the command line (ATE).
    pub(crate) command_echoed: bool,
    pub(crate) echo: EchoProgress,
    /// Bytes were lost on the UART during this transaction.
    pub(crate) damaged: bool,
    /// A line that is not known has come during this transaction.
    pub(crate) has_unknown_line: bool,
}

impl InFlight {
    pub(crate) const fn new(job: Job, transaction: &Transaction) -> Self {
        Self {
            job,
            stage: transaction.stage,
            prefix: transaction.prefix,
            needs_answer: transaction.needs_answer,
            asks_reason: transaction.asks_reason,
            answer: Answer::Nothing,
            command_echoed: false,
            echo: EchoProgress {
                count: 0,
                only_blanks: true,
                line_seen: false,
            },
            damaged: false,
            has_unknown_line: false,
        }
    }

    /// What a final result code is to the transaction. One that cannot end it is a late one of an earlier transaction.
    pub(crate) fn conclusion(&self, result: FinalResult) -> Conclusion {
        let ends = match (self.stage, result) {
            (Stage::Result, FinalResult::Ok) => {
                !self.needs_answer || !matches!(self.answer, Answer::Nothing)
            }
            (Stage::Nothing, FinalResult::Ok) => true,
            (_, FinalResult::Error(_)) => true,
            (Stage::Prompted | Stage::Payload, FinalResult::SendOk | FinalResult::SendFail) => true,
            // Example 3.2.2 of the note has an OK before SEND OK (quirk 54).
            // Other firmware says OK to an open in transparent access mode, and its result afterwards.
            (Stage::Prompted | Stage::Payload | Stage::Connect, FinalResult::Ok) => {
                return Conclusion::Intermediate;
            }
            (Stage::Connect, FinalResult::Connect) => true,
            _ => false,
        };
        if ends {
            Conclusion::Ended
        } else {
            Conclusion::Late
        }
    }

    /// Takes a prompt. Returns false if no prompt is due.
    pub(crate) fn on_prompt(&mut self) -> bool {
        let is_due = self.stage == Stage::Prompt;
        if is_due {
            self.stage = Stage::Prompted;
        }
        is_due
    }

    /// Whether the runner can go on before the final result code has come.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Nothing | Stage::Prompted)
    }

    /// Whether the payload can be written; the final result code follows it.
    pub(crate) fn begin_payload(&mut self) -> bool {
        if self.stage == Stage::Prompted {
            self.stage = Stage::Payload;
        }
        self.is_behind_prompt()
    }

    /// Whether the prompt has come.
    pub(crate) fn is_behind_prompt(&self) -> bool {
        matches!(self.stage, Stage::Prompted | Stage::Payload)
    }

    /// Whether `CONNECT` can end the transaction.
    pub(crate) fn awaits_connect(&self) -> bool {
        self.stage == Stage::Connect
    }

    /// How it has ended: with this final result code, or without one, which is what some commands end with.
    pub(crate) const fn outcome(&self, result: Option<FinalResult>) -> Outcome {
        match result {
            Some(FinalResult::Ok | FinalResult::SendOk | FinalResult::Connect) => {
                Outcome::Done(self.answer)
            }
            Some(FinalResult::SendFail) => Outcome::SendFail,
            Some(FinalResult::Error(reason)) => Outcome::Refused(reason),
            None if matches!(self.stage, Stage::Nothing) => Outcome::Done(self.answer),
            None => Outcome::NoAnswer,
        }
    }

    /// Whether it is a read.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.job, Job::Read { .. })
    }

    /// Whether data has come in answer to a read.
    pub(crate) const fn has_payload(&self) -> bool {
        matches!(self.answer, Answer::Received { length: 1.., .. })
    }

    /// Whether the header of the data that is read has come.
    pub(crate) const fn has_header(&self) -> bool {
        matches!(self.answer, Answer::Received { .. })
    }

    /// Takes the header of data. Returns the socket that it is for, if this is a read.
    pub(crate) fn on_read_header(&mut self, has_data: bool, length: u16) -> Option<Key> {
        let Job::Read { key, .. } = self.job else {
            return None;
        };
        self.answer = Answer::Received { has_data, length };
        Some(key)
    }

    /// Takes an information response, if it belongs to this transaction.
    pub(crate) fn on_information(
        &mut self,
        prefix: Option<Prefix>,
        line: &[u8],
        context: ContextId,
        addresses: &mut ContextAddresses,
    ) -> bool {
        if prefix.is_none() || prefix != self.prefix {
            return false;
        }
        let answer = self.answer_in(line, context, addresses);
        self.answer = answer.unwrap_or(self.answer);
        answer.is_some()
    }

    /// What an information response says; also stores the addresses of the context. `None` if it is none of this job.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn answer_in(
        &self,
        line: &[u8],
        wanted: ContextId,
        addresses: &mut ContextAddresses,
    ) -> Option<Answer> {
        Some(match self.job {
            Job::Functionality => Answer::Functionality(read::<FunctionalityChanged>(line)?.level),
            Job::SimState => Answer::Sim(read::<SimStatus>(line)?.state),
            Job::Registration(_) => Answer::Registration(read::<Registration>(line)?.status),
            Job::ListSockets => {
                let mut ids = match self.answer {
                    Answer::Sockets(ids) => ids,
                    _ => IdSet::EMPTY,
                };
                ids.insert(read::<SocketLine>(line)?.connect_id);
                Answer::Sockets(ids)
            }
            Job::Status(_) => Answer::Socket(read::<SocketLine>(line)?.state),
            Job::ListContexts => {
                // Not as an `ActiveContext`, whose copies take flash.
                let mut fields = Fields::of_line(line);
                let (context, state): (ContextId, ContextState) = (fields.next()?, fields.next()?);
                let _: ContextType = fields.next()?;
                if context != wanted {
                    // Another context of the module.
                    return Some(self.answer);
                }
                *addresses = fields.next()?;
                Answer::Context {
                    active: state == ContextState::Activated,
                }
            }
            Job::ListBearers => {
                let bearer: BearerState = read(line)?;
                if bearer.context != wanted.get() {
                    return Some(self.answer);
                }
                Answer::Context {
                    active: bearer.state == ContextState::Activated,
                }
            }
            Job::CountSent(_) => {
                let counts: SentData = read(line)?;
                Answer::Sent {
                    // Some modules count to more than 32 bits: totals are compared modulo 2^32.
                    total: counts.total as u32,
                    all_acknowledged: counts.unacknowledged == 0,
                }
            }
            Job::CountReceived(_) => Answer::ReceivedTotal(read::<ReceivedData>(line)?.read as u32),
            Job::LastError => Answer::LastError(ErrorCode::new(read::<LastErrorLine>(line)?.code)),
            _ => return None,
        })
    }
}
