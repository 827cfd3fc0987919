//! UDP sockets.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use edge_nal::{
    MulticastV4, MulticastV6, UdpBind, UdpConnect, UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embedded_io_async::ErrorType;
use embedded_nal_async::UdpStack;

use super::implement_readable;
use crate::engine::check_peer;
use crate::error::Error;
use crate::net::{UdpService, UdpSocket};
use crate::stack::Stack;

impl<'d, M: RawMutex> UdpConnect for Stack<'d, M> {
    type Error = Error;
    type Socket<'a>
        = UdpSocket<'d, M>
    where
        Self: 'a;

    /// As [`UdpStack::connect_from`].
    async fn connect(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<UdpSocket<'d, M>, Error> {
        Ok(self.connect_from(local, remote).await?.1)
    }
}

impl<'d, M: RawMutex> UdpBind for Stack<'d, M> {
    type Error = Error;
    type Socket<'a>
        = UdpService<'d, M>
    where
        Self: 'a;

    /// As [`UdpStack::bind_multiple`].
    async fn bind(&self, local: SocketAddr) -> Result<UdpService<'d, M>, Error> {
        self.bind_udp(local).await
    }
}

impl<M: RawMutex> UdpSocket<'_, M> {
    /// The only peer is not given with each datagram.
    fn destination(&self, _: SocketAddr) -> Result<Option<SocketAddr>, Error> {
        Ok(None)
    }
}

impl<M: RawMutex> UdpService<'_, M> {
    fn destination(&self, remote: SocketAddr) -> Result<Option<SocketAddr>, Error> {
        check_peer(remote)?;
        Ok(Some(remote))
    }
}

/// The traits of a socket, and of the reference to it that is either of its halves.
macro_rules! implement_socket {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> ErrorType for $type {
            type Error = Error;
        }

        impl<M: RawMutex> UdpReceive for $type {
            /// Waits for a datagram, copies it into `buffer`, and returns its full length and its sender.
            async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
                self.socket.receive(buffer).await
            }
        }

        impl<M: RawMutex> UdpSend for $type {
            /// Puts a datagram into the transmit ring. A socket with one peer ignores `remote`.
            async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), Error> {
                let to = self.destination(remote)?;
                self.socket.send(data, to).await
            }
        }

        /// Always [`Error::Unsupported`]: the module has no multicast.
        impl<M: RawMutex> MulticastV4 for $type {
            async fn join_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), Error> {
                Err(Error::Unsupported)
            }

            async fn leave_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), Error> {
                Err(Error::Unsupported)
            }
        }

        /// Always [`Error::Unsupported`]: the module has no multicast.
        impl<M: RawMutex> MulticastV6 for $type {
            async fn join_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), Error> {
                Err(Error::Unsupported)
            }

            async fn leave_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), Error> {
                Err(Error::Unsupported)
            }
        }

        implement_readable!($type);
    )+};
}

implement_socket!(
    UdpSocket<'_, M>,
    &UdpSocket<'_, M>,
    UdpService<'_, M>,
    &UdpService<'_, M>
);

macro_rules! implement_split {
    ($($socket:ident),+) => {$(
        impl<M: RawMutex> UdpSplit for $socket<'_, M> {
            type Receive<'a>
                = &'a Self
            where
                Self: 'a;
            type Send<'a>
                = &'a Self
            where
                Self: 'a;

            fn split(&mut self) -> (&Self, &Self) {
                (self, self)
            }
        }

        impl<M: RawMutex> UdpSplitMulticast for $socket<'_, M> {
            type MulticastV4<'a>
                = &'a Self
            where
                Self: 'a;
            type MulticastV6<'a>
                = &'a Self
            where
                Self: 'a;

            fn split_multicast(&mut self) -> (&Self, &Self, &Self, &Self) {
                (self, self, self, self)
            }
        }
    )+};
}

implement_split!(UdpSocket, UdpService);
