//! TCP sockets.

use core::net::SocketAddr;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
#[cfg(feature = "server")]
use embedded_nal::TcpFullStack;
use embedded_nal::{TcpClientStack, nb};

use super::inherent::{implement_handle, implement_state};
use super::socket::LazySocket;
use super::stack::{AnyStack, Stack};
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
#[cfg(feature = "server")]
use crate::at::ServiceType;
use crate::engine::{Engine, Key, Request, SlotSet};
use crate::error::Error;
use crate::net::{Socket, SocketPhase};
use crate::runner::RunError;

/// The TCP sockets of a [`blocking::Stack`](Stack), and name lookups.
///
/// It implements [`TcpClientStack`], [`TcpFullStack`](embedded_nal::TcpFullStack) (feature `server`) and
/// [`Dns`](embedded_nal::Dns) (feature `dns`). None of their methods waits.
#[derive(Debug)]
pub struct Tcp<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) stack: &'a AnyStack<'a, 'd, M>,
    /// The slots that the sockets may take.
    slots: SlotSet,
}

implement_handle!(Tcp);

/// A TCP socket: new, connecting, connected, bound, or listening.
///
/// It uses one slot of the [`Resources`](crate::Resources) from the first `connect` or `listen` on. Dropping it does the same
/// as [`TcpClientStack::close`].
#[derive(Debug)]
pub struct TcpSocket<'d, M: RawMutex = CriticalSectionRawMutex> {
    state: State<'d, M>,
}

#[derive(Debug)]
enum State<'d, M: RawMutex> {
    New,
    /// The port to listen on.
    #[cfg(feature = "server")]
    Bound(u16),
    Connection(LazySocket<'d, M>),
    #[cfg(feature = "server")]
    Listener(u16, LazySocket<'d, M>),
}

impl<'d, M: RawMutex> TcpSocket<'d, M> {
    fn connection(&mut self) -> Result<&mut LazySocket<'d, M>, Error> {
        match &mut self.state {
            State::Connection(socket) => Ok(socket),
            _ => Err(Error::InvalidState),
        }
    }

    fn socket(&self) -> Option<&Socket<'d, M>> {
        match &self.state {
            State::Connection(socket) => socket.socket(),
            #[cfg(feature = "server")]
            State::Listener(_, socket) => socket.socket(),
            _ => None,
        }
    }

    /// Copies received bytes into `into` without taking them. Returns how many.
    #[must_use]
    pub fn peek(&self, into: &mut [u8]) -> usize {
        self.socket().map_or(0, |socket| socket.peek(into))
    }

    /// Whether the socket is a listener, or is to become one.
    fn is_for_listening(&self) -> bool {
        !matches!(self.state, State::New | State::Connection(_))
    }
}

