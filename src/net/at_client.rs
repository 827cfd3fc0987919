//! The user's own AT commands on the same port.

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use atat::asynch::AtatClient;
use atat::{AtatCmd, InternalError};
use embassy_time::Duration;
use embedded_io_async::{ErrorKind, ErrorType, Write};

use crate::at::MAX_COMMAND_LENGTH;
use crate::engine::shared::Shared;
use crate::engine::{AtResult, Reason};
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
            writer: AtWriter::new(self.shared),
        }
    }
}

/// Sends AT commands between those of the stack.
///
/// # Panics
///
/// A command that atat derives panics in `send` when it is longer than 384 bytes. Put longer ones together with
/// `send_with`, which answers with [`atat::Error::Capacity`], as `send` does for those of [`command`](crate::at).
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
    pub(crate) owner: u16,
    /// The command got too long.
    full: bool,
}

impl<'d> AtWriter<'d> {
    pub(crate) fn new(shared: &'d Shared<'d>) -> Self {
        Self {
            shared,
            owner: shared.with(|engine| engine.at().new_owner()),
            full: false,
        }
    }

    /// For a new command.
    pub(crate) const fn start(&mut self) {
        self.full = false;
    }

    /// Whether the command got too long.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self
            .shared
            .with(|engine| engine.at().write(self.owner, bytes))
        {
            Ok(bytes.len())
        } else {
            self.full = true;
            Err(ErrorKind::OutOfMemory)
        }
    }
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
        self.put(bytes)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_io::Write for AtWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.put(bytes)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Has the buffer for a command and its answer.
pub(crate) struct Turn<'s, 'd> {
    shared: &'s Shared<'d>,
    pub(crate) owner: u16,
}

impl<'s, 'd> Turn<'s, 'd> {
    pub(crate) fn poll_begin(shared: &'s Shared<'d>, owner: u16, waker: &Waker) -> Poll<Self> {
        shared
            .with(|engine| engine.at().poll_begin(owner, waker))
            .map(|()| Self { shared, owner })
    }

    async fn begin(shared: &'s Shared<'d>, owner: u16) -> Self {
        poll_fn(|cx| Self::poll_begin(shared, owner, cx.waker())).await
    }

    /// Lets a command write itself: false if it gets too long.
    pub(crate) fn encode(&self, command: &impl AtatCmd) -> bool {
        // Outside the lock: it is the user's code.
        let mut text = [0; MAX_COMMAND_LENGTH];
        let length = command.write(&mut text);
        let Some(text) = text.get(..length) else {
            return false;
        };
        self.shared
            .with(|engine| engine.at().write(self.owner, text))
    }

    /// The command is complete.
    pub(crate) fn submit<Cmd: AtatCmd>(&self, asks_reason: bool) {
        let limit = Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into());
        self.shared.with(|engine| {
            engine
                .at()
                .submit(limit, !Cmd::EXPECTS_RESPONSE_CODE, asks_reason);
            engine.wake_runner();
        });
    }

    /// Whether the command has not been sent yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.with(|engine| engine.at().is_ready())
    }

    pub(crate) fn poll_result(&self, waker: &Waker) -> Poll<AtResult> {
        self.shared.with(|engine| engine.at().poll_result(waker))
    }

    /// What the answer means.
    pub(crate) fn parse<Cmd: AtatCmd>(
        self,
        command: &Cmd,
        result: AtResult,
    ) -> Result<Cmd::Response, Failure> {
        match result {
            AtResult::Done => {
                // Outside the lock, for the same reason.
                let answer = self.shared.with(|engine| engine.at().answer());
                command.parse(Ok(&answer)).map_err(Failure::Answer)
            }
            other => Err(Failure::Command(other)),
        }
    }

    /// Has the command carried out, and its answer parsed.
    async fn finish<Cmd: AtatCmd>(
        self,
        command: &Cmd,
        asks_reason: bool,
    ) -> Result<Cmd::Response, Failure> {
        self.submit::<Cmd>(asks_reason);
        let result = poll_fn(|cx| self.poll_result(cx.waker())).await;
        self.parse(command, result)
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
    pub(crate) fn into_atat<Cmd: AtatCmd>(
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
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        self.shared.with(|engine| engine.at().release());
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
        if self.writer.is_full() {
            return Err(atat::Error::Capacity);
        }
        match turn.finish(command, false).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }

    async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
        let AtWriter { shared, owner, .. } = self.writer;
        match carry_out(shared, owner, command, false).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }
}

/// Has a command of this owner's carried out between those of the stack, with the reason of its refusal if it is one of
/// the note's.
pub(crate) async fn carry_out<Cmd: AtatCmd>(
    shared: &Shared<'_>,
    owner: u16,
    command: &Cmd,
    asks_reason: bool,
) -> Result<Cmd::Response, Failure> {
    let turn = Turn::begin(shared, owner).await;
    if !turn.encode(command) {
        return Err(Failure::Answer(atat::Error::Capacity));
    }
    turn.finish(command, asks_reason).await
}
