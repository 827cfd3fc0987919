//! UDP sockets.

use core::fmt;
use core::net::SocketAddr;
use core::task::{Poll, Waker, ready};

use embedded_nal::{UdpClientStack, UdpFullStack, nb};

use super::socket::Socket;
use super::{Engine, Stack};
use crate::engine::shared::Shared;
use crate::engine::{PORT_TRIES, Request, check_peer};
use crate::error::Error;
use crate::runner::RunError;

/// The UDP sockets of a [`blocking::Stack`](Stack), and name lookup.
///
/// It implements [`UdpClientStack`], [`UdpFullStack`] and [`Dns`](embedded_nal::Dns). No method of these ever waits.
#[derive(Clone, Copy)]
pub struct Udp<'a, 'd> {
    pub(super) engine: &'a Engine<'a, 'd>,
}

impl fmt::Debug for Udp<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udp").finish_non_exhaustive()
    }
}

/// A UDP socket: new, connected to one peer, or bound to a local port for any peer.
///
/// One receive is one datagram. What a datagram may be, and when one is dropped, is said at the socket of the other face:
/// [`UdpSocket`](crate::UdpSocket).
///
/// It takes one slot of the [`Resources`](crate::Resources) from `connect` or `bind` on. Dropping it does the same as
/// [`UdpClientStack::close`].
pub struct UdpSocket<'d> {
    socket: Option<Socket<'d>>,
    /// Local ports that may still be tried, when any will do.
    tries: u8,
    /// Where the last datagram of a bound socket went.
    last: Option<SocketAddr>,
}

impl fmt::Debug for UdpSocket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.socket.as_ref().map(Socket::request);
        f.debug_tuple("UdpSocket").field(&request).finish()
    }
}

impl<'d> UdpSocket<'d> {
    /// Begins to open the socket. The trait knows no `WouldBlock` here: the operations that follow wait.
    fn open(&mut self, engine: &Engine<'_, 'd>, request: Request<'static>) -> Result<(), Error> {
        // The old one first: its slot may be the one that is needed.
        self.socket = None;
        self.last = None;
        engine.shared().with(|engine| engine.enable_datagrams());
        let (request, tries) = match request.local_port {
            0 => {
                let port = engine.shared().with(|engine| engine.ephemeral_port());
                (request.at_port(port), PORT_TRIES - 1)
            }
            _ => (request, 0),
        };
        self.tries = tries;
        self.socket = Some(Socket::new(request, engine.mode()));
        let result = engine.operate(|| self.poll_open(engine.shared()));
        match result {
            Ok(()) | Err(nb::Error::WouldBlock) => Ok(()),
            Err(nb::Error::Other(error)) => Err(error),
        }
    }

    fn poll_open(&mut self, shared: &'d Shared<'d>) -> Poll<Result<(), Error>> {
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(Err(Error::InvalidState));
        };
        if socket.was_open() {
            return Poll::Ready(Ok(()));
        }
        match ready!(socket.poll_open(shared)) {
            Err(error) if error.is_port_taken() && self.tries > 0 => {
                self.tries -= 1;
                let port = shared.with(|engine| engine.ephemeral_port());
                *socket = Socket::new(socket.request().at_port(port), socket.mode());
                Poll::Pending
            }
            Err(error) => {
                self.socket = None;
                Poll::Ready(Err(error))
            }
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    fn opened(&mut self, shared: &'d Shared<'d>) -> Poll<Result<&mut Socket<'d>, Error>> {
        ready!(self.poll_open(shared))?;
        Poll::Ready(self.socket.as_mut().ok_or(Error::InvalidState))
    }

    fn poll_send(
        &mut self,
        shared: &'d Shared<'d>,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<Result<(), Error>> {
        let socket = ready!(self.opened(shared))?;
        socket.poll(shared, |engine, key| {
            engine.poll_send(key, bytes, to, Waker::noop())
        })
    }

    fn poll_receive(
        &mut self,
        shared: &'d Shared<'d>,
        into: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        let socket = ready!(self.opened(shared))?;
        let connected = socket.request().peer();
        loop {
            let (length, from) = ready!(socket.poll(shared, |engine, key| {
                engine.poll_receive(key, into, Waker::noop())
            }))?;
            // Without its sender a datagram is of no use to anyone.
            if let Some(peer) = connected.or(from) {
                return Poll::Ready(Ok((length.min(into.len()), peer)));
            }
        }
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.socket.as_ref()?.request().peer()
    }
}

impl<'a, 'd> Udp<'a, 'd> {
    pub(super) const fn new<R: Future<Output = RunError> + Unpin>(stack: &'a Stack<'d, R>) -> Self {
        Self { engine: stack }
    }
}

impl<'d> UdpClientStack for Udp<'_, 'd> {
    type UdpSocket = UdpSocket<'d>;
    type Error = Error;

