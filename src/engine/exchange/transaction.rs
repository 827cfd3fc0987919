//! What one AT transaction writes to the UART, and what it expects back.

use atat::AtatCmd;
use embassy_time::Duration;

use crate::at::Prefix;

/// The command of a transaction is in the command buffer; this says how it goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transaction {
    /// Bytes of the command, its CR included.
    pub(crate) length: usize,
    /// How long the module may take to the prompt, to `CONNECT`, or to the final result code.
    pub(crate) limit: Duration,
    pub(crate) expects: Expects,
    /// The prefix of the information responses that belong to the transaction.
    pub(crate) answer: Option<Prefix>,
    /// An `OK` without an information response in front of it is a late one of another command.
    pub(crate) needs_answer: bool,
    /// After a bare `ERROR`, AT+QIGETERROR gives the reason (2.1.17).
    pub(crate) asks_reason: bool,
}

/// What comes back first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    /// A final result code.
    Result,
    /// Nothing: the transaction is over as soon as its command is written.
    #[cfg(feature = "at-client")]
    Nothing,
    /// A prompt, and a final result code behind the payload.
    Prompt,
    /// `CONNECT`: the UART becomes a data line.
    #[cfg(feature = "transparent")]
    Connect,
}

impl Transaction {
    /// A command whose answer is a final result code within `limit`.
    pub(crate) const fn of(length: usize, limit: Duration) -> Self {
        Self {
            length,
            limit,
            expects: Expects::Result,
            answer: None,
            needs_answer: false,
            asks_reason: false,
        }
    }

    pub(crate) const fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Information responses with this prefix belong to it; there may be none.
    pub(crate) const fn answered_by(self, answer: Prefix) -> Self {
        Self {
            answer: Some(answer),
            ..self
        }
    }

    /// An information response with this prefix comes before `OK`.
    pub(crate) const fn needs(self, answer: Prefix) -> Self {
        Self {
            needs_answer: true,
            ..self.answered_by(answer)
        }
    }

    pub(crate) const fn with_prompt(self) -> Self {
        Self {
            expects: Expects::Prompt,
            ..self
        }
    }

    #[cfg(feature = "at-client")]
    pub(crate) const fn without_answer(self) -> Self {
        Self {
            expects: Expects::Nothing,
            ..self
        }
    }

    #[cfg(feature = "transparent")]
    pub(crate) const fn with_connect(self) -> Self {
        Self {
            expects: Expects::Connect,
            ..self
        }
    }

    pub(crate) const fn asking_reason(self) -> Self {
        Self {
            asks_reason: true,
            ..self
        }
    }
}

/// The buffer that a command is written into.
pub(crate) struct CommandBuffer<'b> {
    bytes: &'b mut [u8],
    /// How long a command may take for which there is no time of its own.
    limit: Duration,
}

impl<'b> CommandBuffer<'b> {
    /// `bytes` holds [`MAX_COMMAND_LENGTH`](crate::at::MAX_COMMAND_LENGTH) bytes.
    pub(crate) const fn new(bytes: &'b mut [u8], limit: Duration) -> Self {
        Self { bytes, limit }
    }

    /// Writes the command. Its time limit is [`Config::answer_time`](crate::Config::answer_time) unless another one is set.
    pub(crate) fn write(self, command: &impl AtatCmd) -> Transaction {
        Transaction::of(command.write(self.bytes), self.limit)
    }

    /// The buffer itself, for a command that is written already.
    #[cfg(feature = "at-client")]
    pub(crate) const fn into_bytes(self) -> &'b mut [u8] {
        self.bytes
    }
}
