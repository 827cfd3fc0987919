//! Transparent access mode: a connection that has the serial line for itself.

use core::fmt;
use core::net::SocketAddr;

use embedded_io_async::{ErrorType, Read, ReadReady, Write, WriteReady};

use super::handle::Socket;
use super::tcp::{TcpConnection, TcpReader, TcpWriter};
use crate::at::AccessMode;
use crate::engine::Request;
use crate::error::Error;
use crate::stack::Stack;

impl<'d> Stack<'d> {
    /// Connects to a TCP server in transparent access mode (sections 1.2 and 3.3).
    ///
    /// Waits for the link, for a slot, and until nobody else waits for an open or a name lookup.
    ///
    /// # Errors
    ///
    /// As for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect_transparent(
        &self,
        remote: SocketAddr,
    ) -> Result<TransparentConnection<'d>, Error> {
        let stack = self.with_access_mode(AccessMode::Transparent);
        let request = Request::connect(remote);
        Socket::open(stack, request, |socket| TransparentConnection { socket }).await
    }
}

impl<'d> TcpConnection<'d> {
    /// Gives the serial line to this connection (AT+QISWTMD, section 2.1.10). What the module still holds is fetched
    /// first, as far as the receive ring has room.
    ///
    /// # Errors
    ///
    /// Why the module refused, or why the connection failed. It is closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn into_transparent(self) -> Result<TransparentConnection<'d>, Error> {
        self.socket.set_mode(AccessMode::Transparent).await?;
        Ok(TransparentConnection {
            socket: self.socket,
        })
    }
}

/// A TCP connection that has the serial line for itself: what is written goes out as it is, and what comes is the peer's.
///
/// Nothing is added to the data, so that both directions run at the speed of the line. Everything else, other sockets, name
/// lookups and the user's own commands, waits meanwhile, and [`Stack::link_state`] says
/// [`Occupied`](crate::LinkState::Occupied). What the others have missed is looked up afterwards.
///
/// * [`escape`](Self::escape) gives the line back; the connection goes on in buffer access mode, slower, and reads and
///   writes work as before. [`resume`](Self::resume) takes the line again.
/// * At the end of the connection the module says `NO CARRIER`. The same text from the peer is data. Which it was is told by
///   DCD, where it is wired ([`ControlLines`](crate::ControlLines)), or else by silence and an escape: that takes some
///   three seconds in which nothing is sent, and the data goes on after it if it was the peer's text.
/// * `+++` among the data does not leave the mode: sent alone it takes a second longer than other data.
/// * A full receive ring holds the module back by RTS, for as long as it is full; without RTS/CTS data is lost, which
///   fails the connection ([`Error::DataLost`]) if the UART reports it.
/// * A word of the module's can be lost, and one that loses its power says none. While a reader waits and nothing has come
///   for twelve times [`Config::recheck`](crate::Config::recheck), a minute if that is not changed, an escape finds out
///   whether the connection is still there.
///
/// `flush` waits until everything has been written to the UART. Packets are cut by the settings `transpktsize` and
/// `transwaittm` ([`Stack::set_setting`], [`Setting`](crate::at::Setting)).
///
/// Dropping it sends what was written (for at most ten seconds), leaves the mode and closes the connection.
///
/// # Cancel safety
///
/// As for [`TcpConnection`].
pub struct TransparentConnection<'d> {
    socket: Socket<'d>,
}

impl fmt::Debug for TransparentConnection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransparentConnection")
            .finish_non_exhaustive()
    }
}

impl<'d> TransparentConnection<'d> {
    /// Gives the serial line back, by DTR or by `+++` between two silences, which takes some two and a half seconds
    /// (section 1.2). It is tried up to five times.
    ///
    /// What was written and has not gone out yet is sent afterwards, in buffer access mode. What comes meanwhile goes into
    /// the receive ring. From a peer that sends more than that, read at the same time: [`split`](Self::split), and
    /// [`TcpWriter::set_access_mode`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the module does not leave the mode; [`Error::Overrun`] when the receive ring stayed full for
    /// longer than [`Config::stall_time`](crate::Config::stall_time) behind the escape; otherwise why the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it to the runner to finish the escape.
    pub async fn escape(&mut self) -> Result<(), Error> {
        self.socket.set_mode(AccessMode::Buffer).await
    }

    /// Takes the serial line again (AT+QISWTMD, or ATO if that is refused).
    ///
    /// # Errors
    ///
    /// Why the module refused. The connection stays in buffer access mode then, unless it has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the wish back.
    pub async fn resume(&mut self) -> Result<(), Error> {
        self.socket.set_mode(AccessMode::Transparent).await
    }

    /// Whether the connection has the serial line now.
    #[must_use]
    pub fn has_line(&self) -> bool {
        self.socket.mode() == AccessMode::Transparent
    }

    /// Gives the serial line back, for good.
    ///
    /// # Errors
    ///
    /// As for [`escape`](Self::escape). The connection is closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn into_tcp(self) -> Result<TcpConnection<'d>, Error> {
        self.socket.set_mode(AccessMode::Buffer).await?;
        Ok(TcpConnection {
            socket: self.socket,
        })
    }

    /// The peer's address.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.remote()
    }

    /// The two directions, for two futures at a time.
    pub fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        let socket = &self.socket;
        (TcpReader { socket }, TcpWriter { socket })
    }

    /// Sends what was written, leaves the mode, closes the connection, and waits until the module has done so.
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
}

impl ErrorType for TransparentConnection<'_> {
    type Error = Error;
}

impl Read for TransparentConnection<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        self.socket.read(into).await
    }
}

impl ReadReady for TransparentConnection<'_> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        Ok(self.socket.read_ready())
    }
}

impl Write for TransparentConnection<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.socket.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }
}

impl WriteReady for TransparentConnection<'_> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        Ok(self.socket.write_ready())
    }
}