    /// A new socket. It takes no slot before it is used.
    ///
    /// # Errors
    ///
    /// None.
    fn socket(&mut self) -> Result<UdpSocket<'d>, Error> {
        Ok(UdpSocket {
            socket: None,
            tries: 0,
            last: None,
        })
    }

    /// Gives the socket one peer (service type "UDP", section 2.1.4), and a local port of the range 49152 to 65535.
    ///
    /// Returns before the module has opened it: the operations that follow wait for that. A socket that was connected or
    /// bound before is opened anew.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`], [`Error::InvalidAddress`], [`Error::NoFreeSocket`], [`Error::Link`]. Why the module refused
    /// is told by the first operation that follows.
    fn connect(&mut self, socket: &mut UdpSocket<'d>, remote: SocketAddr) -> Result<(), Error> {
        let request = Request::datagrams(remote, 0)?;
        socket.open(self.engine, request)
    }

    /// Puts a datagram on its way to the peer, or, from a bound socket, to the one that the last
    /// [`send_to`](UdpFullStack::send_to) went to.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the socket is not open yet, or the transmit ring has no room.
    /// [`Error::InvalidLength`] for a datagram that is empty or too long, [`Error::InvalidState`] without a peer; otherwise
    /// why the socket failed.
    fn send(&mut self, socket: &mut UdpSocket<'d>, buffer: &[u8]) -> nb::Result<(), Error> {
        if socket.peer().or(socket.last).is_none() {
            return Err(nb::Error::Other(Error::InvalidState));
        }
        let to = socket.last;
        let shared = self.engine.shared();
        self.engine.operate(|| socket.poll_send(shared, buffer, to))
    }

    /// Takes the oldest datagram: its length, and where it came from.
    ///
    /// Of a datagram that is longer than the buffer the rest is lost, and the length is that of the buffer, as the trait
    /// demands.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while there is none. [`Error::InvalidState`] for a socket that is neither
    /// connected nor bound; otherwise why the socket failed.
    fn receive(
        &mut self,
        socket: &mut UdpSocket<'d>,
        buffer: &mut [u8],
    ) -> nb::Result<(usize, SocketAddr), Error> {
        let shared = self.engine.shared();
        self.engine.operate(|| socket.poll_receive(shared, buffer))
    }

    /// Closes a socket in any state. What was sent before still goes out, as long as the stack is polled.
    ///
    /// # Errors
    ///
    /// None.
    fn close(&mut self, socket: UdpSocket<'d>) -> Result<(), Error> {
        drop(socket);
        let _ = self.engine.poll();
        Ok(())
    }
}

impl<'d> UdpFullStack for Udp<'_, 'd> {
    /// Opens the socket on a local port, for any peer ("UDP SERVICE", section 2.1.4). With port 0 a port of the range
    /// 49152 to 65535 is used.
    ///
    /// Returns before the module has opened it: the operations that follow wait for that.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] for a socket that is connected or bound already, [`Error::NoFreeSocket`], [`Error::Link`].
    /// Why the module refused is told by the first operation that follows.
    fn bind(&mut self, socket: &mut UdpSocket<'d>, local_port: u16) -> Result<(), Error> {
        if socket.socket.is_some() {
            return Err(Error::InvalidState);
        }
        socket.open(self.engine, Request::service(local_port))
    }

    /// Puts a datagram on its way to any peer. A new socket is bound to some port first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] for a peer that cannot be sent to, or that is not the one the
    /// socket is connected to; otherwise as for [`send`](UdpClientStack::send).
    fn send_to(
        &mut self,
        socket: &mut UdpSocket<'d>,
        remote: SocketAddr,
        buffer: &[u8],
    ) -> nb::Result<(), Error> {
        check_peer(remote)?;
        if socket.socket.is_none() {
            socket.open(self.engine, Request::service(0))?;
            return Err(nb::Error::WouldBlock);
        }
        let to = match socket.peer() {
            None => Some(remote),
            Some(peer) if peer == remote => None,
            Some(_) => return Err(nb::Error::Other(Error::InvalidAddress)),
        };
        let shared = self.engine.shared();
        let result = self.engine.operate(|| socket.poll_send(shared, buffer, to));
        if result.is_ok() {
            socket.last = to;
        }
        result
    }
}
