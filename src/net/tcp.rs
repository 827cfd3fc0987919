//! TCP clients.

use core::net::SocketAddr;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embedded_nal_async::TcpConnect;

use super::byte_stream::{implement_error_type, implement_read, implement_write};
use super::inherent::{
    implement_receive, implement_send, implement_socket, implement_state, implement_stream_receive,
    implement_stream_send,
};
use super::socket::{Socket, SocketPhase};
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
use crate::engine::Request;
use crate::error::Error;
use crate::stack::Stack;

impl<'d, M: RawMutex> TcpConnect for Stack<'d, M> {
    type Error = Error;
    type Connection<'a>
        = TcpConnection<'d, M>
    where
        Self: 'a;

    /// As [`Stack::connect`].
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<TcpConnection<'d, M>, Error>> {
        Self::connect(self, remote)
    }
}

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Connects to a TCP server (AT+QIOPEN, section 2.1.4), in the access mode of this handle.
    ///
    /// Waits for the link while it is coming up, and for a slot while one is being closed. In transparent mode it also waits until
    /// no other open and no name lookup is in progress.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] before anything is sent, [`Error::NoFreeSocket`],
    /// [`Error::ConnectionRefused`], [`Error::TimedOut`] after [`Config::connect_time`](crate::Config::connect_time)
    /// (default 150 s), [`Error::Link`], [`Error::Module`] with any other code.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection. Its slot is free again as soon as the module has closed it.
    pub fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<TcpConnection<'d, M>, Error>> + use<'d, M> {
        Socket::open(*self, Request::connect(remote), TcpConnection::new)
    }

    /// Connects to a TCP server by name. The module resolves the name as part of AT+QIOPEN (section 2.1.4).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] and [`Error::InvalidPort`] before anything is sent; a name longer than the transmit ring is
    /// invalid. Otherwise as for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// As for [`connect`](Self::connect).
    pub fn connect_host(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = Result<TcpConnection<'d, M>, Error>> {
        let request = Request::connect_host(host, port);
        Socket::open(*self, request, TcpConnection::new)
    }
}

/// A TCP connection.
///
/// * `read` returns `Ok(0)` only at the end of the stream, after everything that the peer sent before it closed.
/// * `write` copies bytes into the transmit ring and returns. It waits only while the ring is full. Many small writes
///   become one AT+QISEND.
/// * `flush` waits until the module has accepted everything (`SEND OK`). The peer may not have received it yet: for that
///   there is [`wait_acked`](Self::wait_acked).
/// * `read_ready` and `write_ready` are true whenever the operation would not wait. This includes the end of the stream and
///   a failed connection.
///
/// Dropping the connection closes it: the runner sends what was written for at most 10 s, then AT+QICLOSE.
/// In transparent mode it leaves the mode in between.
/// [`close`](Self::close) does the same and waits for it; [`abort`](Self::abort) discards what was not sent.
///
/// # Cancel safety
///
/// Dropping a `read` or `flush` future loses nothing. A `write` future that is dropped before it is ready has written
/// nothing.
#[derive(Debug)]
pub struct TcpConnection<'d, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) socket: Socket<'d, M>,
}

impl<'d, M: RawMutex> TcpConnection<'d, M> {
    /// A connection that the module has opened or accepted.
    pub(super) const fn new(socket: Socket<'d, M>) -> Self {
        Self { socket }
    }

    /// Splits the connection into its receiving and its sending half, for two futures at the same time.
    pub fn split(&mut self) -> (TcpReader<'_, 'd, M>, TcpWriter<'_, 'd, M>) {
        let socket = &self.socket;
        (TcpReader { socket }, TcpWriter { socket })
    }

    /// Closes the connection at once. Bytes that the module has not accepted yet are discarded.
    pub fn abort(self) {
        self.socket.abort();
    }
}

/// The receiving half of a [`TcpConnection`].
#[derive(Debug)]
pub struct TcpReader<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) socket: &'a Socket<'d, M>,
}

/// The sending half of a [`TcpConnection`].
#[derive(Debug)]
pub struct TcpWriter<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) socket: &'a Socket<'d, M>,
}

implement_socket!(TcpConnection<'_, M>);
implement_stream_receive!(TcpConnection<'_, M>, TcpReader<'_, '_, M>);
implement_stream_send!(TcpConnection<'_, M>, TcpWriter<'_, '_, M>);
implement_error_type!(
    TcpConnection<'_, M>,
    TcpReader<'_, '_, M>,
    TcpWriter<'_, '_, M>
);
implement_read!(TcpConnection<'_, M>, TcpReader<'_, '_, M>);
implement_write!(TcpConnection<'_, M>, TcpWriter<'_, '_, M>);
