//! TCP clients.

use core::net::SocketAddr;

use embedded_nal_async::TcpConnect;

use super::byte_stream::{implement_error_type, implement_read, implement_write};
use super::socket::Socket;
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::engine::Request;
use crate::error::Error;
use crate::stack::Stack;

impl<'d> TcpConnect for Stack<'d> {
    type Error = Error;
    type Connection<'a>
        = TcpConnection<'d>
    where
        Self: 'a;

    /// Connects to a TCP server (AT+QIOPEN, section 2.1.4), in the access mode of this handle.
    ///
    /// Waits for the link while it is coming up, and for a slot while one is being closed.
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
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<TcpConnection<'d>, Error>> {
        Socket::open(*self, Request::connect(remote), TcpConnection::new)
    }
}

impl<'d> Stack<'d> {
    /// Connects to a TCP server by name. The module resolves the name as part of AT+QIOPEN (section 2.1.4).
    ///
    /// Waits for the link while it is coming up, and for a slot while one is being closed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] and [`Error::InvalidPort`] before anything is sent; a name longer than the transmit ring is
    /// invalid. Otherwise as for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection.
    pub async fn connect_host(&self, host: &str, port: u16) -> Result<TcpConnection<'d>, Error> {
        let request = Request::connect_host(host, port);
        Socket::open(*self, request, TcpConnection::new).await
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
/// [`close`](Self::close) does the same and waits for it; [`abort`](Self::abort) discards what was not sent.
///
/// # Cancel safety
///
/// Dropping a `read` or `flush` future loses nothing. A `write` future that is dropped before it is ready has written
/// nothing.
#[derive(Debug)]
pub struct TcpConnection<'d> {
    pub(super) socket: Socket<'d>,
}

impl<'d> TcpConnection<'d> {
    /// A connection that the module has opened or accepted.
    pub(super) const fn new(socket: Socket<'d>) -> Self {
        Self { socket }
    }

    /// The peer's address. `None` if the connection was opened by name.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.remote()
    }

    /// The access mode that the connection uses now.
    #[cfg(feature = "push")]
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.socket.mode()
    }

    /// Changes the access mode of the open connection (AT+QISWTMD, section 2.1.10) and waits until the module uses it. No
    /// data is lost. [`Stack::with_access_mode`] describes the modes.
    ///
    /// [`Transparent`](AccessMode::Transparent) works as for a [`TransparentConnection`](crate::TransparentConnection).
    ///
    /// # Errors
    ///
    /// The reason of the module's refusal, or of the connection's failure. [`Error::Unsupported`] for
    /// [`Transparent`](AccessMode::Transparent) without the crate's feature `transparent`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the change.
    #[cfg(feature = "push")]
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }

    /// Splits the connection into its receiving and its sending half, for two futures at the same time.
    pub fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        let socket = &self.socket;
        (TcpReader { socket }, TcpWriter { socket })
    }

    /// Sends what was written, closes the connection (AT+QICLOSE, section 2.1.5), and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// The reason why not everything that was written could be sent. The connection is closed in any case.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the close: the runner finishes it.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }

    /// Waits until the peer has acknowledged everything that was written (AT+QISEND=id,0, section 2.1.7).
    ///
    /// The runner asks the module once everything is accepted, and asks again after a pause that grows each time, until all
    /// bytes are acknowledged.
    ///
    /// # Errors
    ///
    /// The reason of the connection's failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_acked(&self) -> Result<(), Error> {
        self.socket.acknowledged().await
    }

    /// Closes the connection at once. Bytes that the module has not accepted yet are discarded.
    pub fn abort(self) {
        self.socket.abort();
    }
}

/// The receiving half of a [`TcpConnection`].
#[derive(Debug)]
pub struct TcpReader<'a, 'd> {
    pub(super) socket: &'a Socket<'d>,
}

/// The sending half of a [`TcpConnection`].
#[derive(Debug)]
pub struct TcpWriter<'a, 'd> {
    pub(super) socket: &'a Socket<'d>,
}

#[cfg(feature = "push")]
impl TcpWriter<'_, '_> {
    /// Does the same as [`TcpConnection::set_access_mode`], while the other half can go on reading.
    ///
    /// # Errors
    ///
    /// As for [`TcpConnection::set_access_mode`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the change.
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }
}

implement_error_type!(TcpConnection<'_>, TcpReader<'_, '_>, TcpWriter<'_, '_>);
implement_read!(TcpConnection<'_>, TcpReader<'_, '_>);
implement_write!(TcpConnection<'_>, TcpWriter<'_, '_>);
