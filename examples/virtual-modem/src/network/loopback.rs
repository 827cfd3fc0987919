//! Real sockets, on the loopback interface only.

use super::{Datagrams, Listener, Network, Opening, Stream};
use crate::{code, time};
use async_io::Async;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_lite::{AsyncRead, AsyncWrite};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket,
};

/// Opens sockets on 127.0.0.1 and ::1, and nowhere else.
///
/// Other addresses are reached through routes. A routed name gets an address of its own from 198.18.0.0/15,
/// so that it can be looked up first and connected to by address later.
#[derive(Clone, Debug, Default)]
pub struct Loopback {
    names: BTreeMap<String, IpAddr>,
    routes: BTreeMap<SocketAddr, SocketAddr>,
    holes: Vec<IpAddr>,
    port_offset: u16,
    round_trip: Duration,
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

    /// A name or address from which nothing ever comes back.
    pub fn black_hole(mut self, host: &str) -> Self {
        let address = host.parse().unwrap_or_else(|_| self.address_of(host));
        self.holes.push(address);
        self
    }

    /// A listener for port N of the module is at port N + `offset` of the loopback interface.
    pub fn port_offset(mut self, offset: u16) -> Self {
        self.port_offset = offset;
        self
    }

    /// How long a connect takes, and how late the data of peers is.
    pub fn round_trip(mut self, time: Duration) -> Self {
        self.round_trip = time;
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

    fn connect(&mut self, remote: SocketAddr, local_port: u16) -> Opening<Box<dyn Stream>> {
        let real = self.real(remote);
        let hole = self.holes.contains(&remote.ip());
        let round_trip = self.round_trip;
        Box::pin(async move {
            if hole {
                return core::future::pending().await;
            }
            time::sleep(round_trip).await;
            let real = real.ok_or(code::CONNECT_FAILED)?;
            let socket = connect_from(local_port, real).await?;
            let _ = socket.get_ref().set_nodelay(true);
            Ok(Box::new(LoopbackStream::new(socket, round_trip)) as Box<dyn Stream>)
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
        let (offset, round_trip) = (self.port_offset, self.round_trip);
        Box::pin(async move {
            let port = local_port.checked_add(offset).ok_or(code::BIND_FAILED)?;
            let bind = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, port));
            let socket = bind.map_err(|_| code::BIND_FAILED)?;
            Ok(Box::new(LoopbackListener { socket, round_trip }) as Box<dyn Listener>)
        })
    }

    fn ping(&mut self, address: IpAddr) -> Option<Duration> {
        let known = address.is_loopback() || self.routes.keys().any(|from| from.ip() == address);
        let answers = known && !self.holes.contains(&address);
        answers.then_some(self.round_trip.max(Duration::from_millis(1)))
    }
}

/// Connects from a port of the loopback interface; port 0 leaves the choice to the system.
async fn connect_from(local_port: u16, to: SocketAddr) -> Result<Async<TcpStream>, u16> {
    let failed = |_| code::CONNECT_FAILED;
    if local_port == 0 {
        return Async::<TcpStream>::connect(to).await.map_err(failed);
    }
    let from: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let family = rustix::net::AddressFamily::INET;
    let family = if to.is_ipv6() {
        rustix::net::AddressFamily::INET6
    } else {
        family
    };
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None)
        .map_err(|_| code::CREATE_FAILED)?;
    // A port may be used again right after the last connection on it.
    let _ = rustix::net::sockopt::set_socket_reuseaddr(&socket, true);
    rustix::net::bind(&socket, &SocketAddr::new(from, local_port))
        .map_err(|_| code::BIND_FAILED)?;
    let _ = rustix::io::ioctl_fionbio(&socket, true);
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(rustix::io::Errno::ADDRINUSE | rustix::io::Errno::ADDRNOTAVAIL) => {
            return Err(code::BIND_FAILED);
        }
        Err(_) => return Err(code::CONNECT_FAILED),
    }
    let socket = Async::new(TcpStream::from(socket)).map_err(failed)?;
    socket.writable().await.map_err(failed)?;
    match socket.get_ref().take_error() {
        Ok(None) => Ok(socket),
        _ => Err(code::CONNECT_FAILED),
    }
}

/// Bytes of a connection that the peer has not acknowledged, as the system tells them.
fn unacknowledged(socket: &TcpStream) -> Option<usize> {
    let (local, peer) = (socket.local_addr().ok()?, socket.peer_addr().ok()?);
    let port_pair = (local.port(), peer.port());
    let table = match local {
        SocketAddr::V4(_) => "/proc/net/tcp",
        SocketAddr::V6(_) => "/proc/net/tcp6",
    };
    let port = |end: &str| u16::from_str_radix(end.rsplit_once(':')?.1, 16).ok();
    std::fs::read_to_string(table)
        .ok()?
        .lines()
        .find_map(|row| {
            let columns: Vec<&str> = row.split_whitespace().collect();
            let ends = (port(columns.get(1)?)?, port(columns.get(2)?)?);
            let queue = columns.get(4)?.split(':').next()?;
            let queued = usize::from_str_radix(queue, 16).ok()?;
            (ends == port_pair).then_some(queued)
        })
}

struct LoopbackStream {
    socket: Async<TcpStream>,
    closed: bool,
    /// Data of the peer is so late.
    round_trip: Duration,
    /// On its way, each with the time at which it is here; without bytes it is the end.
    late: VecDeque<(u64, io::Result<Vec<u8>>)>,
}

impl LoopbackStream {
    fn new(socket: Async<TcpStream>, round_trip: Duration) -> Self {
        LoopbackStream {
            socket,
            closed: false,
            round_trip,
            late: VecDeque::new(),
        }
    }

    /// Reads ahead, and gives out what has been on its way for long enough.
    fn read_late(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let ended = |(_, piece): &(u64, io::Result<Vec<u8>>)| {
            piece.as_ref().map_or(true, |bytes| bytes.is_empty())
        };
        while self.late.len() < 64 && !self.late.back().is_some_and(ended) {
            let mut piece = vec![0; 2048];
            let outcome = match Pin::new(&mut self.socket).poll_read(cx, &mut piece) {
                Poll::Pending => break,
                Poll::Ready(outcome) => outcome,
            };
            let at = time::micros() + self.round_trip.as_micros() as u64;
            let piece = outcome.map(|count| {
                piece.truncate(count);
                piece
            });
            self.late.push_back((at, piece));
        }
        let Some((at, piece)) = self.late.front_mut() else {
            return Poll::Pending;
        };
        if *at > time::micros() {
            time::wake_at(*at, cx.waker());
            return Poll::Pending;
        }
        match piece {
            Ok(bytes) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                bytes.drain(..count);
                if count > 0 && bytes.is_empty() {
                    self.late.pop_front();
                }
                Poll::Ready(Ok(count))
            }
            Err(error) => Poll::Ready(Err(error.kind().into())),
        }
    }
}

impl Stream for LoopbackStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.round_trip.is_zero() {
            Pin::new(&mut self.socket).poll_read(cx, buffer)
        } else {
            self.read_late(cx, buffer)
        }
    }

    fn unacknowledged(&mut self) -> usize {
        unacknowledged(self.socket.get_ref()).unwrap_or(0)
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
        // The largest datagram that there is.
        let mut buffer = vec![0; 65_536];
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
        if self.network.holes.contains(&to.ip()) {
            return Ok(());
        }
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
    round_trip: Duration,
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
                        Box::new(LoopbackStream::new(socket, self.round_trip)),
                        from,
                    )));
                }
            }
            ready!(self.socket.poll_readable(cx))?;
        }
    }
}
