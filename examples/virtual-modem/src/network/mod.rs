//! What is behind AT+QIOPEN: real sockets on the loopback interface, or peers inside the process.

mod in_process;
mod link;
mod loopback;

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr};

pub use in_process::{Address, InProcess, PeerDatagrams};
pub use link::{PeerError, PeerStream};
pub use loopback::Loopback;

/// Something that opens in time, or fails with one of the note's codes (chapter 4).
pub type Opening<T> = Pin<Box<dyn Future<Output = Result<T, u16>> + Send>>;

/// The Internet as a module sees it.
pub trait Network: Send {
    /// Addresses of names that are not in [`Settings::dns`](crate::Settings::dns).
    fn resolve(&mut self, name: &str) -> Option<Vec<IpAddr>> {
        let _ = name;
        None
    }

    /// Connects to a TCP server; local port 0 leaves the choice to the network.
    fn connect(&mut self, remote: SocketAddr, local_port: u16) -> Opening<Box<dyn Stream>>;

    /// Opens a UDP socket.
    fn datagrams(&mut self, local_port: u16) -> Opening<Box<dyn Datagrams>>;

    /// Listens for TCP connections.
    fn listen(&mut self, local_port: u16) -> Opening<Box<dyn Listener>>;

    /// Round trip time of an echo request, nothing if none comes back.
    fn ping(&mut self, address: IpAddr) -> Option<Duration> {
        let _ = address;
        None
    }

    /// Drives whatever lives behind the network; called whenever the module runs.
    fn poll(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }
}

/// A TCP connection. Dropping it resets the connection unless it was closed.
pub trait Stream: Send {
    /// Reads; 0 bytes are the peer's FIN.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of the bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Bytes written so far that the peer has not acknowledged.
    fn unacknowledged(&mut self) -> usize {
        0
    }

    /// Sends a FIN behind what was written.
    fn close(&mut self);

    /// The local port.
    fn local_port(&self) -> u16;
}

/// A UDP socket.
pub trait Datagrams: Send {
    /// Receives one datagram.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Vec<u8>, SocketAddr)>>;

    /// Sends one datagram, or loses it.
    fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()>;

    /// The local port.
    fn local_port(&self) -> u16;
}

/// A listening TCP socket.
pub trait Listener: Send {
    /// Takes the next connection.
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>>;
}
