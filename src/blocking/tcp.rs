//! TCP sockets.

use core::fmt;
use core::net::SocketAddr;
use core::task::{Poll, Waker};

use embedded_nal::{TcpClientStack, TcpFullStack, nb};

use super::socket::Socket;
use super::{Engine, Stack};
use crate::at::ServiceType;
use crate::engine::Request;
use crate::error::Error;
use crate::runner::RunError;

/// The TCP sockets of a [`blocking::Stack`](Stack), and name lookup.
///
/// It implements [`TcpClientStack`], [`TcpFullStack`] and [`Dns`](embedded_nal::Dns). No method of these ever waits.
#[derive(Clone, Copy)]
pub struct Tcp<'a, 'd> {
    pub(super) engine: &'a Engine<'a, 'd>,
}

impl fmt::Debug for Tcp<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tcp").finish_non_exhaustive()
    }
}

/// A TCP socket: new, on its way to a peer, connected, bound, or listening.
///
/// It takes one slot of the [`Resources`](crate::Resources) from the first `connect` or `listen` on. Dropping it does the
/// same as [`TcpClientStack::close`].
pub struct TcpSocket<'d> {
    state: State<'d>,
}

enum State<'d> {
    New,
    Bound(u16),
    Connection(Socket<'d>),
    Listener(u16, Socket<'d>),
}

impl fmt::Debug for TcpSocket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::New => "new",
            State::Bound(_) => "bound",
            State::Connection(_) => "connection",
            State::Listener(..) => "listener",
        };
        f.debug_tuple("TcpSocket").field(&state).finish()
    }
}

impl<'d> TcpSocket<'d> {
    fn connection(&mut self) -> Result<&mut Socket<'d>, Error> {
        match &mut self.state {
            State::Connection(socket) => Ok(socket),
            State::New | State::Bound(_) | State::Listener(..) => Err(Error::InvalidState),
        }
    }
}

impl<'a, 'd> Tcp<'a, 'd> {
    pub(super) const fn new<R: Future<Output = RunError> + Unpin>(stack: &'a Stack<'d, R>) -> Self {
        Self { engine: stack }
    }

    /// Whether the module has accepted everything that was written (`SEND OK`), which does not mean that the peer has it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while it has not. [`Error::InvalidState`] for a socket that was never
    /// connected; otherwise why the connection failed meanwhile.
    pub fn flush(&mut self, socket: &mut TcpSocket<'d>) -> nb::Result<(), Error> {
        let connection = socket.connection()?;
        let shared = self.engine.shared();
        self.engine.operate(|| {
            connection.poll(shared, |engine, key| engine.poll_flush(key, Waker::noop()))
        })
    }

    /// Receives, with `Ok(0)` at the end of the stream.
    pub(super) fn read(
        &mut self,
        socket: &mut TcpSocket<'d>,
        into: &mut [u8],
    ) -> nb::Result<usize, Error> {
        let connection = socket.connection()?;
        let shared = self.engine.shared();
        self.engine.operate(|| {
            connection.poll(shared, |engine, key| {
                engine.poll_read(key, into, Waker::noop())
            })
        })
    }
}