implement_state!(TcpSocket<'_, M>);

impl<'d, R: Future<Output = RunError> + Unpin, M: RawMutex> Stack<'d, R, M> {
    /// The handle for TCP sockets.
    pub const fn tcp(&self) -> Tcp<'_, 'd, M> {
        Tcp {
            stack: self,
            slots: self.handle().slots,
        }
    }
}

impl<'d, M: RawMutex> Tcp<'_, 'd, M> {
    /// Whether the module has accepted everything that was written (`SEND OK`). The peer may not have received it yet.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while it has not. [`Error::InvalidState`] for a socket that was never
    /// connected; otherwise the reason of the connection's failure.
    pub fn flush(&mut self, socket: &mut TcpSocket<'d, M>) -> nb::Result<(), Error> {
        self.operate(socket, Engine::poll_flush)
    }

    /// Changes the access mode of the connection (AT+QISWTMD, section 2.1.10), as
    /// [`set_access_mode`](crate::TcpConnection::set_access_mode) of the asynchronous API. Call this with the same mode until the
    /// result is not [`WouldBlock`](nb::Error::WouldBlock): then the module uses it. No data is lost.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the module does not use the mode. [`Error::InvalidState`] for a socket that was
    /// never connected. Otherwise as in the asynchronous API.
    #[cfg(feature = "push")]
    pub fn set_access_mode(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        mode: AccessMode,
    ) -> nb::Result<(), Error> {
        self.operate(socket, |engine, key| engine.poll_change_mode(key, mode))
    }

    /// Receives without a copy, as [`read_with`](crate::TcpConnection::read_with) of the asynchronous API: `read` is called with the bytes
    /// where they lie in the receive ring, and returns how many it has used up, and any result. At the end of the stream it is called
    /// without bytes.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while no bytes are there; `read` is not called then. Otherwise as for
    /// [`send`](TcpClientStack::send).
    pub fn read_with<R>(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        read: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> nb::Result<R, Error> {
        let mut read = Some(read);
        self.operate(socket, |engine, key| engine.poll_read_with(key, &mut read))
    }

    /// Sends without a copy, as [`write_with`](crate::TcpConnection::write_with) of the asynchronous API: `write` is called with the room in
    /// the transmit ring, and returns how many bytes it has written there, and any result.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the ring is full; `write` is not called then. Otherwise as for
    /// [`send`](TcpClientStack::send).
    pub fn write_with<R>(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        write: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> nb::Result<R, Error> {
        let mut write = Some(write);
        self.operate(socket, |engine, key| {
            engine.poll_write_with(key, &mut write)
        })
    }

    /// Receives, with `Ok(0)` at the end of the stream.
    pub(super) fn read(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        into: &mut [u8],
    ) -> nb::Result<usize, Error> {
        self.operate(socket, |engine, key| engine.poll_read(key, into))
    }

    /// Polls an operation of a connection, which goes on opening first if need be.
    fn operate<T>(
        &self,
        socket: &mut TcpSocket<'d, M>,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> nb::Result<T, Error> {
        let (connection, stack) = (socket.connection()?, self.handle());
        self.stack.operate(|| connection.poll(stack, operation))
    }
}

impl<'d, M: RawMutex> TcpClientStack for Tcp<'_, 'd, M> {
    type TcpSocket = TcpSocket<'d, M>;
    type Error = Error;

    /// Creates a socket. It uses no slot before it is connected or listens.
    ///
    /// # Errors
    ///
    /// None.
    fn socket(&mut self) -> Result<TcpSocket<'d, M>, Error> {
        Ok(TcpSocket { state: State::New })
    }

    /// Connects to a TCP server (AT+QIOPEN, section 2.1.4). Call this with the same address until the result is not
    /// [`WouldBlock`](nb::Error::WouldBlock).
    ///
    /// A socket that is connected to this address stays connected. A connection to another address, or one that has ended,
    /// is given up first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] before anything is sent, [`Error::NoFreeSocket`],
    /// [`Error::ConnectionRefused`], [`Error::TimedOut`] after [`Config::connect_time`](crate::Config::connect_time)
    /// (default 150 s), [`Error::Link`], [`Error::Module`] with any other code; [`Error::InvalidState`] for a socket that is
    /// bound or listens. After any of them the socket can be connected again.
    fn connect(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        remote: SocketAddr,
    ) -> nb::Result<(), Error> {
        let request = Request::connect(remote)?;
        if socket.is_for_listening() {
            return Err(nb::Error::Other(Error::InvalidState));
        }
        let stack = self.handle();
        let result = self.stack.operate(|| {
            if let State::Connection(connection) = &mut socket.state {
                if connection.request().peer() == Some(remote) {
                    let progress = connection.poll(stack, |engine, key| {
                        // Ready with an error if the connection has ended.
                        engine.poll_write(key, &[]).map_ok(|_| ())
                    });
                    if !(connection.was_open() && matches!(progress, Poll::Ready(Err(_)))) {
                        return progress;
                    }
                }
            }
            // The old connection is dropped first: its slot may be the one that is needed.
            drop(core::mem::replace(&mut socket.state, State::New));
            let mut connection = LazySocket::new(request);
            let progress = connection.poll_open(stack);
            socket.state = State::Connection(connection);
            progress
        });
        if let Err(nb::Error::Other(_)) = result {
            socket.state = State::New;
        }
        result
    }

    /// Copies bytes into the transmit ring and returns their number. Many small pieces become one AT+QISEND.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the ring is full. [`Error::Closed`] and [`Error::ConnectionReset`],
    /// whose kind is [`PipeClosed`](embedded_nal::TcpErrorKind::PipeClosed), when the connection is closed;
    /// [`Error::InvalidState`] for a socket that was never connected; otherwise the reason of the connection's failure.
    fn send(&mut self, socket: &mut TcpSocket<'d, M>, buffer: &[u8]) -> nb::Result<usize, Error> {
        self.operate(socket, |engine, key| engine.poll_write(key, buffer))
    }

    /// Copies received bytes into `buffer` and returns their number.
    ///
    /// Everything that the peer sent before it closed comes first. `Ok(0)` is returned for an empty buffer only.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while no bytes are there. [`Error::Closed`], whose kind is
    /// [`PipeClosed`](embedded_nal::TcpErrorKind::PipeClosed), at the end of the stream; otherwise as for
    /// [`send`](TcpClientStack::send).
    fn receive(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
        buffer: &mut [u8],
    ) -> nb::Result<usize, Error> {
        match self.read(socket, buffer) {
            Ok(0) if !buffer.is_empty() => Err(nb::Error::Other(Error::Closed)),
            result => result,
        }
    }

    /// Closes a socket in any state. What was written is still sent for at most 10 s, while the stack is polled; then the
    /// runner sends AT+QICLOSE.
    ///
    /// # Errors
    ///
    /// None. Call [`Tcp::flush`] before to know whether everything was sent.
    fn close(&mut self, socket: TcpSocket<'d, M>) -> Result<(), Error> {
        drop(socket);
        let _ = self.stack.poll();
        Ok(())
    }
}

