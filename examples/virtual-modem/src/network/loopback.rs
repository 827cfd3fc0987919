//! Real sockets, on the loopback interface only.

use super::{Datagrams, Listener, Network, Opening, Stream};
use crate::code;
use async_io::Async;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_lite::{AsyncRead, AsyncWrite};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};

/// Opens sockets on 127.0.0.1 and ::1, and nowhere else.
///
/// Other addresses are reached through routes. A routed name gets an address of its own from 198.18.0.0/15,
/// so that it can be looked up first and connected to by address later.
#[derive(Clone, Debug, Default)]
pub struct Loopback {
    names: BTreeMap<String, IpAddr>,
    routes: BTreeMap<SocketAddr, SocketAddr>,
}

impl Loopback {
    /// A network without routes: only loopback addresses answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leads a name or address and a port to a loopback address.
    ///
    /// # Panics
    ///
    /// When `to` is not a loopback address.
    pub fn route(mut self, host: &str, port: u16, to: SocketAddr) -> Self {
        assert!(
            to.ip().is_loopback(),
            "a route must lead to the loopback interface, not to {to}"
        );
        let address = host.parse().unwrap_or_else(|_| self.address_of(host));
        self.routes.insert(SocketAddr::new(address, port), to);
        self
    }

    fn address_of(&mut self, name: &str) -> IpAddr {
        let next = self.names.len() as u16 + 1;
        let [high, low] = next.to_be_bytes();
        *self
            .names
            .entry(name.to_ascii_lowercase())
            .or_insert(Ipv4Addr::new(198, 18, high, low).into())
    }

    fn real(&self, address: SocketAddr) -> Option<SocketAddr> {
        let routed = self.routes.get(&address).copied();
        routed.or_else(|| address.ip().is_loopback().then_some(address))
    }
}

impl Network for Loopback {
    fn resolve(&mut self, name: &str) -> Option<Vec<IpAddr>> {
        let name = name.to_ascii_lowercase();
        if name == "localhost" {
            return Some(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        self.names.get(&name).map(|address| vec![*address])
    }

    fn connect(&mut self, remote: SocketAddr, _local_port: u16) -> Opening<Box<dyn Stream>> {
        let real = self.real(remote);
        Box::pin(async move {
            let real = real.ok_or(code::CONNECT_FAILED)?;
            let socket = Async::<TcpStream>::connect(real)
                .await
                .map_err(|_| code::CONNECT_FAILED)?;
            let _ = socket.get_ref().set_nodelay(true);
            Ok(Box::new(LoopbackStream {
                socket,
                closed: false,
            }) as Box<dyn Stream>)
        })
    }

    fn datagrams(&mut self, local_port: u16) -> Opening<Box<dyn Datagrams>> {
        let network = self.clone();
        Box::pin(async move {
            let bind = |port| Async::<UdpSocket>::bind((Ipv4Addr::LOCALHOST, port));
            let socket = bind(local_port).map_err(|_| code::BIND_FAILED)?;
            Ok(Box::new(LoopbackDatagrams { socket, network }) as Box<dyn Datagrams>)
        })
    }

    fn listen(&mut self, local_port: u16) -> Opening<Box<dyn Listener>> {
        Box::pin(async move {
            let bind = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, local_port));
            let socket = bind.map_err(|_| code::BIND_FAILED)?;
            Ok(Box::new(LoopbackListener { socket }) as Box<dyn Listener>)
        })
    }

    fn ping(&mut self, address: IpAddr) -> Option<Duration> {
        let known = address.is_loopback() || self.routes.keys().any(|from| from.ip() == address);
        known.then_some(Duration::from_millis(1))
    }
}

struct LoopbackStream {
    socket: Async<TcpStream>,
    closed: bool,
}

impl Stream for LoopbackStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn close(&mut self) {
        self.closed = true;
        let _ = self.socket.get_ref().shutdown(Shutdown::Write);
    }

    fn local_port(&self) -> u16 {
        self.socket
            .get_ref()
            .local_addr()
            .map_or(0, |address| address.port())
    }
}

impl Drop for LoopbackStream {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.socket.get_ref().shutdown(Shutdown::Both);
        }
    }
}

struct LoopbackDatagrams {
    socket: Async<UdpSocket>,
    network: Loopback,
}

impl Datagrams for LoopbackDatagrams {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Vec<u8>, SocketAddr)>> {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.get_ref().recv_from(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An answer comes from the address that the host sent to.
                outcome => {
                    return Poll::Ready(outcome.map(|(count, from)| {
                        let mut routes = self.network.routes.iter();
                        let shown = routes
                            .find(|(_, real)| **real == from)
                            .map_or(from, |(shown, _)| *shown);
                        (buffer[..count].to_vec(), shown)
                    }));
                }
            }
            ready!(self.socket.poll_readable(cx))?;
        }
    }

    fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        let Some(real) = self.network.real(to) else {
            return Ok(());
        };
        self.socket.get_ref().send_to(datagram, real).map(|_| ())
    }

    fn local_port(&self) -> u16 {
        self.socket
            .get_ref()
            .local_addr()
            .map_or(0, |address| address.port())
    }
}

struct LoopbackListener {
    socket: Async<TcpListener>,
}

impl Listener for LoopbackListener {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>> {
        loop {
            match self.socket.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => {
                    let (socket, from) = outcome?;
                    let socket = Async::new(socket)?;
                    return Poll::Ready(Ok((
                        Box::new(LoopbackStream {
                            socket,
                            closed: false,
                        }),
                        from,
                    )));
                }
            }
            ready!(self.socket.poll_readable(cx))?;
        }
    }
}
