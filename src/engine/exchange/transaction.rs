//! What one AT transaction writes to the UART, and what it expects back.

use atat::AtatCmd;
use embassy_time::Duration;

use crate::at::Prefix;

/// What the module has to send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// `OK` or an error ends the transaction.
    Result,
    /// Nothing: a user's command that no module answers. A final result code that comes all the same ends the transaction.
    Nothing,
    /// `CONNECT` or an error: the UART becomes a data line.
    Connect,
    /// A prompt for payload, or an error.
    Prompt,
    /// The prompt has come; the runner has not begun to write the payload.
    Prompted,
    /// The payload is being written. `SEND OK`, `SEND FAIL` or an error ends the transaction.
    Payload,
}

/// The command of a transaction is in the command buffer; this says how it goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transaction {
    /// Bytes of the command, its CR included.
    pub(crate) length: usize,
    /// How long the module may take to the prompt, to `CONNECT`, or to the final result code.
    pub(crate) limit: Duration,
    /// What the module sends first.
    pub(crate) stage: Stage,
    /// The prefix of the information responses that belong to the transaction.
    pub(crate) prefix: Option<Prefix>,
    /// An `OK` without an information response before it is a late one of another command.
    pub(crate) needs_answer: bool,
    /// After a bare `ERROR`, AT+QIGETERROR gives the reason (2.1.17).
    pub(crate) asks_reason: bool,
}

impl Transaction {
    /// A command whose answer is a final result code within `limit`.
    pub(crate) const fn of(length: usize, limit: Duration) -> Self {
        Self {
            length,
            limit,
            stage: Stage::Result,
            prefix: None,
            needs_answer: false,
            asks_reason: false,
        }
    }

    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Information responses with this prefix belong to it; there may be none.
    pub(crate) const fn answered_by(mut self, prefix: Prefix) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// An information response with this prefix comes before `OK`.
    pub(crate) const fn needs(mut self, prefix: Prefix) -> Self {
        self.needs_answer = true;
        self.answered_by(prefix)
    }

    pub(crate) const fn with_prompt(mut self) -> Self {
        self.stage = Stage::Prompt;
        self
    }

    pub(crate) const fn with_connect(mut self) -> Self {
        self.stage = Stage::Connect;
        self
    }

    pub(crate) const fn asking_reason(mut self) -> Self {
        self.asks_reason = true;
        self
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
    pub(crate) const fn into_bytes(self) -> &'b mut [u8] {
        self.bytes
    }
}
