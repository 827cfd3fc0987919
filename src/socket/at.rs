//! The user's own AT commands, between ours: one at a time, and one buffer for the command and then for its answer.

use core::task::{Poll, Waker};

use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::WAITERS;
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
    /// After a bare `ERROR` AT+QIGETERROR tells more: it is a command of the note.
    pub(super) asks_reason: bool,
    /// It has been handed over to be sent.
    sent: bool,
    /// `+NAME` of the command, which its information lines begin with: where the name ends in the command.
    name: Vec<u8, 24>,
    overflow: bool,
    /// The module waits for payload, which the next command of the same user brings.
    prompted: bool,
    /// Whose command it is.
    owner: u16,
    next_owner: u16,
    /// The payload has its end with it: the prompts that the module may give for its lines mean nothing.
    complete: bool,
    prompt_until: Option<Instant>,
    watchers: MultiWakerRegistration<WAITERS>,
}

impl UserCommand {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            text: Vec::new(),
            limit: Duration::MIN,
            mute: false,
            asks_reason: false,
            sent: false,
            name: Vec::new(),
            overflow: false,
            prompted: false,
            owner: 0,
            next_owner: 0,
            complete: false,
            prompt_until: None,
            watchers: MultiWakerRegistration::new(),
        }
    }

    /// Tells one user from another.
    pub(crate) fn new_owner(&mut self) -> u16 {
        self.next_owner = self.next_owner.wrapping_add(1);
        self.next_owner
    }

    /// Takes the buffer for a command, unless payload of another user has to come first.
    pub(crate) fn poll_begin(&mut self, owner: u16, waker: &Waker) -> Poll<()> {
        if self.state != State::Idle || (self.prompted && self.owner != owner) {
            self.watchers.register(waker);
            return Poll::Pending;
        }
        self.owner = owner;
        self.state = State::Writing;
        self.sent = false;
        self.text.clear();
        Poll::Ready(())
    }

    /// Adds to the command: false if it gets too long, or is not being put together by this user.
    pub(crate) fn write(&mut self, owner: u16, bytes: &[u8]) -> bool {
        self.state == State::Writing
            && self.owner == owner
            && self.text.extend_from_slice(bytes).is_ok()
    }

    /// The command is complete. The table has to be kicked.
    pub(crate) fn submit(&mut self, limit: Duration, mute: bool, asks_reason: bool) {
        self.limit = limit;
        self.mute = mute;
        self.asks_reason = asks_reason;
        self.state = State::Ready;
    }

    /// Whether the last command that was handed over to be sent is this user's.
    pub(crate) fn was_sent(&self, owner: u16) -> bool {
        self.sent && self.owner == owner
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
    pub(crate) fn answer(&self) -> Vec<u8, MAX_COMMAND_LENGTH> {
        self.text.clone()
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
        self.watchers.wake();
    }

    /// Hands the command over to be sent. What is added from here on is the answer.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let length = self.text.len().min(into.len());
        into[..length].copy_from_slice(&self.text[..length]);
        self.complete = self.prompted && matches!(self.text.last(), Some(0x1a | 0x1b));
        // What follows a prompt is no command; its answer is that of the one before.
        if !self.prompted {
            self.name = name_of(&self.text);
        }
        self.text.clear();
        self.overflow = false;
        self.give_up_prompt();
        self.state = State::Running;
        self.sent = true;
        length
    }

    /// Takes in a line, if it is one of the answer: any without a name, and those with the name of the command.
    pub(super) fn absorb(&mut self, line: &[u8]) -> bool {
        if matches!(line, b"RDY" | b"APP RDY" | b"POWERED DOWN" | b"RING") {
            return false;
        }
        if self.complete && line == b">" {
            return true;
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

    /// Whether a prompt ends the command: not behind the end of payload.
    pub(super) fn takes_prompt(&self) -> bool {
        // Behind an information line it is more of the answer.
        !self.complete && self.text.is_empty()
    }

    /// Whether a line is the module's echo of the command.
    pub(super) fn is_echo(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(b"AT").or(line.strip_prefix(b"at"));
        rest.is_some_and(|rest| {
            name_of(line) == self.name && (!self.name.is_empty() || rest.is_empty())
        })
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

    /// What is on its way will not be answered.
    pub(super) fn abort(&mut self) {
        self.give_up_prompt();
        if matches!(self.state, State::Running | State::Abandoned) {
            self.end(AtResult::Aborted);
        }
    }

    /// Nothing is sent to the module for a while.
    pub(super) fn refuse(&mut self) {
        if self.state == State::Ready {
            self.end(AtResult::Aborted);
        }
    }

    fn end(&mut self, result: AtResult) {
        self.state = match self.state {
            State::Abandoned => {
                // Nobody will bring the payload.
                self.prompt_until = self.prompted.then_some(Instant::MIN);
                State::Idle
            }
            _ => State::Done(result),
        };
        self.watchers.wake();
    }
}

/// `+NAME` of a command line.
fn name_of(command: &[u8]) -> Vec<u8, 24> {
    let Some(rest) = command.strip_prefix(b"AT").or(command.strip_prefix(b"at")) else {
        return Vec::new();
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'=' | b'?' | b';' | b'\r'))
        .unwrap_or(rest.len());
    Vec::from_slice(&rest[..end]).unwrap_or_default()
}
