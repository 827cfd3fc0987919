//! A TCP socket as a stream that waits, for a time.

use core::fmt;

use embassy_time::Duration;
use embedded_io::{ErrorType, Read, Write};
use embedded_nal::{TcpClientStack, nb};

use super::tcp::{Tcp, TcpSocket};
use crate::error::Error;
use crate::util::time::{self, after};

/// A connected [`TcpSocket`] with the traits of `embedded-io`, for blocking TLS and protocol crates.
///
/// Its methods do wait, each for at most the time given, and poll the stack meanwhile.
///
/// * `read` returns `Ok(0)` at the end of the stream and never otherwise.
/// * `write` waits only while the transmit ring is full.
/// * `flush` waits until the module has accepted everything (`SEND OK`), which does not mean that the peer has it.
///
/// After [`Error::TimedOut`] the operation has had no effect, and can be repeated.
pub struct TcpStream<'a, 'd> {
    tcp: Tcp<'a, 'd>,
    socket: TcpSocket<'d>,
    timeout: Duration,
}

impl fmt::Debug for TcpStream<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("socket", &self.socket)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<'a, 'd> TcpStream<'a, 'd> {
    /// Makes a stream of a connected socket. No operation takes longer than `timeout`.
    pub const fn new(tcp: Tcp<'a, 'd>, socket: TcpSocket<'d>, timeout: Duration) -> Self {
        Self {
            tcp,
            socket,
            timeout,
        }
    }

    /// Sets how long an operation may take.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Gives the socket back.
    pub fn into_inner(self) -> TcpSocket<'d> {
        self.socket
    }

    fn wait<T>(
        &mut self,
        mut operation: impl FnMut(&mut Tcp<'a, 'd>, &mut TcpSocket<'d>) -> nb::Result<T, Error>,
    ) -> Result<T, Error> {
        let end = after(time::now(), self.timeout);
        loop {
            match operation(&mut self.tcp, &mut self.socket) {
                Ok(value) => return Ok(value),
                Err(nb::Error::Other(error)) => return Err(error),
                Err(nb::Error::WouldBlock) if time::now() >= end => return Err(Error::TimedOut),
                Err(nb::Error::WouldBlock) => self.tcp.engine.idle.get()(),
            }
        }
    }
}

impl ErrorType for TcpStream<'_, '_> {
    type Error = Error;
}

impl Read for TcpStream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.wait(|tcp, socket| tcp.read(socket, buffer))
    }
}

impl Write for TcpStream<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.wait(|tcp, socket| tcp.send(socket, bytes))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.wait(|tcp, socket| tcp.flush(socket))
    }
}
