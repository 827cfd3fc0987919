//! The same scenarios through the async and the blocking API: one body each, written against what the two have in common.

mod scenarios;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use embedded_io_async::{Read, Write};
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpFullStack, UdpClientStack, UdpFullStack};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{
    Error, LinkError, LinkState, Stack, Statistics, TcpConnection, TcpListener, UdpService,
    UdpSocket, blocking,
};
use testbench::polled::{linger, patiently};
use testbench::{Bench, PEER, echo_network, noise, serve, sleep};
use virtual_modem::{Chop, InProcess};

/// What a scenario needs of a face.
trait Face {
    type Tcp;
    type Listener;
    type Udp;
    type Service;

    fn state(&self) -> (LinkState, Statistics);
    /// Lets time pass, and the stack work.
    async fn pass(&self, time: Duration);
    async fn link_up(&self) -> Result<(), LinkError>;
    async fn resolve(&self, name: &str) -> Result<IpAddr, Error>;

    async fn connect(&self, to: SocketAddr) -> Result<Self::Tcp, Error>;
    async fn send(&self, socket: &mut Self::Tcp, bytes: &[u8]) -> Result<usize, Error>;
    /// `None` at the end of the stream, however the face says it.
    async fn receive(
        &self,
        socket: &mut Self::Tcp,
        into: &mut [u8],
    ) -> Result<Option<usize>, Error>;
    async fn flush(&self, socket: &mut Self::Tcp) -> Result<(), Error>;
    async fn set_mode(&self, socket: &mut Self::Tcp, mode: AccessMode) -> Result<(), Error>;
    async fn listen(&self, port: u16) -> Result<Self::Listener, Error>;
    async fn accept(&self, listener: &mut Self::Listener)
    -> Result<(Self::Tcp, SocketAddr), Error>;

    async fn datagrams(&self, to: SocketAddr) -> Result<Self::Udp, Error>;
    async fn send_datagram(&self, socket: &mut Self::Udp, bytes: &[u8]) -> Result<(), Error>;
    async fn receive_datagram(
        &self,
        socket: &mut Self::Udp,
        into: &mut [u8],
    ) -> Result<usize, Error>;
    async fn set_datagram_mode(
        &self,
        socket: &mut Self::Udp,
        mode: AccessMode,
    ) -> Result<(), Error>;
    async fn service(&self, port: u16) -> Result<Self::Service, Error>;
    async fn send_to(
        &self,
        socket: &mut Self::Service,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Error>;
    async fn receive_from(
        &self,
        socket: &mut Self::Service,
        into: &mut [u8],
    ) -> Result<(usize, SocketAddr), Error>;
}

struct Async<'d>(Stack<'d>);

impl<'d> Face for Async<'d> {
    type Tcp = TcpConnection<'d>;
    type Listener = TcpListener<'d>;
    type Udp = UdpSocket<'d>;
    type Service = UdpService<'d>;

    fn state(&self) -> (LinkState, Statistics) {
        (self.0.link_state(), self.0.statistics())
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    async fn link_up(&self) -> Result<(), LinkError> {
        self.0.wait_link_up().await
    }

    async fn resolve(&self, name: &str) -> Result<IpAddr, Error> {
        embedded_nal_async::Dns::get_host_by_name(&self.0, name, AddrType::Either).await
    }

    async fn connect(&self, to: SocketAddr) -> Result<Self::Tcp, Error> {
        TcpConnect::connect(&self.0, to).await
    }

    async fn send(&self, socket: &mut Self::Tcp, bytes: &[u8]) -> Result<usize, Error> {
        socket.write(bytes).await
    }

    async fn receive(
        &self,
        socket: &mut Self::Tcp,
        into: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        Ok(Some(socket.read(into).await?).filter(|count| *count > 0))
    }

    async fn flush(&self, socket: &mut Self::Tcp) -> Result<(), Error> {
        socket.flush().await
    }

    async fn set_mode(&self, socket: &mut Self::Tcp, mode: AccessMode) -> Result<(), Error> {
        socket.set_access_mode(mode).await
    }

    async fn listen(&self, port: u16) -> Result<Self::Listener, Error> {
        self.0.listen(port).await
    }

    async fn accept(
        &self,
        listener: &mut Self::Listener,
    ) -> Result<(Self::Tcp, SocketAddr), Error> {
        listener.accept().await
    }

    async fn datagrams(&self, to: SocketAddr) -> Result<Self::Udp, Error> {
        Ok(UdpStack::connect(&self.0, to).await?.1)
    }

    async fn send_datagram(&self, socket: &mut Self::Udp, bytes: &[u8]) -> Result<(), Error> {
        socket.send(bytes).await
    }

    async fn receive_datagram(
        &self,
        socket: &mut Self::Udp,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        socket.receive_into(into).await
    }

    async fn set_datagram_mode(
        &self,
        socket: &mut Self::Udp,
        mode: AccessMode,
    ) -> Result<(), Error> {
        socket.set_access_mode(mode).await
    }

    async fn service(&self, port: u16) -> Result<Self::Service, Error> {
        let local = SocketAddr::new("0.0.0.0".parse().unwrap(), port);
        self.0.bind_multiple(local).await
    }

    async fn send_to(
        &self,
        socket: &mut Self::Service,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let local = "0.0.0.0:0".parse().unwrap();
        socket.send(local, to, bytes).await
    }

    async fn receive_from(
        &self,
        socket: &mut Self::Service,
        into: &mut [u8],
    ) -> Result<(usize, SocketAddr), Error> {
        let (length, _, from) = socket.receive_into(into).await?;
        Ok((length, from))
    }
}

struct Blocking<'a, 'd, 'r>(&'a testbench::polled::Stack<'d, 'r>);

