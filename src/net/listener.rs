//! Servers.

use core::net::SocketAddr;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};

use super::inherent::implement_state;
use super::socket::{Socket, SocketPhase};
use super::tcp::TcpConnection;
#[cfg(feature = "udp")]
use super::udp::UdpSocket;
use crate::at::{ConnectId, ServiceType};
use crate::engine::Request;
use crate::error::Error;
use crate::stack::Stack;

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Listens for TCP connections on a local port (service type "TCP LISTENER", section 2.1.4).
    ///
    /// The listener uses one slot, without rings if there are such ([`Buffers::none`](crate::Buffers::none)): 250 to 300 bytes on a
    /// Cortex-M. In [`Resources`](crate::Resources) with rings of 2048 and 1024 bytes it costs 3072 bytes more. Each connection uses
    /// another one, of those that this handle may use, from the moment when the module accepts it: data that arrives before
    /// [`TcpListener::accept`] is kept. A connection for which there is no slot is closed and counted
    /// ([`Statistics::refused_connections`](crate::Statistics::refused_connections)). So is the one that waits longest for
    /// [`TcpListener::accept`], if the program opens another socket and no slot is free.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] for port 0; otherwise as for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the listener.
    pub async fn listen(&self, port: u16) -> Result<TcpListener<'d, M>, Error> {
        let request = Request::listen(ServiceType::TcpListener, port);
        Socket::open(*self, request, |socket| TcpListener { socket }).await
    }

    /// Listens for UDP peers on a local port (service type "UDP LISTENER", section 2.1.4). Each peer gets a socket of its
    /// own, which uses one slot.
    ///
    /// Only EG91 and EG95 modules support this.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] from a module that does not support it; otherwise as for [`Stack::listen`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the listener.
    #[cfg(feature = "udp")]
    pub async fn listen_udp(&self, port: u16) -> Result<UdpListener<'d, M>, Error> {
        let request = Request::listen(ServiceType::UdpListener, port);
        Socket::open(*self, request, |socket| UdpListener { socket }).await
    }
}

/// A TCP listener. Dropping it closes it, and the connections that were not fetched with [`accept`](Self::accept).
#[derive(Debug)]
pub struct TcpListener<'d, M: RawMutex = CriticalSectionRawMutex> {
    socket: Socket<'d, M>,
}

impl<'d, M: RawMutex> TcpListener<'d, M> {
    /// Waits for the next connection and returns it with the peer's address.
    ///
    /// The address is `0.0.0.0:0` if the module reported one that cannot be parsed.
    ///
    /// # Errors
    ///
    /// The reason of the listener's failure. After the loss of the link the listener has to be opened anew.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> Result<(TcpConnection<'d, M>, SocketAddr), Error> {
        let (socket, peer) = self.socket.accept().await?;
        Ok((TcpConnection::new(socket), peer))
    }

    /// Closes the listener and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// None in practice: a listener has nothing left to send.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the close: the runner finishes it.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }
}

/// A UDP listener. Dropping it closes it, and the sockets that were not fetched with [`accept`](Self::accept).
#[cfg(feature = "udp")]
#[derive(Debug)]
pub struct UdpListener<'d, M: RawMutex = CriticalSectionRawMutex> {
    socket: Socket<'d, M>,
}

#[cfg(feature = "udp")]
impl<'d, M: RawMutex> UdpListener<'d, M> {
    /// Waits for the next peer and returns its socket and its address.
    ///
    /// # Errors
    ///
    /// The reason of the listener's failure. After the loss of the link the listener has to be opened anew.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no peer.
    pub async fn accept(&self) -> Result<(UdpSocket<'d, M>, SocketAddr), Error> {
        let (socket, peer) = self.socket.accept().await?;
        Ok((UdpSocket::new(socket), peer))
    }

    /// Closes the listener and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// None in practice: a listener has nothing left to send.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the close: the runner finishes it.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }
}

implement_state!(TcpListener<'_, M>);
#[cfg(feature = "udp")]
implement_state!(UdpListener<'_, M>);
