//! The client for the application's own AT commands.

use atat::AtatCmd;
use atat::asynch::AtatClient;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embedded_io_async::{ErrorKind, ErrorType, Write};

use super::command_slot::{CommandSlot, send};
use crate::engine::Engine;
use crate::engine::shared::Shared;
use crate::stack::Stack;

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Returns a client for the application's own AT commands: signal quality, positioning, text messages.
    ///
    /// It implements [`atat::asynch::AtatClient`]. The runner sends the commands between its own. This needs no link, only a
    /// module that answers. A command has at most 384 bytes, and so has its answer.
    ///
    /// A prompt (`>`) ends the command that it answers. The next command of the same client is sent as the payload; it has to
    /// follow within 10 s, in which no other command is sent.
    ///
    /// Do not send commands of the TCP/IP application note that open, close or read sockets or change settings that the stack
    /// uses: the stack does not notice them.
    #[must_use]
    pub fn at(&self) -> AtClient<'d, M> {
        AtClient {
            writer: AtWriter::new(self.shared),
        }
    }
}

/// Sends AT commands of the application between those of the stack.
///
/// # Panics
///
/// `send` panics for a command longer than 384 bytes if atat derives its `write`. Build longer commands with `send_with`,
/// which returns [`atat::Error::Capacity`]; so does `send` for the commands of [`quectel_nal::at`](crate::at).
///
/// # Cancel safety
///
/// Dropping a `send` future cancels the command if the runner has not begun to send it. Otherwise the module executes it, and
/// its answer is discarded.
#[derive(Debug)]
pub struct AtClient<'d, M: RawMutex = CriticalSectionRawMutex> {
    writer: AtWriter<'d, M>,
}

/// Writes the bytes of a command into the buffer of the stack.
#[derive(Debug)]
pub struct AtWriter<'d, M: RawMutex = CriticalSectionRawMutex> {
    shared: &'d Shared<'d, M>,
    pub(crate) owner: u16,
    /// The command did not fit.
    overflowed: bool,
}

impl<'d, M: RawMutex> AtWriter<'d, M> {
    pub(crate) fn new(shared: &'d Shared<'d, M>) -> Self {
        Self {
            shared,
            owner: shared.new_owner(),
            overflowed: false,
        }
    }

    /// Begins a new command.
    pub(crate) const fn start(&mut self) {
        self.overflowed = false;
    }

    /// Whether the command did not fit into the buffer.
    pub(crate) const fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    fn added(&mut self, bytes: &[u8], has_room: bool) -> Result<usize, ErrorKind> {
        if has_room {
            Ok(bytes.len())
        } else {
            self.overflowed = true;
            Err(ErrorKind::OutOfMemory)
        }
    }
}

impl<M: RawMutex> ErrorType for AtWriter<'_, M> {
    type Error = ErrorKind;
}

impl<M: RawMutex> Write for AtWriter<'_, M> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let owner = self.owner;
        let write = |engine: &mut Engine<'_>| engine.user_command.write(owner, bytes);
        let has_room = self.shared.with(write).await;
        self.added(bytes, has_room)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<M: RawMutex> embedded_io::Write for AtWriter<'_, M> {
    /// Fails with [`ErrorKind::Interrupted`] while another thread, or a task that this one has interrupted, uses the stack.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let owner = self.owner;
        let write = |engine: &mut Engine<'_>| engine.user_command.write(owner, bytes);
        let has_room = self.shared.try_with(write);
        self.added(bytes, has_room.ok_or(ErrorKind::Interrupted)?)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<'d, M: RawMutex> AtatClient for AtClient<'d, M> {
    type Writer = AtWriter<'d, M>;

    /// Returns the writer. Writing has no effect outside [`send_with`](AtatClient::send_with).
    fn inner(&mut self) -> &mut AtWriter<'d, M> {
        &mut self.writer
    }

    async fn send_with<Cmd: AtatCmd>(
        &mut self,
        command: &Cmd,
        write: impl AsyncFnOnce(&mut AtWriter<'d, M>) -> Result<(), ErrorKind>,
    ) -> Result<Cmd::Response, atat::Error> {
        let slot = CommandSlot::claim(self.writer.shared, self.writer.owner).await;
        self.writer.start();
        write(&mut self.writer)
            .await
            .map_err(|_| atat::Error::Write)?;
        if self.writer.has_overflowed() {
            return Err(atat::Error::Capacity);
        }
        match slot.execute(command, false).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }

    async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, atat::Error> {
        let AtWriter { shared, owner, .. } = self.writer;
        match send(shared, owner, command, false).await {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }
}
