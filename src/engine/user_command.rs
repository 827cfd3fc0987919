//! The user's own AT commands, between ours: one at a time, and one buffer for the command and then for its answer.

use core::fmt;
use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};
use heapless::Vec;

use crate::at::MAX_COMMAND_LENGTH;
use crate::engine::Engine;
use crate::engine::exchange::in_flight::{Concluded, Final};
use crate::engine::exchange::job::{Action, Escape, Job, Outcome, Reason};
use crate::util::slices::{copy, front};
use crate::util::time::{NEVER, after, get_or_set};
use crate::util::wakers::MultiWaker;

/// How many tasks can wait for their turn before they begin to wake each other.
const WAITERS: usize = 3;
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
    text: Vec<u8, MAX_COMMAND_LENGTH, u16>,
    /// How long the answer may take.
    pub(crate) limit: Duration,
    /// Nothing is answered to it.
    pub(crate) mute: bool,
    /// After a bare `ERROR` AT+QIGETERROR tells more: it is a command of the note.
    pub(crate) asks_reason: bool,
    /// It has been handed over to be sent.
    sent: bool,
    /// `+NAME` of the command, which its information lines begin with: where the name ends in the command.
    name: Vec<u8, 24, u8>,
    overflow: bool,
    /// The module waits for payload, which the next command of the same user brings.
    prompted: bool,
    /// Whose command it is.
    owner: u16,
    next_owner: u16,
    /// The payload has its end with it: the prompts that the module may give for its lines mean nothing.
    complete: bool,
    prompt_until: Instant,
    watchers: MultiWaker<WAITERS>,
}