impl<'d> Face for Blocking<'_, 'd, '_> {
    type Tcp = blocking::TcpSocket<'d>;
    type Listener = blocking::TcpSocket<'d>;
    type Udp = blocking::UdpSocket<'d>;
    type Service = blocking::UdpSocket<'d>;

    fn state(&self) -> (LinkState, Statistics) {
        (self.0.link_state(), self.0.handle().statistics())
    }

    async fn pass(&self, time: Duration) {
        linger(self.0, time).await;
    }

    async fn link_up(&self) -> Result<(), LinkError> {
        patiently(|| self.0.link_up()).await
    }

    async fn resolve(&self, name: &str) -> Result<IpAddr, Error> {
        patiently(|| self.0.tcp().get_host_by_name(name, AddrType::Either)).await
    }

    async fn connect(&self, to: SocketAddr) -> Result<Self::Tcp, Error> {
        let mut tcp = self.0.tcp();
        let mut socket = tcp.socket()?;
        patiently(|| tcp.connect(&mut socket, to)).await?;
        Ok(socket)
    }

    async fn send(&self, socket: &mut Self::Tcp, bytes: &[u8]) -> Result<usize, Error> {
        patiently(|| self.0.tcp().send(socket, bytes)).await
    }

    async fn receive(
        &self,
        socket: &mut Self::Tcp,
        into: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        match patiently(|| self.0.tcp().receive(socket, into)).await {
            Ok(count) => Ok(Some(count)),
            Err(Error::Closed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn flush(&self, socket: &mut Self::Tcp) -> Result<(), Error> {
        patiently(|| self.0.tcp().flush(socket)).await
    }

    async fn set_mode(&self, socket: &mut Self::Tcp, mode: AccessMode) -> Result<(), Error> {
        patiently(|| self.0.tcp().set_access_mode(socket, mode)).await
    }

    async fn listen(&self, port: u16) -> Result<Self::Listener, Error> {
        let mut tcp = self.0.tcp();
        let mut socket = tcp.socket()?;
        tcp.bind(&mut socket, port)?;
        tcp.listen(&mut socket)?;
        // The other face comes back when the module listens.
        linger(self.0, Duration::from_secs(1)).await;
        Ok(socket)
    }

    async fn accept(
        &self,
        listener: &mut Self::Listener,
    ) -> Result<(Self::Tcp, SocketAddr), Error> {
        patiently(|| self.0.tcp().accept(listener)).await
    }

    async fn datagrams(&self, to: SocketAddr) -> Result<Self::Udp, Error> {
        let mut socket = self.0.udp().socket()?;
        UdpClientStack::connect(&mut self.0.udp(), &mut socket, to)?;
        Ok(socket)
    }

    async fn send_datagram(&self, socket: &mut Self::Udp, bytes: &[u8]) -> Result<(), Error> {
        patiently(|| self.0.udp().send(socket, bytes)).await
    }

    async fn receive_datagram(
        &self,
        socket: &mut Self::Udp,
        into: &mut [u8],
    ) -> Result<usize, Error> {
        let (length, _) = patiently(|| self.0.udp().receive(socket, into)).await?;
        Ok(length)
    }

    async fn set_datagram_mode(
        &self,
        socket: &mut Self::Udp,
        mode: AccessMode,
    ) -> Result<(), Error> {
        patiently(|| self.0.udp().set_access_mode(socket, mode)).await
    }

    async fn service(&self, port: u16) -> Result<Self::Service, Error> {
        let mut socket = self.0.udp().socket()?;
        self.0.udp().bind(&mut socket, port)?;
        Ok(socket)
    }

    async fn send_to(
        &self,
        socket: &mut Self::Service,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Error> {
        patiently(|| self.0.udp().send_to(socket, to, bytes)).await
    }

    async fn receive_from(
        &self,
        socket: &mut Self::Service,
        into: &mut [u8],
    ) -> Result<(usize, SocketAddr), Error> {
        patiently(|| self.0.udp().receive(socket, into)).await
    }
}

fn network() -> InProcess {
    let network = echo_network();
    network.udp_echo(PEER, 7);
    network.refuse(PEER, 1, 566);
    serve(&network, 19, noise(1, 7000));
    network
}

fn bench() -> Bench {
    Bench::new()
        .chop(Chop::Random { seed: 3, max: 100 })
        .settings(|settings| settings.dns("echo.example", &[PEER]))
}
