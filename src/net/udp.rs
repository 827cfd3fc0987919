//! UDP sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};

use super::inherent::{implement_receive, implement_send, implement_socket, implement_state};
use super::socket::{Socket, SocketPhase};
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
use crate::engine::{Request, check_peer};
use crate::error::Error;
use crate::stack::Stack;

/// Any local address and port.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl<'d, M: RawMutex> UdpStack for Stack<'d, M> {
    type Error = Error;
    type Connected = UdpSocket<'d, M>;
    type UniquelyBound = UdpService<'d, M>;
    type MultiplyBound = UdpService<'d, M>;

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
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d, M>), Error>> {
        self.open_connected(local, remote, |socket, local| (local, socket))
    }

    /// Does the same as [`connect_from`](UdpStack::connect_from) with any local port.
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d, M>), Error>> {
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
    ) -> impl Future<Output = Result<(SocketAddr, UdpService<'d, M>), Error>> {
        self.open_bound(local, |socket, local| (local, socket))
    }

    /// Does the same as [`bind_single`](UdpStack::bind_single): the module has one address of each family.
    fn bind_multiple(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<UdpService<'d, M>, Error>> {
        self.bind_udp(local)
    }
}

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Opens a UDP socket with one peer, on any local port from 49152 to 65535: as [`UdpStack::connect`].
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the socket.
    pub fn connect_udp(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<UdpSocket<'d, M>, Error>> + use<'d, M> {
        self.open_connected(ANY, remote, |socket, _| socket)
    }

    /// Opens a UDP socket for any number of peers on a local address: as [`UdpStack::bind_single`]. The address may be unspecified,
    /// and the port 0.
    ///
    /// # Errors
    ///
    /// As for [`UdpStack::connect_from`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the socket.
    pub fn bind_udp(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<UdpService<'d, M>, Error>> + use<'d, M> {
        self.open_bound(local, |socket, _| socket)
    }

    fn open_connected<T>(
        self,
        local: SocketAddr,
        remote: SocketAddr,
        make: impl Fn(UdpSocket<'d, M>, SocketAddr) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let request = Request::datagrams(remote, local.port());
        let request = request.and_then(|request| request.bound_to(local));
        Socket::open_with(
            self,
            request,
            |engine, key| engine.local(key, None),
            move |socket, local| make(UdpSocket { socket }, local),
        )
    }

    fn open_bound<T>(
        self,
        local: SocketAddr,
        make: impl Fn(UdpService<'d, M>, SocketAddr) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let request = Request::service(local.port()).bound_to(local);
        Socket::open_with(
            self,
            request,
            |engine, key| engine.local(key, None),
            move |socket, local| make(UdpService { socket }, local),
        )
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
pub struct UdpSocket<'d, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) socket: Socket<'d, M>,
}

impl<'d, M: RawMutex> UdpSocket<'d, M> {
    /// The socket of a peer that a UDP listener has accepted.
    #[cfg(feature = "server")]
    pub(super) const fn new(socket: Socket<'d, M>) -> Self {
        Self { socket }
    }
}

impl<M: RawMutex> ConnectedUdp for UdpSocket<'_, M> {
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
pub struct UdpService<'d, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) socket: Socket<'d, M>,
}

impl<M: RawMutex> UnconnectedUdp for UdpService<'_, M> {
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
    fn receive_into(
        &mut self,
        buffer: &mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddr, SocketAddr), Error>> {
        self.socket.receive_with_local(buffer)
    }
}

macro_rules! implement_flush {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Waits until the module has accepted all datagrams in the transmit ring (`SEND OK`).
            ///
            /// # Errors
            ///
            /// The reason of the socket's failure.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            pub fn flush(&self) -> impl Future<Output = Result<(), Error>> {
                self.socket.flush()
            }
        }
    )+};
}

impl<M: RawMutex> UdpSocket<'_, M> {
    /// Sends a datagram without waiting, as [`send`](ConnectedUdp::send). `None` if the transmit ring has no room for it, and while the
    /// stack is [in use](crate::Stack#calls-that-return-at-once).
    ///
    /// # Errors
    ///
    /// As for [`send`](ConnectedUdp::send).
    pub fn try_send(&mut self, data: &[u8]) -> Result<Option<()>, Error> {
        self.socket
            .attempt(|engine, key| engine.poll_send(key, data, None))
    }
}

impl<M: RawMutex> UdpService<'_, M> {
    /// Sends a datagram without waiting, as [`send`](UnconnectedUdp::send). `None` if the transmit ring has no room for it, and while
    /// the stack is [in use](crate::Stack#calls-that-return-at-once).
    ///
    /// # Errors
    ///
    /// As for [`send`](UnconnectedUdp::send).
    pub fn try_send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<Option<()>, Error> {
        check_peer(remote)?;
        self.socket
            .attempt(|engine, key| engine.poll_send(key, data, Some(remote)))
    }
}

/// Implements what sockets of both kinds receive with.
macro_rules! implement_datagram_receive {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Receives a datagram without waiting: its full length, of which as much as fits is in `buffer`, and its sender. `None` if
            /// there is none, and while the stack is [in use](crate::Stack#calls-that-return-at-once).
            ///
            /// # Errors
            ///
            /// The reason of the socket's failure.
            pub fn try_receive_into(
                &mut self,
                buffer: &mut [u8],
            ) -> Result<Option<(usize, SocketAddr)>, Error> {
                self.socket.attempt(|engine, key| Socket::<'_, M>::poll_receive(engine, key, buffer))
            }

            /// Waits for a datagram, and calls `read` with it where it lies in the receive ring: without a copy. The arguments are the
            /// bytes up to the end of the ring, those at its beginning, which mostly are none, and the sender.
            ///
            /// The stack is [in use](crate::Stack#calls-that-return-at-once) meanwhile: `read` must not wait for it.
            ///
            /// # Errors
            ///
            /// The reason of the socket's failure.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no datagram. `read` is called in the poll in which the future is ready, or not at all.
            pub fn receive_with<R>(
                &mut self,
                read: impl FnOnce(&[u8], &[u8], SocketAddr) -> R,
            ) -> impl Future<Output = Result<R, Error>> {
                self.socket.receive_with(read)
            }

            /// As [`receive_with`](Self::receive_with) without waiting. `None` if it would wait, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once): `read` is not called then.
            ///
            /// # Errors
            ///
            /// The reason of the socket's failure.
            pub fn recv<R>(
                &mut self,
                read: impl FnOnce(&[u8], &[u8], SocketAddr) -> R,
            ) -> Result<Option<R>, Error> {
                let mut read = Some(read);
                self.socket.attempt(|engine, key| engine.poll_receive_with(key, &mut read))
            }
        }
    )+};
}

implement_datagram_receive!(UdpSocket<'_, M>, UdpService<'_, M>);
implement_socket!(UdpSocket<'_, M>, UdpService<'_, M>);
implement_receive!(UdpSocket<'_, M>, UdpService<'_, M>);
implement_send!(UdpSocket<'_, M>, UdpService<'_, M>);
implement_flush!(UdpSocket<'_, M>, UdpService<'_, M>);
