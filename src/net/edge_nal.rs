//! The `edge-nal` face, which translates to the `embedded-nal-async` one.

use core::net::{IpAddr, SocketAddr};

use edge_nal::{
    AddrType, Close, Dns, MulticastV4, MulticastV6, Readable, TcpAccept, TcpBind, TcpConnect,
    TcpShutdown, TcpSplit, UdpBind, UdpConnect, UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use embedded_io_async::{ErrorType, Read};
use embedded_nal_async::UdpStack;

use crate::engine::{UNKNOWN_PEER, check_peer};
use crate::error::Error;
use crate::net::{
    TcpConnection, TcpListener, TcpReader, TcpWriter, UdpService, UdpSocket, first_of,
};
use crate::stack::Stack;

impl<'d> TcpConnect for Stack<'d> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d>
    where
        Self: 'a;

    /// As [`embedded_nal_async::TcpConnect::connect`].
    async fn connect(&self, remote: SocketAddr) -> Result<TcpConnection<'d>, Error> {
        embedded_nal_async::TcpConnect::connect(self, remote).await
    }
}

impl<'d> TcpBind for Stack<'d> {
    type Error = Error;
    type Accept<'a>
        = TcpListener<'d>
    where
        Self: 'a;

    /// As [`Stack::listen`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for a local address that is not the module's; otherwise as for [`Stack::listen`].
    async fn bind(&self, local: SocketAddr) -> Result<TcpListener<'d>, Error> {
        if !local.ip().is_unspecified() {
            self.shared.with(|engine| engine.check_local(local.ip()))?;
        }
        self.listen(local.port()).await
    }
}

impl<'d> TcpAccept for TcpListener<'d> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d>
    where
        Self: 'a;

    /// As [`TcpListener::accept`].
    async fn accept(&self) -> Result<(SocketAddr, TcpConnection<'d>), Error> {
        let (connection, peer) = TcpListener::accept(self).await?;
        Ok((peer, connection))
    }
}

impl<'d> TcpSplit for TcpConnection<'d> {
    type Read<'a>
        = TcpReader<'a, 'd>
    where
        Self: 'a;
    type Write<'a>
        = TcpWriter<'a, 'd>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        TcpConnection::split(self)
    }
}

impl TcpShutdown for TcpConnection<'_> {
    /// The module closes both directions of a connection, or none.
    ///
    /// * [`Close::Both`] sends what was written, closes the connection, and waits until the module has done so.
    /// * [`Close::Write`] waits until the peer has acknowledged what was written. The peer sees no end of the stream before
    ///   the connection as a whole is closed.
    /// * [`Close::Read`] reads until the peer has closed, and drops what it gets.
    ///
    /// # Errors
    ///
    /// Why not everything that was written could be handed over, or why the connection failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the closing to the runner.
    async fn close(&mut self, what: Close) -> Result<(), Error> {
        match what {
            Close::Both => self.socket.close().await,
            Close::Write => self.wait_acked().await,
            Close::Read => {
                let mut dropped = [0; 64];
                while self.read(&mut dropped).await? > 0 {}
                Ok(())
            }
        }
    }

    /// Closes the connection at once, without what was written and not yet taken by the module.
    async fn abort(&mut self) -> Result<(), Error> {
        self.socket.abort();
        Ok(())
    }
}

macro_rules! implement_readable {
    ($($type:ty),+) => {$(
        impl Readable for $type {
            /// Waits until a read would come back at once: with data, at the end of the stream, or with an error.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            async fn readable(&mut self) -> Result<(), Error> {
                self.socket.readable().await;
                Ok(())
            }
        }
    )+};
}

implement_readable!(
    TcpConnection<'_>,
    TcpReader<'_, '_>,
    UdpSocket<'_>,
    UdpService<'_>,
    &UdpSocket<'_>,
    &UdpService<'_>
);

impl<'d> UdpConnect for Stack<'d> {
    type Error = Error;
    type Socket<'a>
        = UdpSocket<'d>
    where
        Self: 'a;

    /// As [`UdpStack::connect_from`].
    async fn connect(&self, local: SocketAddr, remote: SocketAddr) -> Result<UdpSocket<'d>, Error> {
        let (_, socket) = self.connect_from(local, remote).await?;
        Ok(socket)
    }
}

