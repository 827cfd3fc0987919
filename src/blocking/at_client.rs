//! The client for the application's own AT commands.

use atat::blocking::AtatClient;
use atat::{AtatCmd, Error};
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Duration;
use embedded_io::ErrorKind;

use super::stack::{AnyStack, Stack};
use crate::net::{self, AtWriter};
use crate::runner::RunError;

/// Sends AT commands of the application between those of the stack.
///
/// It implements [`atat::blocking::AtatClient`], whose methods wait for the response. Meanwhile they poll the stack. A command
/// may take its own time limit ([`AtatCmd::MAX_TIMEOUT_MS`]) to be answered, and the same time until the runner sends it.
///
/// [`Stack::at`](crate::Stack::at) says which commands can be sent.
#[derive(Debug)]
pub struct AtClient<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    stack: &'a AnyStack<'a, 'd, M>,
    client: net::AtClient<'d, M>,
}

impl<'d, R: Future<Output = RunError> + Unpin, M: RawMutex> Stack<'d, R, M> {
    /// Creates a client for the application's own AT commands, which the runner sends between its own.
    pub fn at(&self) -> AtClient<'_, 'd, M> {
        AtClient {
            stack: self,
            client: self.stack.at(),
        }
    }
}

impl<'a, 'd, M: RawMutex> AtClient<'a, 'd, M> {
    /// Waits for the response to a command, and before that for the runner to send it.
    fn wait<Cmd: AtatCmd>(
        stack: &AnyStack<'_, '_, M>,
        response: impl Future<Output = Result<Cmd::Response, Error>>,
    ) -> Result<Cmd::Response, Error> {
        let limit = 2 * Duration::from_millis(Cmd::MAX_TIMEOUT_MS.into());
        match stack.wait_for(response, limit) {
            Ok(result) => result,
            Err(crate::Error::TimedOut) => Err(Error::Timeout),
            Err(_) => Err(Error::Aborted),
        }
    }
}

impl<'d, M: RawMutex> AtatClient for AtClient<'_, 'd, M> {
    type Writer = AtWriter<'d, M>;

    /// Returns the writer. Writing has no effect outside [`send_with`](AtatClient::send_with).
    fn inner(&mut self) -> &mut AtWriter<'d, M> {
        atat::asynch::AtatClient::inner(&mut self.client)
    }

    fn send_with<Cmd: AtatCmd>(
        &mut self,
        command: &Cmd,
        write: impl FnOnce(&mut AtWriter<'d, M>) -> Result<(), ErrorKind>,
    ) -> Result<Cmd::Response, Error> {
        let write = async move |writer: &mut AtWriter<'d, M>| write(writer);
        let response = atat::asynch::AtatClient::send_with(&mut self.client, command, write);
        Self::wait::<Cmd>(self.stack, response)
    }

    fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<Cmd::Response, Error> {
        let response = atat::asynch::AtatClient::send(&mut self.client, command);
        Self::wait::<Cmd>(self.stack, response)
    }
}
