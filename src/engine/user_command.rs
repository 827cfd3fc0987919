//! The user's own AT commands, between those of the stack: one at a time, and one buffer for the command and its answer.

use core::task::Poll;

use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::exchange::job::{Action, Escape, Job};
use super::exchange::outcome::{Outcome, Reason};
use super::exchange::transaction::Stage;
use super::exchange::transaction::{CommandBuffer, Transaction};
use super::wakes::{Queue, Signal, WakeSet};
use crate::at::{MAX_COMMAND_LENGTH, ResultCode};
use crate::util::slices::{copy, front};
use crate::util::time::{NEVER, after, get_or_set};

/// How long the UART is kept for the payload that a command of the user has asked for with a prompt.
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
    /// The answer has more bytes than the buffer.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// A user puts a command together.
    Writing,
    /// The command waits for its turn.
    Ready,
    Running,
    /// The command runs, and its user has dropped it.
    Abandoned,
    Done(AtResult),
}

/// Whether the module waits for payload, which the next command of the same user brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    None,
    /// Until this instant; `NEVER` until the scheduler has looked.
    Given {
        until: Instant,
    },
}

/// How the user wants a command to be run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// How long the answer may take.
    pub(crate) limit: Duration,
    /// Nothing is answered to it.
    pub(crate) is_mute: bool,
    /// After a bare `ERROR` AT+QIGETERROR gives the reason: it is a command of the note.
    pub(crate) asks_reason: bool,
}

#[derive(Debug)]
pub(crate) struct UserCommand<'d> {
    state: State,
    /// The command, and after it is sent the information responses of its answer.
    text: Vec<u8, MAX_COMMAND_LENGTH, u16>,
    options: Options,
    /// `+NAME` of the command, which its information responses begin with.
    name: Vec<u8, 24, u8>,
    /// The answer has more bytes than the buffer.
    overflows: bool,
    /// The last line is the first one of a message, and says `OK`.
    ends_with_ok: bool,
    prompt: Prompt,
    /// The command is payload with its end: prompts that the module sends for its lines mean nothing.
    ends_payload: bool,
    /// The user whose command it is.
    owner: u16,
    /// The user's command had the last turn.
    had_last_turn: bool,
    turn: Signal<'d>,
    result: Signal<'d>,
}

