//! What the runner does, step by step: what it writes to the serial line, and what it waits for in between.

use embassy_time::{Duration, Instant};

use super::encode::encode;
use crate::bytes::{behind_mut, copy, front_mut};
use crate::clock::NEVER;
use crate::fmt::trace;
use crate::socket::{Action, Escape, GUARD, Job, Key, PIECE, Table};

/// After an escape, for the module to answer what it will.
const ESCAPE_PAUSE: Duration = Duration::from_millis(200);
const GUARD_AND_PAUSE: Duration = Duration::from_ticks(GUARD.as_ticks() + ESCAPE_PAUSE.as_ticks());
/// How long the module may take to get to its prompt.
const PROMPT_TIME: Duration = Duration::from_secs(10);
/// How long the answer to a plain AT may take.
const ATTENTION_TIME: Duration = Duration::from_secs(1);
/// How long the module may refuse to take bytes on the way out of whatever it is in.
const ESCAPE_TIME: Duration = Duration::from_secs(10);
/// What a prompt is given, so often that it has all it can still be waiting for: 1460 bytes.
const FILLER: &[u8] = &[b'\r'; 20];
const LAST_FILLER: usize = 1460 / FILLER.len() - 1;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Write the first bytes of the buffer. If they are the last for now, wait until they have left the UART; then be
    /// silent for a while.
    Write {
        length: usize,
        flush: bool,
        pause: Duration,
    },
    /// Wait for the prompt, or for the final result.
    Answer,
    /// Wait for something to do, at most until this instant.
    Idle(Instant),
    /// Switch DTR off and on.
    PulseDtr,
    /// Restart the module.
    Reset,
    /// See what the DCD line says.
    AskCarrier,
    /// Let other tasks have their turn.
    Yield,
}

impl Step {
    /// Until when it may go on, where that is not the table's to say.
    pub(super) const fn limit(self) -> Option<Instant> {
        match self {
            Self::Idle(until) => Some(until),
            Self::Reset | Self::Yield => Some(NEVER),
            Self::Write { .. } | Self::Answer | Self::PulseDtr | Self::AskCarrier => None,
        }
    }
}

/// Where in an action the next step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no action.
    Free,
    Begin,
    /// The command is written, or whatever else the action is has been done.
    Asked,
    /// The prompt has come, or the final result.
    Answered,
    /// The payload is being written.
    Payload,
    End,
}

/// The steps of one action after the other.
#[derive(Debug)]
pub(super) struct Script {
    action: Action,
    stage: Stage,
    /// Bytes of payload, or parts of an escape.
    written: usize,
    /// What the DCD line said last.
    pub(super) carrier: Option<bool>,
}

impl Script {
    pub(super) const fn new() -> Self {
        Self {
            action: Action::Wait(NEVER),
            stage: Stage::Free,
            written: 0,
            carrier: None,
        }
    }

    /// The next step, after one that was done, or was given up because it took too long. What is to be written is in
    /// `buffer` then.
    #[inline(never)]
    pub(super) fn next(
        &mut self,
        table: &mut Table<'_>,
        buffer: &mut [u8],
        mut is_done: bool,
        now: Instant,
    ) -> Step {
        loop {
            if self.stage != Stage::Free {
                if is_done {
                    if let Some(step) = self.step(table, buffer, now) {
                        return step;
                    }
                }
                self.stage = Stage::Free;
                if table.performed(self.action, is_done, now) {
                    return Step::Yield;
                }
            }
            is_done = true;
            self.action = table.next(now);
            self.stage = Stage::Begin;
            self.written = 0;
        }
    }

