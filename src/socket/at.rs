//! The user's own AT commands, between ours: one at a time, and one buffer for the command and then for its answer.

use core::task::{Poll, Waker};

use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::job::{Outcome, Reason};
use crate::command::MAX_COMMAND_LENGTH;

/// How long the port is kept for the payload that a command of the user has asked for with a prompt.
const PROMPT_TIME: Duration = Duration::from_secs(10);

/// How a command of the user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtResult {
    /// `OK`, or a prompt.
    Done,
    Refused(Reason),
    TimedOut,
    /// The module restarted, or the runner does not run.
    Aborted,
    /// The answer has more bytes than are kept.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// Somebody puts a command together.
    Writing,
    Ready,
    Running,
    /// Nobody waits for its answer any more.
    Abandoned,
    Done(AtResult),
}

#[derive(Debug)]
pub(crate) struct UserCommand {
    state: State,
    /// The command, and from its start on the information lines of its answer.
    text: Vec<u8, MAX_COMMAND_LENGTH>,
    /// How long the answer may take.
    pub(crate) limit: Duration,
    /// Nothing is answered to it.
    pub(crate) mute: bool,
    /// `+NAME` of the command, which its information lines begin with: where the name ends in the command.
    name: Vec<u8, 24>,
    overflow: bool,
    /// The module waits for payload, which the next command of the same user brings.
    prompted: bool,
    prompt_until: Option<Instant>,
    watchers: MultiWakerRegistration<4>,
}

impl UserCommand {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            text: Vec::new(),
            limit: Duration::MIN,
            mute: false,
            name: Vec::new(),
            overflow: false,
            prompted: false,
            prompt_until: None,
            watchers: MultiWakerRegistration::new(),
        }
    }

    /// Takes the buffer for a command.
    pub(crate) fn poll_begin(&mut self, waker: &Waker) -> Poll<()> {
        if self.state != State::Idle {
            self.watchers.register(waker);
            return Poll::Pending;
        }
        self.state = State::Writing;
        self.text.clear();
        Poll::Ready(())
    }

    /// Adds to the command: false if it gets too long.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        self.text.extend_from_slice(bytes).is_ok()
    }

    /// Lets a command write itself, in one go.
    pub(crate) fn encode(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        let capacity = self.text.capacity();
        let _ = self.text.resize(capacity, 0);
        let length = write(&mut self.text);
        self.text.truncate(length);
    }

    /// The command is complete. The table has to be kicked.
    pub(crate) fn submit(&mut self, limit: Duration, mute: bool) {
        self.limit = limit;
        self.mute = mute;
        self.state = State::Ready;
    }

    pub(crate) fn poll_result(&mut self, waker: &Waker) -> Poll<AtResult> {
        match self.state {
            State::Done(result) => Poll::Ready(result),
            _ => {
                self.watchers.register(waker);
                Poll::Pending
            }
        }
    }

    /// The information lines of the answer, with line ends between them.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.text
    }

    /// The user is done with the buffer, or gone.
    pub(crate) fn release(&mut self) {
        self.state = match self.state {
            State::Running | State::Abandoned => State::Abandoned,
            State::Idle | State::Writing | State::Ready | State::Done(_) => State::Idle,
        };
        self.watchers.wake();
    }

    /// Whether it is this command's turn.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the port is kept for the payload that the last command asked for: until when.
    pub(super) fn kept_until(&mut self, now: Instant) -> Option<Instant> {
        if !self.prompted {
            return None;
        }
        Some(*self.prompt_until.get_or_insert(now + PROMPT_TIME))
    }

    /// The payload did not come in time.
    pub(super) fn give_up_prompt(&mut self) {
        self.prompted = false;
        self.prompt_until = None;
    }

    /// Hands the command over to be sent. What is added from here on is the answer.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let length = self.text.len().min(into.len());
        into[..length].copy_from_slice(&self.text[..length]);
        let name = match self.text.strip_prefix(b"AT") {
            Some(rest) => {
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b'=' | b'?' | b';' | b'\r'))
                    .unwrap_or(rest.len());
                Vec::from_slice(&rest[..end]).unwrap_or_default()
            }
            None => Vec::new(),
        };
        self.name = name;
        self.text.clear();
        self.overflow = false;
        self.give_up_prompt();
        self.state = State::Running;
        length
    }

    /// Takes in a line, if it is one of the answer: any without a name, and those with the name of the command.
    pub(super) fn absorb(&mut self, line: &[u8]) -> bool {
        if matches!(line, b"RDY" | b"APP RDY" | b"POWERED DOWN") {
            return false;
        }
        if line.first() == Some(&b'+') {
            let Some(rest) = line.strip_prefix(&self.name[..]) else {
                return false;
            };
            if self.name.is_empty() || rest.first() != Some(&b':') {
                return false;
            }
        }
        let separator: &[u8] = if self.text.is_empty() { b"" } else { b"\r\n" };
        if self.text.len() + separator.len() + line.len() > MAX_COMMAND_LENGTH {
            self.overflow = true;
        } else {
            let _ = self.text.extend_from_slice(separator);
            let _ = self.text.extend_from_slice(line);
        }
        true
    }

    /// The module asks for payload.
    pub(super) fn prompted(&mut self) {
        self.prompted = true;
    }

    pub(super) fn done(&mut self, outcome: Outcome) {
        let result = match outcome {
            Outcome::Done(_) if self.overflow => AtResult::TooLong,
            Outcome::Done(_) | Outcome::SendFail => AtResult::Done,
            Outcome::Refused(reason) => AtResult::Refused(reason),
            Outcome::NoAnswer if self.mute => AtResult::Done,
            Outcome::NoAnswer => AtResult::TimedOut,
        };
        self.end(result);
    }

    /// The command will not be answered.
    pub(super) fn abort(&mut self) {
        self.give_up_prompt();
        if matches!(self.state, State::Ready | State::Running | State::Abandoned) {
            self.end(AtResult::Aborted);
        }
    }

    fn end(&mut self, result: AtResult) {
        self.state = match self.state {
            State::Abandoned => {
                self.give_up_prompt();
                State::Idle
            }
            _ => State::Done(result),
        };
        self.watchers.wake();
    }
}
