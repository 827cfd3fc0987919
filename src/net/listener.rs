//! Servers.

use core::fmt;
use core::net::SocketAddr;

use super::handle::Socket;
use super::tcp::TcpConnection;
use super::udp::UdpSocket;
use crate::at::ServiceType;
use crate::engine::{Request, UNKNOWN_PEER};
use crate::error::Error;
use crate::stack::Stack;

impl<'d> Stack<'d> {
    /// Listens for TCP connections on a local port ("TCP LISTENER", section 2.1.4).
    ///
    /// The listener takes a slot, and each connection another one from the moment the module has accepted it: data that
    /// comes before [`TcpListener::accept`] is kept. A connection for which there is no slot is closed again and counted
    /// ([`Statistics::refused_connections`](crate::Statistics::refused_connections)).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] for port 0; otherwise as for connecting a TCP socket.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the listener up.
    pub async fn listen(&self, port: u16) -> Result<TcpListener<'d>, Error> {
        let request = Request::listen(ServiceType::TcpListener, port);
        self.shared.with(|engine| engine.enable_listeners());
        Socket::open(*self, request, |socket| TcpListener { socket }).await
    }

    /// Listens for UDP peers on a local port ("UDP LISTENER", section 2.1.4), of which each gets a socket of its own.
    ///
    /// Only EG91 and EG95 have this.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] from modules that do not have it; otherwise as for [`Stack::listen`].
    pub async fn listen_udp(&self, port: u16) -> Result<UdpListener<'d>, Error> {
        let request = Request::listen(ServiceType::UdpListener, port);
        self.shared.with(|engine| {
            engine.enable_listeners();
            engine.enable_datagrams();
        });
        Socket::open(*self, request, |socket| UdpListener { socket }).await
    }
}

/// Listens for TCP connections. Dropping it closes it, and the connections that nobody has accepted.
pub struct TcpListener<'d> {
    pub(crate) socket: Socket<'d>,
}

impl fmt::Debug for TcpListener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").finish_non_exhaustive()
    }
}

impl<'d> TcpListener<'d> {
    /// The next connection, and its peer.
    ///
    /// The peer is 0.0.0.0:0 in case the module gave an address that cannot be read.
    ///
    /// # Errors
    ///
    /// Why the listener failed: it has to be opened anew after the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> Result<(TcpConnection<'d>, SocketAddr), Error> {
        let (socket, peer) = self.socket.accept().await?;
        Ok((
            TcpConnection::accepted(socket),
            peer.unwrap_or(UNKNOWN_PEER),
        ))
    }

    /// Closes the listener and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// None in practice: there is nothing to be handed over.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }
}

/// Listens for UDP peers. Dropping it closes it, and the sockets that nobody has accepted.
pub struct UdpListener<'d> {
    pub(crate) socket: Socket<'d>,
}

impl fmt::Debug for UdpListener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpListener").finish_non_exhaustive()
    }
}

impl<'d> UdpListener<'d> {
    /// The next peer, and its address. Errors and cancel safety are those of [`TcpListener::accept`].
    ///
    /// # Errors
    ///
    /// Why the listener failed.
    pub async fn accept(&self) -> Result<(UdpSocket<'d>, SocketAddr), Error> {
        let (socket, peer) = self.socket.accept().await?;
        Ok((UdpSocket::accepted(socket), peer.unwrap_or(UNKNOWN_PEER)))
    }

    /// Closes the listener and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// None in practice: there is nothing to be handed over.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }
}
