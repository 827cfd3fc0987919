//! Transparent access mode: one connection owns the serial line.

use core::net::SocketAddr;

use super::byte_stream::{implement_error_type, implement_read, implement_write};
use super::socket::Socket;
use super::tcp::{TcpConnection, TcpReader, TcpWriter};
use crate::at::AccessMode;
use crate::engine::Request;
use crate::error::Error;
use crate::stack::Stack;

impl<'d> Stack<'d> {
    /// Connects to a TCP server in transparent access mode (sections 1.2 and 3.3).
    ///
    /// Waits for the link while it is coming up, for a slot while one is being closed, and until no other open and no name
    /// lookup is in progress.
    ///
    /// # Errors
    ///
    /// As for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection.
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
    /// Switches the connection to transparent access mode (AT+QISWTMD, section 2.1.10). Data that the module holds is
    /// fetched first, as far as the receive ring has room.
    ///
    /// # Errors
    ///
    /// The reason of the module's refusal, or of the connection's failure. The connection is closed then.
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

/// A TCP connection in transparent access mode: the serial line carries this connection's data and nothing else.
///
/// Nothing is added to the data, so that both directions run at the full speed of the line. Other sockets, name lookups and
/// the application's own AT commands have to wait meanwhile, and [`Stack::link_state`] returns
/// [`Occupied`](crate::LinkState::Occupied). Events of other sockets are looked up afterwards.
///
/// * [`escape`](Self::escape) switches to buffer access mode, which lets the others use the line. Reads and writes go on,
///   slower. [`resume`](Self::resume) switches back.
/// * At the end of the connection the module sends `NO CARRIER`. The same text can be data of the peer. The DCD line tells
///   the two apart, if it is wired ([`ControlLines`](crate::ControlLines)). Without DCD the runner waits for silence and then
///   escapes; for about 3 s nothing is sent, and the data goes on afterwards if the text was the peer's.
/// * `+++` in the data does not leave the mode. It takes about 1 s longer to send than other data.
/// * While the receive ring is full, RTS holds the module back. Without RTS/CTS data is lost; the connection fails with
///   [`Error::DataLost`] if the UART driver reports it.
/// * `NO CARRIER` can be lost, and a module that loses its power sends nothing. While a reader waits and nothing has arrived
///   for 12 × [`Config::recheck`](crate::Config::recheck) (default 12 × 5 s), the runner escapes to find out whether the
///   connection still exists.
///
/// `flush` waits until everything has been written to the UART. The settings `transpktsize` and `transwaittm` define how the
/// module cuts the data into packets ([`Stack::set_setting`], [`Setting`](crate::at::Setting)).
///
/// Dropping the connection closes it: the runner sends what was written for at most 10 s, leaves the mode, and closes the
/// connection.
///
/// # Cancel safety
///
/// As for [`TcpConnection`].
#[derive(Debug)]
pub struct TransparentConnection<'d> {
    socket: Socket<'d>,
}

impl<'d> TransparentConnection<'d> {
    /// Switches to buffer access mode, so that others can use the serial line: by DTR if it is wired, or else by `+++`
    /// between two silences, which takes about 2.5 s (section 1.2). The runner tries up to five times.
    ///
    /// What was written and not yet sent goes out afterwards. What arrives meanwhile goes into the receive ring. If the peer
    /// may send more than the ring holds, read at the same time: [`split`](Self::split) the connection and use
    /// [`TcpWriter::set_access_mode`].
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the module does not leave the mode. [`Error::Overrun`] if the receive ring stayed full for
    /// longer than [`Config::stall_time`](crate::Config::stall_time) after the escape. Otherwise the reason why the
    /// connection ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the escape: the runner finishes it.
    pub async fn escape(&mut self) -> Result<(), Error> {
        self.socket.set_mode(AccessMode::Buffer).await
    }

    /// Switches back to transparent access mode (AT+QISWTMD, or ATO if that is refused).
    ///
    /// # Errors
    ///
    /// The reason of the module's refusal. The connection stays in buffer access mode then, unless it has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the switch.
    pub async fn resume(&mut self) -> Result<(), Error> {
        self.socket.set_mode(AccessMode::Transparent).await
    }

    /// Whether the connection owns the serial line now.
    #[must_use]
    pub fn has_line(&self) -> bool {
        self.socket.mode() == AccessMode::Transparent
    }

    /// Switches to buffer access mode for good.
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
        Ok(TcpConnection::new(self.socket))
    }

    /// The peer's address.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.socket.remote()
    }

    /// Splits the connection into its receiving and its sending half, for two futures at the same time.
    pub fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        let socket = &self.socket;
        (TcpReader { socket }, TcpWriter { socket })
    }

    /// Sends what was written, leaves the mode, closes the connection, and waits until the module has done so.
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
}

implement_error_type!(TransparentConnection<'_>);
implement_read!(TransparentConnection<'_>);
implement_write!(TransparentConnection<'_>);
