//! What the runner does, step by step: what it writes to the serial line, and what it waits for in between.

use embassy_time::{Duration, Instant};

use crate::engine::{Action, Engine, Escape, GUARD, Job, Key, PIECE};
use crate::util::log::trace;
use crate::util::slices::{behind_mut, copy, front_mut};
use crate::util::time::NEVER;

/// After an escape, for the module to answer what it will.
const ESCAPE_PAUSE: Duration = Duration::from_millis(200);
const GUARD_AND_PAUSE: Duration = Duration::from_ticks(GUARD.as_ticks() + ESCAPE_PAUSE.as_ticks());
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
        engine: &mut Engine<'_>,
        buffer: &mut [u8],
        mut is_done: bool,
        now: Instant,
    ) -> Step {
        loop {
            if self.stage != Stage::Free {
                if is_done {
                    if let Some(step) = self.step(engine, buffer, now) {
                        return step;
                    }
                }
                self.stage = Stage::Free;
                if engine.performed(self.action, is_done, now) {
                    return Step::Yield;
                }
            }
            is_done = true;
            self.action = engine.next(now);
            self.stage = Stage::Begin;
            self.written = 0;
        }
    }

    /// The next step of the action, if there is one.
    fn step(&mut self, engine: &mut Engine<'_>, buffer: &mut [u8], now: Instant) -> Option<Step> {
        let begins = self.stage == Stage::Begin;
        match self.action {
            Action::Run(job) if begins => {
                trace!("{:?}", job);
                // If there is none its socket is gone.
                let length = engine.begin(job, buffer, now)?;
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
                    Stage::Answered => engine.begin_payload(now),
                    stage => stage == Stage::Payload,
                };
                if !is_due {
                    return None;
                }
                self.payload(engine, buffer, key, length)
            }
            Action::WriteRaw { key, length } => {
                if begins {
                    engine.start_deadline(engine.config.send_time, now);
                }
                self.payload(engine, buffer, key, length)
            }
            Action::Escape(escape) => {
                if begins {
                    engine.start_deadline(ESCAPE_TIME, now);
                    self.stage = Stage::Payload;
                }
                self.escape(escape, buffer)
            }
            Action::AskCarrier if !begins => {
                engine.carrier(self.carrier);
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
        engine: &mut Engine<'_>,
        buffer: &mut [u8],
        key: Key,
        length: u16,
    ) -> Option<Step> {
        self.stage = Stage::Payload;
        let left = usize::from(length).saturating_sub(self.written);
        if left == 0 || !engine.wants_payload() {
            self.stage = Stage::End;
            return matches!(self.action, Action::Run(_)).then_some(Step::Answer);
        }
        let piece = front_mut(buffer, PIECE.min(left));
        let count = engine.peek(key, self.written, piece);
        // If the socket is gone the module still counts.
        behind_mut(piece, count).fill(0);
        self.written += piece.len();
        Some(Step::Write {
            length: piece.len(),
            flush: piece.len() == left && engine.is_last(key, length.into()),
            pause: Duration::MIN,
        })
    }

    #[inline(never)]
    fn escape(&mut self, escape: Escape, buffer: &mut [u8]) -> Option<Step> {
        let (bytes, pause): (&[u8], _) = match (escape, self.written) {
            (Escape::Prompt, 0) => (b"\r\x1b", ESCAPE_PAUSE),
            (Escape::DataMode, 0) => (b"", GUARD),
            (Escape::DataMode, 1) => (b"+++", GUARD_AND_PAUSE),
            (Escape::PlusOnly, 0) => (b"+++", Duration::MIN),
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
