//! The user's own AT commands on the same port.

use core::fmt;
use core::task::{Poll, Waker};

use atat::blocking::AtatClient;
use atat::{AtatCmd, Error};
use embassy_time::{Duration, Instant};
use embedded_io::ErrorKind;

use super::{Engine, Stack};
use crate::net::{AtWriter, Turn};
use crate::runner::RunError;
use crate::util::time::{self, after};

/// Sends AT commands between those of the stack.
///
/// It implements [`atat::blocking::AtatClient`]. Its methods wait, as that trait demands, and poll the stack meanwhile: as
/// long as the command may take to be answered, and before that at most as long again for its turn.
///
/// What can be sent, and what should not, is said at [`Stack::at`](crate::Stack::at).
pub struct AtClient<'a, 'd> {
    engine: &'a Engine<'a, 'd>,
    writer: AtWriter<'d>,
}

impl fmt::Debug for AtClient<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtClient").finish_non_exhaustive()
    }
}

impl<'a, 'd> AtClient<'a, 'd> {
    pub(super) fn new<R: Future<Output = RunError> + Unpin>(stack: &'a Stack<'d, R>) -> Self {
        Self {
            engine: stack,
            writer: AtWriter::new(stack.stack.shared),
        }
    }

    /// Polls the stack until there is a result, the runner ends, or `until` says that it is enough.
    fn wait<T>(
        &self,
        mut poll: impl FnMut() -> Poll<T>,
        mut until: impl FnMut() -> bool,
    ) -> Result<T, Error> {
        loop {
            let alive = self.engine.poll();
            if let Poll::Ready(value) = poll() {
                return Ok(value);
            }
            if alive.is_err() {
                return Err(Error::Aborted);
            }
            if until() {
                return Err(Error::Timeout);
            }
            self.engine.idle.get()();
        }
    }

    fn begin(&self, end: Instant) -> Result<Turn<'d, 'd>, Error> {
        let shared = self.engine.shared();
        self.wait(
            || Turn::poll_begin(shared, self.writer.owner, Waker::noop()),
            || time::now() >= end,
        )
    }

    fn finish<Cmd: AtatCmd>(
        &self,
        turn: Turn<'d, 'd>,
        command: &Cmd,
        end: Instant,
    ) -> Result<Cmd::Response, Error> {
        turn.submit::<Cmd>(false);
        // Once it is on its way, the runner sees to its time.
        let result = self.wait(
            || turn.poll_result(Waker::noop()),
            || turn.is_waiting() && time::now() >= end,
        )?;
        match turn.parse(command, result) {
            Ok(response) => Ok(response),
            Err(failure) => failure.into_atat(command),
        }
    }
}

/// When the wait for a turn is over that begins now.
fn end_of_wait<Cmd: AtatCmd>() -> Instant {
    after(
        time::now(),
        Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into()),
    )
}

impl<'d> AtatClient for AtClient<'_, 'd> {
    type Writer = AtWriter<'d>;

    /// The writer by itself leads nowhere: a command begins with [`send_with`](AtatClient::send_with).
    fn inner(&mut self) -> &mut AtWriter<'d> {
        &mut self.writer
    }

    fn send_with<Cmd: AtatCmd>(
        &mut self,
        command: &Cmd,
        write: impl FnOnce(&mut AtWriter<'d>) -> Result<(), ErrorKind>,
    ) -> Result<Cmd::Response, Error> {
        let end = end_of_wait::<Cmd>();
        let turn = self.begin(end)?;
        self.writer.start();
        write(&mut self.writer).map_err(|_| Error::Write)?;
        if self.writer.is_full() {
            return Err(Error::Capacity);
        }
        self.finish(turn, command, end)
    }

    fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, Error> {
        let end = end_of_wait::<Cmd>();
        let turn = self.begin(end)?;
        if !turn.encode(command) {
            return Err(Error::Capacity);
        }
        self.finish(turn, command, end)
    }
}
