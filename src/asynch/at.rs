//! The user's own AT commands on the same port.

use core::fmt;
use core::future::poll_fn;

use atat::asynch::AtatClient;
use atat::{AtatCmd, InternalError};
use embassy_time::Duration;
use embedded_io_async::{ErrorKind, ErrorType, Write};

use crate::shared::Shared;
use crate::socket::{AtResult, Reason};
use crate::stack::Stack;

impl<'d> Stack<'d> {
    /// A client for commands of one's own: signal quality, positioning, text messages.
    ///
    /// It implements [`atat::asynch::AtatClient`]. The runner sends such a command between its own, as soon as the
    /// module answers at all; the link need not be up. A command and its answer have at most 384 bytes each.
    ///
    /// A command that the module answers with a prompt is over with it. The next command of the same client brings the
    /// payload, within 10 s; until then nobody else has the port.
    ///
    /// Commands of the TCP/IP application note are the stack's own business: one that opens, closes or reads a socket,
    /// or changes a setting that the stack relies on, confuses it.
    #[must_use]
    pub fn at(&self) -> AtClient<'d> {
        AtClient {
            writer: AtWriter {
                shared: self.shared,
                owner: self.shared.with(|table| table.at.new_owner()),
                full: false,
            },
        }
    }
}

/// Sends AT commands between those of the stack.
///
/// # Cancel safety
///
/// Dropping a `send` future before the command is on its way takes it back. Afterwards the module carries it out, and its
/// answer is dropped.
pub struct AtClient<'d> {
    writer: AtWriter<'d>,
}

impl fmt::Debug for AtClient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtClient").finish_non_exhaustive()
    }
}

/// Takes in the bytes of a command that is put together by hand.
pub struct AtWriter<'d> {
    shared: &'d Shared<'d>,
    owner: u16,
    /// The command got too long.
    full: bool,
}

impl fmt::Debug for AtWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtWriter").finish_non_exhaustive()
    }
}

impl ErrorType for AtWriter<'_> {
    type Error = ErrorKind;
}

impl Write for AtWriter<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.shared.with(|table| table.at.write(self.owner, bytes)) {
            Ok(bytes.len())
        } else {
            self.full = true;
            Err(ErrorKind::OutOfMemory)
        }
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Has the buffer for a command and its answer.
struct Turn<'s, 'd> {
    shared: &'s Shared<'d>,
}

impl<'s, 'd> Turn<'s, 'd> {
    async fn begin(shared: &'s Shared<'d>, owner: u16) -> Self {
        poll_fn(|cx| shared.with(|table| table.at.poll_begin(owner, cx.waker()))).await;
        Self { shared }
    }

    /// Has the command carried out, and its answer parsed.
    async fn finish<Cmd: AtatCmd>(self, command: &Cmd) -> Result<Cmd::Response, Failure> {
        let limit = Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into());
        self.shared.with(|table| {
            table.at.submit(limit, !Cmd::EXPECTS_RESPONSE_CODE);
            table.kick();
        });
        let result = poll_fn(|cx| self.shared.with(|table| table.at.poll_result(cx.waker()))).await;
        match result {
            AtResult::Done => self
                .shared
                .with(|table| command.parse(Ok(table.at.answer())))
                .map_err(Failure::Answer),
            other => Err(Failure::Command(other)),
        }
    }
}

/// Why a command brought nothing.
pub(crate) enum Failure {
    /// The module, or the line, did not do it.
    Command(AtResult),
    /// The answer cannot be read.
    Answer(atat::Error),
}

impl Failure {
    /// As atat sees it: without the codes of the note, which it does not know.
    fn into_atat<Cmd: AtatCmd>(self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
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
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        self.shared.with(|table| table.at.release());
    }
}

impl<'d> AtatClient for AtClient<'d> {
    type Writer = AtWriter<'d>;

    /// The writer by itself leads nowhere: a command begins with [`send_with`](AtatClient::send_with).
    fn inner(&mut self) -> &mut AtWriter<'d> {
        &mut self.writer
    }

    async fn send_with<Cmd: AtatCmd>(
        &mut self,
        command: &Cmd,
        write: impl AsyncFnOnce(&mut AtWriter<'d>) -> Result<(), ErrorKind>,
    ) -> Result<Cmd::Response, atat::Error> {
        let turn = Turn::begin(self.writer.shared, self.writer.owner).await;
        self.writer.full = false;
        write(&mut self.writer)
            .await
            .map_err(|_| atat::Error::Write)?;
        if self.writer.full {
            return Err(atat::Error::Capacity);
        }
        match turn.finish(command).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }

    async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
        match carry_out_for(self.writer.shared, self.writer.owner, command).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }
}

/// Has a command carried out between those of the stack.
pub(crate) async fn carry_out<Cmd: AtatCmd>(
    shared: &Shared<'_>,
    command: &Cmd,
) -> Result<Cmd::Response, Failure> {
    let owner = shared.with(|table| table.at.new_owner());
    carry_out_for(shared, owner, command).await
}

async fn carry_out_for<Cmd: AtatCmd>(
    shared: &Shared<'_>,
    owner: u16,
    command: &Cmd,
) -> Result<Cmd::Response, Failure> {
    let turn = Turn::begin(shared, owner).await;
    shared.with(|table| table.at.encode(|buffer| command.write(buffer)));
    turn.finish(command).await
}