impl<'d> TcpClientStack for Tcp<'_, 'd> {
    type TcpSocket = TcpSocket<'d>;
    type Error = Error;

    /// A new socket. It takes no slot before it is used.
    ///
    /// # Errors
    ///
    /// None.
    fn socket(&mut self) -> Result<TcpSocket<'d>, Error> {
        Ok(TcpSocket { state: State::New })
    }

    /// Connects to a TCP server (AT+QIOPEN, section 2.1.4). Is to be called with the same address until the result is
    /// something else than [`WouldBlock`](nb::Error::WouldBlock).
    ///
    /// A socket that is connected to this address already stays so; one that is, or was, connected otherwise gives that
    /// connection up.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] before anything is sent, [`Error::NoFreeSocket`],
    /// [`Error::ConnectionRefused`], [`Error::TimedOut`] after the configured time (150 s), [`Error::Link`],
    /// [`Error::Module`] with any other code; [`Error::InvalidState`] for a socket that is bound or listens.
    /// The socket can be connected again after any of them.
    fn connect(&mut self, socket: &mut TcpSocket<'d>, remote: SocketAddr) -> nb::Result<(), Error> {
        let request = Request::connect(remote)?;
        let shared = self.engine.shared();
        if let State::Bound(_) | State::Listener(..) = socket.state {
            return Err(nb::Error::Other(Error::InvalidState));
        }
        let result = self.engine.operate(|| {
            if let State::Connection(connection) = &mut socket.state {
                if connection.request().peer() == Some(remote) {
                    let progress = connection.poll(shared, |engine, key| {
                        // Whether it can still be written to.
                        engine.poll_write(key, &[], Waker::noop()).map_ok(|_| ())
                    });
                    if !(connection.was_open() && matches!(progress, Poll::Ready(Err(_)))) {
                        return progress;
                    }
                }
            }
            // The old connection first: its slot may be the one that is needed.
            drop(core::mem::replace(&mut socket.state, State::New));
            let mut connection = Socket::new(request, self.engine.mode());
            let progress = connection.poll_open(shared);
            socket.state = State::Connection(connection);
            progress
        });
        if let Err(nb::Error::Other(_)) = result {
            socket.state = State::New;
        }
        result
    }

    /// Puts bytes into the transmit ring and says how many. Many small pieces become one AT+QISEND.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the ring is full. [`Error::Closed`] and [`Error::ConnectionReset`],
    /// which are [`PipeClosed`](embedded_nal::TcpErrorKind::PipeClosed), when the connection is closed;
    /// [`Error::InvalidState`] for a socket that was never connected; otherwise why the connection failed.
    fn send(&mut self, socket: &mut TcpSocket<'d>, buffer: &[u8]) -> nb::Result<usize, Error> {
        let connection = socket.connection()?;
        let shared = self.engine.shared();
        self.engine.operate(|| {
            connection.poll(shared, |engine, key| {
                engine.poll_write(key, buffer, Waker::noop())
            })
        })
    }

    /// Takes what was received, as far as it fits.
    ///
    /// Everything that the peer sent before it closed comes first. `Ok(0)` is the answer to an empty buffer only.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while there is nothing. [`Error::Closed`], which is
    /// [`PipeClosed`](embedded_nal::TcpErrorKind::PipeClosed), at the end of the stream; otherwise as for
    /// [`send`](TcpClientStack::send).
    fn receive(
        &mut self,
        socket: &mut TcpSocket<'d>,
        buffer: &mut [u8],
    ) -> nb::Result<usize, Error> {
        match self.read(socket, buffer) {
            Ok(0) if !buffer.is_empty() => Err(nb::Error::Other(Error::Closed)),
            result => result,
        }
    }

    /// Closes a socket in any state. What was written is still sent, for at most ten seconds, as long as the stack is
    /// polled; then the runner sends AT+QICLOSE.
    ///
    /// # Errors
    ///
    /// None. [`Tcp::flush`] before the close tells whether everything was sent.
    fn close(&mut self, socket: TcpSocket<'d>) -> Result<(), Error> {
        drop(socket);
        let _ = self.engine.poll();
        Ok(())
    }
}

impl<'d> TcpFullStack for Tcp<'_, 'd> {
    /// Sets the port to listen on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] for port 0, [`Error::InvalidState`] for a socket that is connected or listens.
    fn bind(&mut self, socket: &mut TcpSocket<'d>, local_port: u16) -> Result<(), Error> {
        Request::listen(ServiceType::TcpListener, local_port)?;
        match socket.state {
            State::New | State::Bound(_) => {
                socket.state = State::Bound(local_port);
                Ok(())
            }
            State::Connection(_) | State::Listener(..) => Err(Error::InvalidState),
        }
    }

    /// Begins to listen ("TCP LISTENER", section 2.1.4).
    ///
    /// Returns before the module does listen. Each connection takes a slot from the moment the module has accepted it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] for a socket that is not bound, [`Error::NoFreeSocket`], [`Error::Link`]. Why the module
    /// refused to listen is told by [`accept`](TcpFullStack::accept).
    fn listen(&mut self, socket: &mut TcpSocket<'d>) -> Result<(), Error> {
        let State::Bound(port) = socket.state else {
            return Err(Error::InvalidState);
        };
        let shared = self.engine.shared();
        let request = Request::listen(ServiceType::TcpListener, port)?;
        shared.with(|engine| engine.enable_listeners());
        let mut listener = Socket::new(request, self.engine.mode());
        match self.engine.operate(|| listener.poll_open(shared)) {
            Err(nb::Error::Other(error)) => Err(error),
            Ok(()) | Err(nb::Error::WouldBlock) => {
                socket.state = State::Listener(port, listener);
                Ok(())
            }
        }
    }

    /// The next connection, and its peer: 0.0.0.0:0 in case the module gave an address that cannot be read.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while there is none. [`Error::InvalidState`] for a socket that does not
    /// listen; otherwise why the listener failed: it is bound but does not listen any more.
    fn accept(
        &mut self,
        socket: &mut TcpSocket<'d>,
    ) -> nb::Result<(TcpSocket<'d>, SocketAddr), Error> {
        let State::Listener(port, listener) = &mut socket.state else {
            return Err(nb::Error::Other(Error::InvalidState));
        };
        let port = *port;
        let shared = self.engine.shared();
        let result = self.engine.operate(|| listener.poll_accept(shared));
        if let Err(nb::Error::Other(_)) = result {
            socket.state = State::Bound(port);
        }
        result.map(|(connection, peer)| {
            let state = State::Connection(connection);
            (TcpSocket { state }, peer)
        })
    }
}