impl<'d> UserCommand<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            state: State::Idle,
            text: Vec::new(),
            options: Options {
                limit: Duration::MIN,
                is_mute: false,
                asks_reason: false,
            },
            name: Vec::new(),
            overflows: false,
            ends_with_ok: false,
            prompt: Prompt::None,
            ends_payload: false,
            owner: 0,
            had_last_turn: false,
            turn: Signal::new(wakes, Queue::Turn),
            result: Signal::new(wakes, Queue::CommandResult),
        }
    }

    // ---- the user ------------------------------------------------------------------------------------------------

    /// Takes the buffer for a command, unless payload of another user has to come first.
    pub(crate) fn poll_begin(&mut self, owner: u16) -> Poll<()> {
        let is_kept = self.prompt != Prompt::None && self.owner != owner;
        if self.state != State::Idle || is_kept {
            return Poll::Pending;
        }
        self.owner = owner;
        self.state = State::Writing;
        self.text.clear();
        Poll::Ready(())
    }

    /// Adds to the command. Returns false if it gets too long, or is not being written by this user.
    pub(crate) fn write(&mut self, owner: u16, bytes: &[u8]) -> bool {
        self.state == State::Writing
            && self.owner == owner
            && self.text.extend_from_slice(bytes).is_ok()
    }

    /// The command is complete. The runner has to be woken.
    pub(crate) const fn submit(&mut self, options: Options) {
        self.options = options;
        self.state = State::Ready;
    }

    /// The user whose command it is.
    #[cfg(any(feature = "ping", feature = "ntp"))]
    pub(crate) const fn owner(&self) -> u16 {
        self.owner
    }

    pub(crate) fn poll_result(&self) -> Poll<AtResult> {
        match self.state {
            State::Done(result) => Poll::Ready(result),
            _ => Poll::Pending,
        }
    }

    /// The information responses of the answer, with line ends between them.
    pub(crate) fn answer(&self) -> Vec<u8, MAX_COMMAND_LENGTH, u16> {
        self.text.clone()
    }

    /// The user has taken the answer, or has dropped the command.
    pub(crate) fn release(&mut self) {
        self.state = match self.state {
            State::Running | State::Abandoned => State::Abandoned,
            State::Idle | State::Writing | State::Ready | State::Done(_) => State::Idle,
        };
        self.turn.wake();
    }

    // ---- its transaction -----------------------------------------------------------------------------------------

    /// Whether a command waits for its turn.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What comes next, if it is the command's turn. It takes turns with everything else as soon as the module takes commands.
    pub(crate) fn next(&mut self, module_listens: bool, now: Instant) -> Option<Action> {
        if let Prompt::Given { until } = &mut self.prompt {
            // The UART is kept for the payload.
            let until = get_or_set(until, after(now, PROMPT_TIME));
            if self.is_ready() {
                return Some(Action::Run(Job::User));
            }
            if now < until {
                return Some(Action::Wait(until));
            }
            self.drop_prompt();
            return Some(Action::Escape(Escape::Prompt));
        }
        if !self.is_ready() || !module_listens {
            return None;
        }
        self.had_last_turn = !self.had_last_turn;
        self.had_last_turn.then_some(Action::Run(Job::User))
    }

    /// No other transaction is due: the user's command has this turn.
    pub(crate) const fn take_turn(&mut self) {
        self.had_last_turn = true;
    }

    fn drop_prompt(&mut self) {
        if core::mem::replace(&mut self.prompt, Prompt::None) != Prompt::None {
            self.turn.wake();
        }
    }

    /// The command is about to be sent. What is added to the buffer from here on is the answer.
    pub(crate) fn begin(&mut self, to: CommandBuffer<'_>) -> Transaction {
        let length = copy(&self.text, to.into_bytes());
        let is_payload = self.prompt != Prompt::None;
        self.ends_payload = is_payload && matches!(self.text.last(), Some(0x1a | 0x1b));
        // What follows a prompt is no command; its answer is that of the command before.
        if !is_payload {
            self.name = name_of(&self.text);
        }
        self.text.clear();
        self.overflows = false;
        self.ends_with_ok = false;
        self.drop_prompt();
        self.state = State::Running;
        let mut transaction = Transaction::of(length, self.options.limit);
        transaction.asks_reason = self.options.asks_reason;
        if self.options.is_mute {
            transaction.stage = Stage::Nothing;
        }
        transaction
    }

    /// Takes a line, if it is an information response: one without a prefix, or with the name of the command.
    pub(crate) fn on_line(&mut self, line: &[u8]) -> bool {
        // After the header of a message come its lines, whatever they say (quirk 125).
        if !self.reads_messages() || self.text.is_empty() {
            if ResultCode::of(line).is_some_and(ResultCode::is_unsolicited) {
                return false;
            }
            if self.ends_payload && line == b">" {
                return true;
            }
            if line.first() == Some(&b'+') && !self.is_answer(line) {
                return false;
            }
        }
        self.append(line);
        true
    }

    /// Whether a line ends the user's own AT+QICLOSE, on some modules (quirk 130).
    pub(crate) fn is_close_result(&self, line: &[u8]) -> bool {
        self.name == b"+QICLOSE" && ResultCode::of(line) == Some(ResultCode::CloseOk)
    }

    /// Whether a line announces the text of a message: the next line is text, even if it says `OK`.
    pub(crate) fn announces_text(&self, line: &[u8]) -> bool {
        self.reads_messages() && self.is_answer(line)
    }

    /// Takes the first line of a message.
    pub(crate) fn on_text(&mut self, line: &[u8]) {
        self.append(line);
        self.ends_with_ok = line == b"OK";
    }

    /// AT+CMGR, AT+CMGL, and Quectel's AT+QCMGR and AT+QCMGL.
    fn reads_messages(&self) -> bool {
        self.name.ends_with(b"CMGR") || self.name.ends_with(b"CMGL")
    }

    /// Whether a line begins with the name of the command.
    fn is_answer(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(self.name.as_slice());
        !self.name.is_empty() && rest.is_some_and(|rest| rest.starts_with(b":"))
    }

    fn append(&mut self, line: &[u8]) {
        self.ends_with_ok = false;
        let separator: &[u8] = if self.text.is_empty() { b"" } else { b"\r\n" };
        let has_room = self.text.len() + separator.len() + line.len() <= MAX_COMMAND_LENGTH;
        self.overflows |= !has_room
            || self.text.extend_from_slice(separator).is_err()
            || self.text.extend_from_slice(line).is_err();
    }

    /// Whether a line is the module's echo of the command. The text of a message can begin like a command, too.
    pub(crate) fn is_echo(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(b"AT").or(line.strip_prefix(b"at"));
        rest.is_some_and(|rest| {
            name_of(line) == self.name && (!self.name.is_empty() || rest.is_empty())
        })
    }

    /// Whether a prompt ends the command: not after the end of payload, and not after an information response, where it is
    /// more of the answer.
    pub(crate) fn takes_prompt(&self) -> bool {
        !self.ends_payload && self.text.is_empty()
    }

    /// The module waits for payload.
    pub(crate) const fn on_prompt(&mut self) {
        self.prompt = Prompt::Given { until: NEVER };
    }

    /// The command is over. Returns whether the module has to be checked.
    pub(crate) fn done(&mut self, outcome: &Outcome) -> bool {
        let is_empty_message = outcome.is_no_answer() && self.ends_with_ok;
        if is_empty_message {
            // The `OK` was not the text of a message, but the final result code after an empty one.
            let end = self.text.len().saturating_sub(b"\r\nOK".len());
            self.text.truncate(end);
        }
        let is_unanswered = outcome.is_no_answer() && !is_empty_message;
        self.end(match *outcome {
            Outcome::Refused(reason) => AtResult::Refused(reason),
            _ if is_unanswered => AtResult::TimedOut,
            _ if self.overflows => AtResult::TooLong,
            _ => AtResult::Done,
        });
        is_unanswered
    }

    /// What was sent will not be answered.
    pub(crate) fn abort(&mut self) {
        self.drop_prompt();
        if matches!(self.state, State::Running | State::Abandoned) {
            self.end(AtResult::Aborted);
        }
    }

    /// Nothing is sent to the module for a while.
    pub(crate) fn reject_waiting(&mut self) {
        if self.state == State::Ready {
            self.end(AtResult::Aborted);
        }
    }

    fn end(&mut self, result: AtResult) {
        if self.state == State::Abandoned {
            // The user is gone, so that no payload will follow the prompt.
            if let Prompt::Given { until } = &mut self.prompt {
                *until = Instant::MIN;
            }
            self.state = State::Idle;
            self.turn.wake();
        } else {
            self.state = State::Done(result);
            self.result.wake();
        }
    }
}

/// `+NAME` of a command line.
fn name_of(command: &[u8]) -> Vec<u8, 24, u8> {
    let Some(rest) = command.strip_prefix(b"AT").or(command.strip_prefix(b"at")) else {
        return Vec::new();
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'=' | b'?' | b';' | b'\r'))
        .unwrap_or(rest.len());
    Vec::from_slice(front(rest, end)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