impl<'d> UdpBind for Stack<'d> {
    type Error = Error;
    type Socket<'a>
        = UdpService<'d>
    where
        Self: 'a;

    /// As [`UdpStack::bind_multiple`].
    async fn bind(&self, local: SocketAddr) -> Result<UdpService<'d>, Error> {
        self.bind_multiple(local).await
    }
}

impl UdpReceive for &UdpSocket<'_> {
    /// The oldest datagram: its full length, and the peer.
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        let (length, _) = self.socket.receive(buffer).await?;
        Ok((length, self.socket.remote().unwrap_or(UNKNOWN_PEER)))
    }
}

impl UdpSend for &UdpSocket<'_> {
    /// As [`embedded_nal_async::ConnectedUdp::send`]. The address is not used.
    async fn send(&mut self, _: SocketAddr, data: &[u8]) -> Result<(), Error> {
        self.socket.send(data, None).await
    }
}

impl UdpReceive for &UdpService<'_> {
    /// The oldest datagram: its full length, and where it came from.
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        loop {
            // Without its sender a datagram is of no use to anyone.
            if let (length, Some(peer)) = self.socket.receive(buffer).await? {
                return Ok((length, peer));
            }
        }
    }
}

impl UdpSend for &UdpService<'_> {
    /// As [`embedded_nal_async::UnconnectedUdp::send`].
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), Error> {
        check_peer(remote)?;
        self.socket.send(data, Some(remote)).await
    }
}

/// What both kinds of UDP sockets have in common, and what neither can do.
macro_rules! implement_udp {
    ($($socket:ident),+) => {$(
        impl ErrorType for $socket<'_> {
            type Error = Error;
        }

        impl ErrorType for &$socket<'_> {
            type Error = Error;
        }

        impl UdpReceive for $socket<'_> {
            async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
                UdpReceive::receive(&mut &*self, buffer).await
            }
        }

        impl UdpSend for $socket<'_> {
            async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), Error> {
                UdpSend::send(&mut &*self, remote, data).await
            }
        }

        impl<'d> UdpSplit for $socket<'d> {
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

        impl<'d> UdpSplitMulticast for $socket<'d> {
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

        implement_multicast!($socket<'_>, &$socket<'_>);
    )+};
}

macro_rules! implement_multicast {
    ($($type:ty),+) => {$(
        /// The module knows no multicast: always [`Error::Unsupported`].
        impl MulticastV4 for $type {
            async fn join_v4(
                &mut self,
                _: core::net::Ipv4Addr,
                _: core::net::Ipv4Addr,
            ) -> Result<(), Error> {
                Err(Error::Unsupported)
            }

            async fn leave_v4(
                &mut self,
                _: core::net::Ipv4Addr,
                _: core::net::Ipv4Addr,
            ) -> Result<(), Error> {
                Err(Error::Unsupported)
            }
        }

        /// The module knows no multicast: always [`Error::Unsupported`].
        impl MulticastV6 for $type {
            async fn join_v6(&mut self, _: core::net::Ipv6Addr, _: u32) -> Result<(), Error> {
                Err(Error::Unsupported)
            }

            async fn leave_v6(&mut self, _: core::net::Ipv6Addr, _: u32) -> Result<(), Error> {
                Err(Error::Unsupported)
            }
        }
    )+};
}

implement_udp!(UdpSocket, UdpService);

impl Dns for Stack<'_> {
    type Error = Error;

    /// As [`embedded_nal_async::Dns::get_host_by_name`].
    async fn get_host_by_name(&self, host: &str, addr_type: AddrType) -> Result<IpAddr, Error> {
        let wanted = match addr_type {
            AddrType::IPv4 => embedded_nal_async::AddrType::IPv4,
            AddrType::IPv6 => embedded_nal_async::AddrType::IPv6,
            AddrType::Either => embedded_nal_async::AddrType::Either,
        };
        first_of(&self.resolve(host).await?, &wanted)
    }

    /// The module has no reverse lookup.
    ///
    /// # Errors
    ///
    /// Always [`Error::Unsupported`].
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unsupported)
    }
}
