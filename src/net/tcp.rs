//! TCP connections.

use core::fmt;
use core::net::SocketAddr;

use embedded_io_async::{ErrorType, Read, ReadReady, Write, WriteReady};
use embedded_nal_async::TcpConnect;

use super::handle::Socket;
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
    /// Waits for the link if it is coming up, and for a slot if one is being closed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] before anything is sent, [`Error::NoFreeSocket`],
    /// [`Error::ConnectionRefused`], [`Error::TimedOut`] after the configured time (150 s), [`Error::Link`],
    /// [`Error::Module`] with any other code.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up; its slot is free again as soon as the module has closed it.
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<TcpConnection<'d>, Error>> {
        TcpConnection::connect(*self, Request::connect(remote))
    }
}

/// A TCP connection.
///
/// * `read` returns `Ok(0)` at the end of the stream and never otherwise; everything that the peer sent before it closed
///   comes first.
/// * `write` copies into the transmit ring and returns; many small writes become one AT+QISEND. It waits only while
///   the ring is full.
/// * `flush` waits until the module has accepted everything (`SEND OK`), which does not mean that the peer has it.
/// * `read_ready` and `write_ready` are true whenever the operation would not wait: at the end of the stream and
///   after an error too.
///
/// Dropping it closes it: what was written is still sent (for at most ten seconds), then the runner sends AT+QICLOSE.
/// [`close`](Self::close) does the same and tells when it is done; [`abort`](Self::abort) throws away what was not sent.
///
/// # Cancel safety
///
/// Dropping a `read` or `flush` future loses nothing. A dropped `write` future has either taken nothing, or has
/// finished.
pub struct TcpConnection<'d> {
    pub(crate) socket: Socket<'d>,
}

impl fmt::Debug for TcpConnection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnection").finish_non_exhaustive()
    }
}

impl<'d> TcpConnection<'d> {
    pub(crate) fn connect(
        stack: Stack<'d>,
        request: Result<Request<'_>, Error>,
    ) -> impl Future<Output = Result<Self, Error>> {
        Socket::open(stack, request, |socket| Self { socket })
    }

    /// A connection that a listener has accepted.
    pub(crate) fn accepted(socket: Socket<'d>) -> Self {
        Self { socket }
    }

    /// The peer's address; `None` when the connection was made by name.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.remote()
    }

    /// How the module hands over what comes for this connection now.
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.socket.mode()
    }

    /// Changes how the module hands over what comes (AT+QISWTMD, section 2.1.10), without losing any of it. See
    /// [`Stack::with_access_mode`]. Into and out of the transparent mode it works as for a
    /// [`TransparentConnection`](crate::TransparentConnection).
    ///
    /// # Errors
    ///
    /// Why the module refused, or why the socket failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the wish back.
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }

    /// The two directions, for two futures at a time.
    pub fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        let socket = &self.socket;
        (TcpReader { socket }, TcpWriter { socket })
    }

    /// Sends what was written, closes the connection, and waits until the module has done so (AT+QICLOSE, section 2.1.5).
    ///
    /// # Errors
    ///
    /// Why not everything that was written could be handed to the module. The connection is closed in any case.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the closing to the runner, as dropping the connection does.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }

    /// Waits until the peer has acknowledged everything that was written (AT+QISEND=id,0, section 2.1.7).
    ///
    /// The module is asked after it has accepted everything, and again, ever less often, until the answer is yes.
    ///
    /// # Errors
    ///
    /// Why the connection failed meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_acked(&self) -> Result<(), Error> {
        self.socket.acknowledged().await
    }

    /// Closes the connection at once, without what was written and not yet taken by the module.
    pub fn abort(self) {
        self.socket.abort();
    }
}

/// The receiving half of a [`TcpConnection`].
pub struct TcpReader<'a, 'd> {
    pub(crate) socket: &'a Socket<'d>,
}

impl TcpWriter<'_, '_> {
    /// [`TcpConnection::set_access_mode`], while the other half goes on reading.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }
}

/// The sending half of a [`TcpConnection`].
pub struct TcpWriter<'a, 'd> {
    pub(crate) socket: &'a Socket<'d>,
}

impl fmt::Debug for TcpReader<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for TcpWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpWriter").finish_non_exhaustive()
    }
}

macro_rules! implement_read {
    ($($type:ty),+) => {$(
        impl Read for $type {
            fn read(&mut self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
                self.socket.read(into)
            }
        }

        impl ReadReady for $type {
            fn read_ready(&mut self) -> Result<bool, Error> {
                Ok(self.socket.read_ready())
            }
        }
    )+};
}

macro_rules! implement_write {
    ($($type:ty),+) => {$(
        impl Write for $type {
            fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
                self.socket.write(bytes)
            }

            fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
                self.socket.flush()
            }
        }

        impl WriteReady for $type {
            fn write_ready(&mut self) -> Result<bool, Error> {
                Ok(self.socket.write_ready())
            }
        }
    )+};
}

macro_rules! implement_error_type {
    ($($type:ty),+) => {$(
        impl ErrorType for $type {
            type Error = Error;
        }
    )+};
}

implement_error_type!(TcpConnection<'_>, TcpReader<'_, '_>, TcpWriter<'_, '_>);
implement_read!(TcpConnection<'_>, TcpReader<'_, '_>);
implement_write!(TcpConnection<'_>, TcpWriter<'_, '_>);
