//! The client for the application's own AT commands.

use core::task::Poll;

use atat::blocking::AtatClient;
use atat::{AtatCmd, Error};
use embassy_time::{Duration, Instant};
use embedded_io::ErrorKind;

use super::{AnyStack, Stack};
use crate::net::{AtWriter, CommandSlot};
use crate::runner::RunError;
use crate::util::time::{self, after};

/// Sends AT commands of the application between those of the stack.
///
/// It implements [`atat::blocking::AtatClient`], whose methods wait for the response. Meanwhile they poll the stack. A command
/// may take its own time limit ([`AtatCmd::MAX_TIMEOUT_MS`]) to be answered, and before that the same time until the runner
/// sends it.
///
/// [`Stack::at`](crate::Stack::at) says which commands can be sent.
#[derive(Debug)]
pub struct AtClient<'a, 'd> {
    stack: &'a AnyStack<'a, 'd>,
    writer: AtWriter<'d>,
}

impl<'a, 'd> AtClient<'a, 'd> {
    pub(super) fn new<R: Future<Output = RunError> + Unpin>(stack: &'a Stack<'d, R>) -> Self {
        Self {
            stack,
            writer: AtWriter::new(stack.stack.shared),
        }
    }

    /// Polls the stack until `poll` is ready, the runner ends, or `is_late` returns true.
    fn wait<T>(
        &self,
        mut poll: impl FnMut() -> Poll<T>,
        mut is_late: impl FnMut() -> bool,
    ) -> Result<T, Error> {
        loop {
            let alive = self.stack.poll();
            if let Poll::Ready(value) = poll() {
                return Ok(value);
            }
            if alive.is_err() {
                return Err(Error::Aborted);
            }
            if is_late() {
                return Err(Error::Timeout);
            }
            self.stack.idle.get()();
        }
    }

    fn claim(&self, end: Instant) -> Result<CommandSlot<'d, 'd>, Error> {
        let shared = self.stack.shared();
        self.wait(
            || CommandSlot::poll_claim(shared, self.writer.owner),
            || time::now() >= end,
        )
    }

    fn execute<Cmd: AtatCmd>(
        &self,
        slot: CommandSlot<'d, 'd>,
        command: &Cmd,
        end: Instant,
    ) -> Result<Cmd::Response, Error> {
        slot.submit::<Cmd>(false);
        // Once the command is sent, the runner enforces its time limit.
        let result = self.wait(
            || slot.poll_result(),
            || slot.is_waiting() && time::now() >= end,
        )?;
        match slot.parse(command, result) {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }
}

/// When a wait for the command slot that begins now is over.
fn end_of_wait<Cmd: AtatCmd>() -> Instant {
    after(
        time::now(),
        Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into()),
    )
}

impl<'d> AtatClient for AtClient<'_, 'd> {
    type Writer = AtWriter<'d>;

    /// Returns the writer. Writing has no effect outside [`send_with`](AtatClient::send_with).
    fn inner(&mut self) -> &mut AtWriter<'d> {
        &mut self.writer
    }

    fn send_with<Cmd: AtatCmd>(
        &mut self,
        command: &Cmd,
        write: impl FnOnce(&mut AtWriter<'d>) -> Result<(), ErrorKind>,
    ) -> Result<Cmd::Response, Error> {
        let end = end_of_wait::<Cmd>();
        let slot = self.claim(end)?;
        self.writer.start();
        write(&mut self.writer).map_err(|_| Error::Write)?;
        if self.writer.has_overflowed() {
            return Err(Error::Capacity);
        }
        self.execute(slot, command, end)
    }

    fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, Error> {
        let end = end_of_wait::<Cmd>();
        let slot = self.claim(end)?;
        if !slot.encode(command) {
            return Err(Error::Capacity);
        }
        self.execute(slot, command, end)
    }
}
