//! UDP sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};

use super::socket::Socket;
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::engine::{Request, check_peer};
use crate::error::Error;
use crate::stack::Stack;

/// Any local address and port.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl<'d> UdpStack for Stack<'d> {
    type Error = Error;
    type Connected = UdpSocket<'d>;
    type UniquelyBound = UdpService<'d>;
    type MultiplyBound = UdpService<'d>;

    /// Opens a UDP socket with one peer (service type "UDP", section 2.1.4). It uses one slot.
    ///
    /// Local port 0 stands for any port from 49152 to 65535.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for a local address that is not the module's, or has a scope. [`Error::Module`] if the local port is taken.
    /// Otherwise as for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the socket.
    fn connect_from(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d>), Error>> {
        let request = Request::datagrams(remote, local.port());
        let request = request.and_then(|request| request.on(local));
        Socket::open(*self, request, |socket| {
            (socket.local(None), UdpSocket { socket })
        })
    }

    /// Does the same as [`connect_from`](UdpStack::connect_from) with any local port.
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d>), Error>> {
        self.connect_from(ANY, remote)
    }

    /// Opens a UDP socket for any number of peers on one local port (service type "UDP SERVICE", section 2.1.4). It uses one
    /// slot.
    ///
    /// Local port 0 stands for any port from 49152 to 65535.
    ///
    /// # Errors
    ///
    /// As for [`connect_from`](UdpStack::connect_from).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the socket.
    fn bind_single(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpService<'d>), Error>> {
        let request = Request::service(local.port()).on(local);
        Socket::open(*self, request, |socket| {
            (socket.local(None), UdpService { socket })
        })
    }

    /// Does the same as [`bind_single`](UdpStack::bind_single): the module has one address of each family.
    fn bind_multiple(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<UdpService<'d>, Error>> {
        let request = Request::service(local.port()).on(local);
        Socket::open(*self, request, |socket| UdpService { socket })
    }
}

/// A UDP socket with one peer.
///
/// Each receive returns one datagram. A datagram that is sent has 1 to 1460 bytes; together with a header of 21 bytes it has
/// to fit into the transmit ring. Empty datagrams cannot be sent, because AT+QISEND has no form for them, and are ignored on
/// receive.
///
/// A datagram that does not fit into the receive ring, which needs room for the same header, is dropped as a whole and
/// counted ([`Statistics::dropped_datagrams`](crate::Statistics::dropped_datagrams)).
///
/// Dropping the socket closes it. Datagrams in the transmit ring are still sent, for at most 10 s.
///
/// # Cancel safety
///
/// Dropping a `receive_into` future loses no datagram. A `send` future that is dropped before it is ready has sent nothing.
#[derive(Debug)]
pub struct UdpSocket<'d> {
    pub(super) socket: Socket<'d>,
}

impl<'d> UdpSocket<'d> {
    /// The socket of a peer that a UDP listener has accepted.
    #[cfg(feature = "server")]
    pub(super) const fn new(socket: Socket<'d>) -> Self {
        Self { socket }
    }
}

impl ConnectedUdp for UdpSocket<'_> {
    type Error = Error;

    /// Puts a datagram into the transmit ring. Waits while the ring has no room.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLength`] for a datagram that is empty or too long; otherwise the reason of the socket's failure.
    fn send(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> {
        self.socket.send(data, None)
    }

    /// Waits for a datagram, copies it into `buffer`, and returns its full length. What does not fit into `buffer` is lost;
    /// the returned length is larger than the buffer then.
    ///
    /// # Errors
    ///
    /// The reason of the socket's failure.
    async fn receive_into(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let (length, _) = self.socket.receive(buffer).await?;
        Ok(length)
    }
}

/// A UDP socket for any number of peers on one local port.
///
/// Limits, drops and cancel safety are those of [`UdpSocket`], except that empty datagrams are received.
#[derive(Debug)]
pub struct UdpService<'d> {
    pub(super) socket: Socket<'d>,
}

impl UnconnectedUdp for UdpService<'_> {
    type Error = Error;

    /// Puts a datagram into the transmit ring. Waits while the ring has no room. `local` is ignored: datagrams are sent from
    /// the address of the socket.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLength`] for a datagram that is empty or too long, [`Error::InvalidPort`] and
    /// [`Error::InvalidAddress`] for a remote port 0 and a remote address that is unspecified or has a scope; otherwise the reason
    /// of the socket's failure.
    async fn send(
        &mut self,
        _local: SocketAddr,
        remote: SocketAddr,
        data: &[u8],
    ) -> Result<(), Error> {
        check_peer(remote)?;
        self.socket.send(data, Some(remote)).await
    }

    /// Waits for a datagram, copies it into `buffer`, and returns its full length, the local address, and the sender. What
    /// does not fit into `buffer` is lost; the returned length is larger than the buffer then.
    ///
    /// # Errors
    ///
    /// The reason of the socket's failure.
    async fn receive_into(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<(usize, SocketAddr, SocketAddr), Error> {
        let (length, peer) = self.socket.receive(buffer).await?;
        Ok((length, self.socket.local(Some(peer)), peer))
    }
}

/// What the application can do with either kind of UDP socket.
macro_rules! implement_udp_socket {
    ($($socket:ident),+) => {$(
        impl $socket<'_> {
            /// The access mode that the socket uses now.
            #[cfg(feature = "push")]
            #[must_use]
            pub fn access_mode(&self) -> AccessMode {
                self.socket.mode()
            }

            /// Changes the access mode of the open socket (AT+QISWTMD, section 2.1.10) and waits until the module uses it.
            /// No data is lost. [`Stack::with_access_mode`] describes the modes.
            ///
            /// # Errors
            ///
            /// The reason of the module's refusal, or of the socket's failure. [`Error::Unsupported`] for
            /// [`Transparent`](AccessMode::Transparent).
            ///
            /// # Cancel safety
            ///
            /// Dropping the future does not cancel the change.
            #[cfg(feature = "push")]
            pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
                self.socket.set_mode(mode).await
            }

            /// Waits until the module has accepted all datagrams in the transmit ring (`SEND OK`).
            ///
            /// # Errors
            ///
            /// The reason of the socket's failure.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            pub async fn flush(&mut self) -> Result<(), Error> {
                self.socket.flush().await
            }

            /// Sends the datagrams in the transmit ring, closes the socket, and waits until the module has done so.
            ///
            /// # Errors
            ///
            /// The reason why not all datagrams could be sent. The socket is closed in any case.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future does not cancel the close: the runner finishes it.
            pub async fn close(self) -> Result<(), Error> {
                self.socket.close().await
            }
        }
    )+};
}

implement_udp_socket!(UdpSocket, UdpService);
