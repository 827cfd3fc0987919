//! The user's own AT commands on the same port.

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use atat::asynch::AtatClient;
use atat::{AtatCmd, InternalError};
use embassy_time::Duration;
use embedded_io_async::{ErrorKind, ErrorType, Write};

use crate::socket::{AtResult, Reason};
use crate::stack::{Shared, Stack};

impl<'d> Stack<'d> {
    /// A client for commands of one's own: signal quality, positioning, text messages.
    ///
    /// It implements [`atat::asynch::AtatClient`]. The runner sends such a command between its own, as soon as the
    /// module answers at all; the link need not be up. A command and its answer have at most 384 bytes each.
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
    /// The command got too long.
    full: bool,
}

impl<'d> AtWriter<'d> {
    pub(crate) const fn new(shared: &'d Shared<'d>) -> Self {
        Self {
            shared,
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
        if self.shared.with(|table| table.at.write(bytes)) {
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
pub(crate) struct Turn<'d> {
    shared: &'d Shared<'d>,
}

impl<'d> Turn<'d> {
    pub(crate) fn poll_begin(shared: &'d Shared<'d>, waker: &Waker) -> Poll<Self> {
        shared
            .with(|table| table.at.poll_begin(waker))
            .map(|()| Self { shared })
    }

    async fn begin(shared: &'d Shared<'d>) -> Self {
        poll_fn(|cx| Self::poll_begin(shared, cx.waker())).await
    }

    /// Lets a command write itself.
    pub(crate) fn encode(&self, command: &impl AtatCmd) {
        self.shared
            .with(|table| table.at.encode(|buffer| command.write(buffer)));
    }

    /// The command is complete.
    pub(crate) fn submit<Cmd: AtatCmd>(&self) {
        let limit = Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into());
        self.shared.with(|table| {
            table.at.submit(limit, !Cmd::EXPECTS_RESPONSE_CODE);
            table.kick();
        });
    }

    /// Whether the command has not been sent yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.with(|table| table.at.is_ready())
    }

    pub(crate) fn poll_result(&self, waker: &Waker) -> Poll<AtResult> {
        self.shared.with(|table| table.at.poll_result(waker))
    }

    /// What the answer means.
    pub(crate) fn parse<Cmd: AtatCmd>(
        self,
        command: &Cmd,
        result: AtResult,
    ) -> Result<Cmd::Response, atat::Error> {
        self.shared.with(|table| {
            command.parse(match result {
                AtResult::Done => Ok(table.at.answer()),
                AtResult::Refused(Reason::None) => Err(InternalError::Error),
                AtResult::Refused(Reason::Code(code)) => {
                    Err(InternalError::CmeError(code.code().into()))
                }
                AtResult::Refused(Reason::Equipment(number)) => {
                    Err(InternalError::CmeError(number.into()))
                }
                AtResult::TimedOut => Err(InternalError::Timeout),
                AtResult::Aborted => Err(InternalError::Aborted),
                AtResult::TooLong => Err(InternalError::Capacity),
            })
        })
    }

    /// Has the command carried out, and its answer parsed.
    async fn finish<Cmd: AtatCmd>(self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
        self.submit::<Cmd>();
        let result = poll_fn(|cx| self.poll_result(cx.waker())).await;
        self.parse(command, result)
    }
}

impl Drop for Turn<'_> {
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
        let turn = Turn::begin(self.writer.shared).await;
        self.writer.start();
        write(&mut self.writer)
            .await
            .map_err(|_| atat::Error::Write)?;
        if self.writer.is_full() {
            return Err(atat::Error::Capacity);
        }
        turn.finish(command).await
    }

    async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
        let turn = Turn::begin(self.writer.shared).await;
        turn.encode(command);
        turn.finish(command).await
    }
}