/// What the table does for the user's own commands.
pub(crate) trait UserPart: fmt::Debug + Sync {
    /// What to do next.
    fn next(&self, engine: &mut Engine<'_>, now: Instant) -> Option<Action>;
    /// Whether a command waits for its turn.
    fn is_ready(&self, engine: &mut Engine<'_>) -> bool;
    /// Hands the command over to be sent.
    fn take(&self, engine: &mut Engine<'_>, into: &mut [u8]) -> usize;
    /// Takes in a line, if it is one of the answer.
    fn absorb(&self, engine: &mut Engine<'_>, line: &[u8]) -> bool;
    /// Takes in a prompt, if the command asks for one: the user's next one brings what is asked for.
    fn prompted(&self, engine: &mut Engine<'_>) -> bool;
    /// Whether a line is the module's echo of the command.
    fn is_echo(&self, engine: &mut Engine<'_>, line: &[u8]) -> bool;
    /// What is on its way will not be answered, or, otherwise, nothing is sent for a while.
    fn stop(&self, engine: &mut Engine<'_>, is_sent: bool);
    /// The command is over.
    fn done(&self, engine: &mut Engine<'_>, outcome: &Outcome);
}

#[derive(Debug)]
struct UserCommands;

impl UserPart for UserCommands {
    fn next(&self, engine: &mut Engine<'_>, now: Instant) -> Option<Action> {
        engine.user_command(now)
    }

    fn is_ready(&self, engine: &mut Engine<'_>) -> bool {
        engine.at().is_ready()
    }

    fn take(&self, engine: &mut Engine<'_>, into: &mut [u8]) -> usize {
        engine.at().take(into)
    }

    fn absorb(&self, engine: &mut Engine<'_>, line: &[u8]) -> bool {
        engine.at().absorb(line)
    }

    fn prompted(&self, engine: &mut Engine<'_>) -> bool {
        let asks = match &mut engine.in_flight {
            Some(in_flight) if matches!(in_flight.job, Job::User) => {
                engine.at.as_ref().is_some_and(|at| {
                    at.takes_prompt() && in_flight.conclude(Final::Ok) == Concluded::Yes
                })
            }
            _ => false,
        };
        if asks {
            engine.at().prompted();
            engine.answered();
        }
        asks
    }

    fn is_echo(&self, engine: &mut Engine<'_>, line: &[u8]) -> bool {
        engine.at().is_echo(line)
    }

    fn stop(&self, engine: &mut Engine<'_>, is_sent: bool) {
        if is_sent {
            engine.at().abort();
        } else {
            engine.at().reject_waiting();
        }
    }

    fn done(&self, engine: &mut Engine<'_>, outcome: &Outcome) {
        engine.user_done(outcome);
    }
}

impl Engine<'_> {
    /// The user's own commands, for those who have some.
    pub(crate) fn at(&mut self) -> &mut UserCommand {
        self.parts.user = Some(&UserCommands);
        self.at.get_or_fill(UserCommand::new)
    }

    /// What is on its way will not be answered, or, otherwise, nothing is sent for a while.
    pub(crate) fn stop_commands(&mut self, is_sent: bool) {
        if let Some(part) = self.parts.user {
            part.stop(self, is_sent);
        }
    }

    /// How long the command may take.
    pub(crate) fn user_limit(&self) -> Duration {
        self.at.as_ref().map_or(Duration::MIN, |at| at.limit)
    }

    /// Hands the command over to be sent.
    pub(crate) fn take_command(&mut self, into: &mut [u8]) -> usize {
        self.parts.user.map_or(0, |part| part.take(self, into))
    }

    /// A command of the user's, which takes turns with everything else as soon as the module listens.
    fn user_command(&mut self, now: Instant) -> Option<Action> {
        if let Some(until) = self.at().kept_until(now) {
            if self.at().is_ready() {
                return Some(Action::Run(Job::User));
            }
            if now < until {
                return Some(Action::Wait(until));
            }
            self.at().give_up_prompt();
            return Some(Action::Escape(Escape::Prompt));
        }
        if !self.at().is_ready() || !self.link.is_listening() {
            return None;
        }
        self.user_turn = !self.user_turn;
        self.user_turn.then_some(Action::Run(Job::User))
    }

    fn user_done(&mut self, outcome: &Outcome) {
        let mute = self.at().mute;
        self.at().done(outcome);
        if outcome.is_silence() && !mute {
            self.link.resync();
        }
    }
}

impl UserCommand {
    pub(crate) const fn new() -> Self {
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
            prompt_until: NEVER,
            watchers: MultiWaker::new(),
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
    pub(crate) fn answer(&self) -> Vec<u8, MAX_COMMAND_LENGTH, u16> {
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
    pub(crate) fn kept_until(&mut self, now: Instant) -> Option<Instant> {
        if !self.prompted {
            return None;
        }
        Some(get_or_set(&mut self.prompt_until, after(now, PROMPT_TIME)))
    }

    /// The payload did not come in time.
    pub(crate) fn give_up_prompt(&mut self) {
        self.prompted = false;
        self.prompt_until = NEVER;
        self.watchers.wake();
    }

    /// Hands the command over to be sent. What is added from here on is the answer.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let length = copy(&self.text, into);
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
    fn absorb(&mut self, line: &[u8]) -> bool {
        if matches!(line, b"RDY" | b"APP RDY" | b"POWERED DOWN" | b"RING") {
            return false;
        }
        if self.complete && line == b">" {
            return true;
        }
        if line.first() == Some(&b'+') {
            let Some(rest) = line.strip_prefix(self.name.as_slice()) else {
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
    pub(crate) fn takes_prompt(&self) -> bool {
        // Behind an information line it is more of the answer.
        !self.complete && self.text.is_empty()
    }

    /// Whether a line is the module's echo of the command.
    fn is_echo(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(b"AT").or(line.strip_prefix(b"at"));
        rest.is_some_and(|rest| {
            name_of(line) == self.name && (!self.name.is_empty() || rest.is_empty())
        })
    }

    /// The module asks for payload.
    pub(crate) fn prompted(&mut self) {
        self.prompted = true;
    }

    fn done(&mut self, outcome: &Outcome) {
        let result = match *outcome {
            Outcome::Done(_) if self.overflow => AtResult::TooLong,
            Outcome::Done(_) | Outcome::SendFail => AtResult::Done,
            Outcome::Refused(reason) => AtResult::Refused(reason),
            Outcome::NoAnswer if self.mute => AtResult::Done,
            Outcome::NoAnswer => AtResult::TimedOut,
        };
        self.end(result);
    }

    /// What is on its way will not be answered.
    fn abort(&mut self) {
        self.give_up_prompt();
        if matches!(self.state, State::Running | State::Abandoned) {
            self.end(AtResult::Aborted);
        }
    }

    /// Nothing is sent to the module for a while.
    fn reject_waiting(&mut self) {
        if self.state == State::Ready {
            self.end(AtResult::Aborted);
        }
    }

    fn end(&mut self, result: AtResult) {
        self.state = match self.state {
            State::Abandoned => {
                // Nobody will bring the payload.
                if self.prompted {
                    self.prompt_until = Instant::MIN;
                }
                State::Idle
            }
            _ => State::Done(result),
        };
        self.watchers.wake();
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
