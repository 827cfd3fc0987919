//! The engine's one slot for AT commands that are not its own, and how a command passes through it.

use core::future::poll_fn;
use core::pin::pin;

use atat::{AtatCmd, InternalError};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;

use crate::at::{ErrorCode, MAX_COMMAND_LENGTH};
use crate::engine::mailbox::Message;
use crate::engine::shared::Shared;
use crate::engine::{AtResult, Engine, LinkState, Options, Queue, Reason};
use crate::error::{Error, LinkError};
use crate::stack::Stack;

/// Owns the buffer for a command and its answer. Dropping it frees the buffer for others.
pub(super) struct CommandSlot<'s, 'd, M: RawMutex> {
    shared: &'s Shared<'d, M>,
    owner: u16,
}

impl<'s, 'd, M: RawMutex> CommandSlot<'s, 'd, M> {
    /// Waits until the buffer is free, and until `owner` may send a command.
    pub(super) async fn claim(shared: &'s Shared<'d, M>, owner: u16) -> Self {
        let turn = Queue::Turn;
        shared
            .wait(turn, |engine| engine.user_command.poll_begin(owner))
            .await;
        Self { shared, owner }
    }

    /// Writes the command into the buffer. False if it does not fit.
    fn encode(&self, command: &impl AtatCmd) -> impl Future<Output = bool> {
        poll_fn(|context| {
            // Without the engine: this may be code of the application.
            let mut text = [0; MAX_COMMAND_LENGTH];
            let length = command.write(&mut text);
            let text = text.get(..length);
            let write = |engine: &mut Engine<'_>| {
                text.is_some_and(|text| engine.user_command.write(self.owner, text))
            };
            pin!(self.shared.with(write)).poll(context)
        })
    }

    /// Hands the command in the buffer to the runner, waits for the result, and parses the answer. With `asks_reason`, the runner
    /// sends AT+QIGETERROR after a refusal without a code.
    pub(super) async fn execute<Cmd: AtatCmd>(
        self,
        command: &Cmd,
        asks_reason: bool,
    ) -> Result<Cmd::Response, Failure> {
        let shared = self.shared;
        let submit = |engine: &mut Engine<'_>| {
            engine.submit_command(Options {
                limit: Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into()),
                is_mute: !Cmd::EXPECTS_RESPONSE_CODE,
                asks_reason,
            });
        };
        shared.with(submit).await;
        let result = Queue::CommandResult;
        let result = shared.wait(result, |engine| engine.user_command.poll_result());
        match result.await {
            AtResult::Done => {
                // Parsed without the engine: this may be code of the application.
                let answer = shared.with(|engine| engine.user_command.answer()).await;
                command.parse(Ok(&answer)).map_err(Failure::Answer)
            }
            result => Err(Failure::Command(result)),
        }
    }
}

impl<M: RawMutex> Drop for CommandSlot<'_, '_, M> {
    fn drop(&mut self) {
        self.shared.post(Message::CommandDropped);
    }
}

/// Why a command has no response.
pub(super) enum Failure {
    /// The command did not succeed. Never [`AtResult::Done`].
    Command(AtResult),
    /// The answer cannot be parsed.
    Answer(atat::Error),
}

impl Failure {
    /// The result that an atat client returns. The codes of table 1 of the note become CME errors, for atat does not know
    /// them.
    pub(super) fn into_atat<Cmd: AtatCmd>(
        self,
        command: &Cmd,
    ) -> Result<Cmd::Response, atat::Error> {
        let result = match self {
            Self::Answer(error) => return Err(error),
            Self::Command(result) => result,
        };
        command.parse(Err(match result {
            AtResult::Done | AtResult::Refused(Reason::None) => InternalError::Error,
            AtResult::Refused(Reason::Code(code)) => InternalError::CmeError(code.code().into()),
            AtResult::Refused(Reason::Equipment(number)) => InternalError::CmeError(number.into()),
            AtResult::TimedOut => InternalError::Timeout,
            AtResult::Aborted => InternalError::Aborted,
            AtResult::TooLong => InternalError::Capacity,
        }))
    }

    /// The error of a command that this crate sends for the application.
    pub(super) fn into_error(self, link: LinkState) -> Error {
        match self {
            Self::Command(AtResult::Refused(Reason::Code(code))) => Error::from_code(code),
            Self::Command(AtResult::Refused(Reason::Equipment(number))) => Error::Equipment(number),
            Self::Command(AtResult::TimedOut) => Error::TimedOut,
            Self::Command(AtResult::Aborted) => Error::Link(match link {
                LinkState::Down(error) => error,
                LinkState::TurnedOff(_) => LinkError::TurnedOff,
                _ => LinkError::Restarted,
            }),
            Self::Command(AtResult::Done | AtResult::TooLong | AtResult::Refused(Reason::None))
            | Self::Answer(_) => Error::Module(ErrorCode::UNSPECIFIED),
        }
    }
}

/// Sends a command of `owner` as soon as the slot is free, and waits for its response.
pub(super) async fn send<Cmd: AtatCmd, M: RawMutex>(
    shared: &Shared<'_, M>,
    owner: u16,
    command: &Cmd,
    asks_reason: bool,
) -> Result<Cmd::Response, Failure> {
    let slot = CommandSlot::claim(shared, owner).await;
    if !slot.encode(command).await {
        return Err(Failure::Answer(atat::Error::Capacity));
    }
    slot.execute(command, asks_reason).await
}

impl<M: RawMutex> Stack<'_, M> {
    /// Sends a command of the TCP/IP application note, and waits for its response.
    pub(super) async fn command<Cmd: AtatCmd>(
        &self,
        command: &Cmd,
    ) -> Result<Cmd::Response, Error> {
        self.send_command(command, true).await
    }

    /// Sends a command and waits for its response. With `asks_reason` as [`execute`](CommandSlot::execute).
    pub(super) async fn send_command<Cmd: AtatCmd>(
        &self,
        command: &Cmd,
        asks_reason: bool,
    ) -> Result<Cmd::Response, Error> {
        send(self.shared, self.shared.new_owner(), command, asks_reason)
            .await
            .map_err(|failure| failure.into_error(self.link_state()))
    }
}