#[cfg(feature = "server")]
impl<'d, M: RawMutex> TcpFullStack for Tcp<'_, 'd, M> {
    /// Sets the port to listen on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] for port 0, [`Error::InvalidState`] for a socket that is connected or listens.
    fn bind(&mut self, socket: &mut TcpSocket<'d, M>, local_port: u16) -> Result<(), Error> {
        Request::listen(ServiceType::TcpListener, local_port)?;
        match socket.state {
            State::New | State::Bound(_) => {
                socket.state = State::Bound(local_port);
                Ok(())
            }
            State::Connection(_) | State::Listener(..) => Err(Error::InvalidState),
        }
    }

    /// Begins to listen (service type "TCP LISTENER", section 2.1.4).
    ///
    /// Returns before the module listens. Each connection uses a slot from the moment when the module accepts it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] for a socket that is not bound, [`Error::NoFreeSocket`], [`Error::Link`]. If the module
    /// refuses to listen, [`accept`](TcpFullStack::accept) returns the reason.
    fn listen(&mut self, socket: &mut TcpSocket<'d, M>) -> Result<(), Error> {
        let State::Bound(port) = socket.state else {
            return Err(Error::InvalidState);
        };
        let request = Request::listen(ServiceType::TcpListener, port)?;
        let stack = self.handle();
        let mut listener = LazySocket::new(request);
        match self.stack.operate(|| listener.poll_open(stack)) {
            Err(nb::Error::Other(error)) => Err(error),
            Ok(()) | Err(nb::Error::WouldBlock) => {
                socket.state = State::Listener(port, listener);
                Ok(())
            }
        }
    }

    /// Returns the next connection and the peer's address, which is `0.0.0.0:0` if the module reported one that cannot be
    /// parsed.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while there is none. [`Error::InvalidState`] for a socket that does not
    /// listen; otherwise the reason of the listener's failure. The socket is bound then, and does not listen any more.
    fn accept(
        &mut self,
        socket: &mut TcpSocket<'d, M>,
    ) -> nb::Result<(TcpSocket<'d, M>, SocketAddr), Error> {
        let State::Listener(port, listener) = &mut socket.state else {
            return Err(nb::Error::Other(Error::InvalidState));
        };
        let port = *port;
        let stack = self.handle();
        let result = self.stack.operate(|| listener.poll_accept(stack));
        if let Err(nb::Error::Other(_)) = result {
            socket.state = State::Bound(port);
        }
        result.map(|(connection, peer)| {
            let state = State::Connection(connection);
            (TcpSocket { state }, peer)
        })
    }
}
