//! A TCP socket with the blocking traits of `embedded-io`.

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Duration;
use embedded_io::{ErrorType, Read, Write};
use embedded_nal::{TcpClientStack, nb};

use super::tcp::{Tcp, TcpSocket};
use crate::error::Error;

/// A connected [`TcpSocket`] with the traits of `embedded-io`, for blocking TLS and protocol crates.
///
/// Unlike those of the other types, the methods of this one wait, each for the timeout at most. Meanwhile they poll the
/// stack.
///
/// * `read` returns `Ok(0)` only at the end of the stream.
/// * `write` waits only while the transmit ring is full.
/// * `flush` waits until the module has accepted everything (`SEND OK`). The peer may not have received it yet.
///
/// After [`Error::TimedOut`] the operation has had no effect and can be repeated.
#[derive(Debug)]
pub struct TcpStream<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    tcp: Tcp<'a, 'd, M>,
    socket: TcpSocket<'d, M>,
    timeout: Duration,
}

impl<'a, 'd, M: RawMutex> TcpStream<'a, 'd, M> {
    /// Wraps a connected socket. Each operation takes `timeout` at most.
    pub const fn new(tcp: Tcp<'a, 'd, M>, socket: TcpSocket<'d, M>, timeout: Duration) -> Self {
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

    /// Returns the socket.
    pub fn into_inner(self) -> TcpSocket<'d, M> {
        self.socket
    }

    fn wait<T>(
        &mut self,
        mut operation: impl FnMut(&mut Tcp<'a, 'd, M>, &mut TcpSocket<'d, M>) -> nb::Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { tcp, socket, .. } = self;
        let stack = tcp.stack;
        stack.wait(self.timeout, || operation(tcp, socket))
    }
}

impl<M: RawMutex> ErrorType for TcpStream<'_, '_, M> {
    type Error = Error;
}

impl<M: RawMutex> Read for TcpStream<'_, '_, M> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.wait(|tcp, socket| tcp.read(socket, buffer))
    }
}

impl<M: RawMutex> Write for TcpStream<'_, '_, M> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.wait(|tcp, socket| tcp.send(socket, bytes))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.wait(|tcp, socket| tcp.flush(socket))
    }
}