    /// The next step of the action, if there is one.
    fn step(&mut self, table: &mut Table<'_>, buffer: &mut [u8], now: Instant) -> Option<Step> {
        let begins = self.stage == Stage::Begin;
        match self.action {
            Action::Run(job) if begins => {
                trace!("{:?}", job);
                // If there is none its socket is gone.
                let length = encode(table, job, buffer)?;
                let connects = table.begin(job);
                table.occupy(time_limit(job, connects, table), now);
                self.stage = Stage::Asked;
                Some(Step::Write {
                    length,
                    flush: true,
                    pause: Duration::MIN,
                })
            }
            Action::Run(_) if self.stage == Stage::Asked => {
                self.stage = Stage::Answered;
                Some(Step::Answer)
            }
            Action::Run(Job::Send { key, length }) => {
                let is_due = match self.stage {
                    Stage::Answered => table.begin_payload(now),
                    stage => stage == Stage::Payload,
                };
                if !is_due {
                    return None;
                }
                self.payload(table, buffer, key, length)
            }
            Action::Carry { key, length } => {
                if begins {
                    table.occupy(table.config.send_time, now);
                }
                self.payload(table, buffer, key, length)
            }
            Action::Escape(escape) => {
                if begins {
                    table.occupy(ESCAPE_TIME, now);
                    self.stage = Stage::Payload;
                }
                self.escape(escape, buffer)
            }
            Action::AskCarrier if !begins => {
                table.carrier(self.carrier);
                None
            }
            action if begins => {
                self.stage = Stage::Asked;
                match action {
                    Action::Reset => Some(Step::Reset),
                    Action::AskCarrier => Some(Step::AskCarrier),
                    Action::Wait(until) => Some(Step::Idle(until)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The next piece of the payload; behind the last one of a send, the wait for its result.
    fn payload(
        &mut self,
        table: &mut Table<'_>,
        buffer: &mut [u8],
        key: Key,
        length: u16,
    ) -> Option<Step> {
        self.stage = Stage::Payload;
        let left = usize::from(length).saturating_sub(self.written);
        if left == 0 || !table.wants_payload() {
            self.stage = Stage::End;
            return matches!(self.action, Action::Run(_)).then_some(Step::Answer);
        }
        let piece = front_mut(buffer, PIECE.min(left));
        let count = table.peek(key, self.written, piece);
        // If the socket is gone the module still counts.
        behind_mut(piece, count).fill(0);
        self.written += piece.len();
        Some(Step::Write {
            length: piece.len(),
            flush: piece.len() == left && table.is_last(key, length.into()),
            pause: Duration::MIN,
        })
    }

    #[inline(never)]
    fn escape(&mut self, escape: Escape, buffer: &mut [u8]) -> Option<Step> {
        let (bytes, pause): (&[u8], _) = match (escape, self.written) {
            (Escape::Prompt, 0) => (b"\r\x1b", ESCAPE_PAUSE),
            (Escape::DataMode, 0) => (b"", GUARD),
            (Escape::DataMode, 1) => (b"+++", GUARD_AND_PAUSE),
            (Escape::Plus, 0) => (b"+++", Duration::MIN),
            (Escape::Fill, LAST_FILLER) => (FILLER, ESCAPE_PAUSE),
            (Escape::Fill, 0..LAST_FILLER) => (FILLER, Duration::MIN),
            (Escape::Dtr, 0) => {
                self.written = 1;
                return Some(Step::PulseDtr);
            }
            _ => return None,
        };
        self.written += 1;
        Some(Step::Write {
            length: copy(bytes, buffer),
            flush: true,
            pause,
        })
    }
}

/// How long the final result, or the prompt, may take.
fn time_limit(job: Job, connects: bool, table: &Table<'_>) -> Duration {
    let config = &table.config;
    match job {
        Job::Attention => ATTENTION_TIME,
        Job::Send { .. } => PROMPT_TIME,
        Job::User => table.user_limit(),
        Job::Open(_) if connects => config.connect_time,
        Job::Activate => Duration::from_secs(150),
        Job::Deactivate => Duration::from_secs(40),
        Job::Close(_) | Job::CloseStray(_) => {
            Duration::from_secs(10)
                + Duration::from_secs(config.close_timeout.unwrap_or_default().into())
        }
        _ => config.answer_time,
    }
}
