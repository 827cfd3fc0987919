//! UDP sockets.

use core::net::SocketAddr;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embedded_nal::{UdpClientStack, UdpFullStack, nb};

use super::inherent::{implement_handle, implement_state};
use super::socket::LazySocket;
use super::stack::{AnyStack, Stack};
#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
use crate::engine::{Engine, Key, Request, SlotSet, check_peer};
use crate::error::Error;
use crate::net::{Socket, SocketPhase};
use crate::runner::RunError;

/// The UDP sockets of a [`blocking::Stack`](Stack), and name lookups.
///
/// It implements [`UdpClientStack`], [`UdpFullStack`] and [`Dns`](embedded_nal::Dns) (feature `dns`). None of their methods
/// waits.
#[derive(Debug)]
pub struct Udp<'a, 'd, M: RawMutex = CriticalSectionRawMutex> {
    pub(super) stack: &'a AnyStack<'a, 'd, M>,
    /// The slots that the sockets may take.
    slots: SlotSet,
}

implement_handle!(Udp);

/// A UDP socket: new, connected to one peer, or bound to a local port for any number of peers.
///
/// Each receive returns one datagram. The limits for datagrams are those of the asynchronous
/// [`UdpSocket`](crate::UdpSocket), except that a bound socket receives empty datagrams.
///
/// It uses one slot of the [`Resources`](crate::Resources) from `connect` or `bind` on. Dropping it does the same as
/// [`UdpClientStack::close`].
#[derive(Debug)]
pub struct UdpSocket<'d, M: RawMutex = CriticalSectionRawMutex> {
    opened: Option<LazySocket<'d, M>>,
    /// Where the last datagram of a bound socket was sent.
    last: Option<SocketAddr>,
}

impl<'d, M: RawMutex> UdpSocket<'d, M> {
    /// Begins to open the socket. The trait has no `WouldBlock` here: the operations that follow wait for the module.
    fn open(&mut self, udp: &Udp<'_, 'd, M>, request: Request<'static>) -> Result<(), Error> {
        // The old socket is dropped first: its slot may be the one that is needed.
        self.opened = None;
        self.last = None;
        self.opened = Some(LazySocket::new(request));
        let stack = udp.handle();
        match udp
            .stack
            .operate(|| self.poll(stack, |_, _| Poll::Ready(Ok(()))))
        {
            Ok(()) | Err(nb::Error::WouldBlock) => Ok(()),
            Err(nb::Error::Other(error)) => Err(error),
        }
    }

    /// Opens the socket, then polls an operation of it. If it cannot be opened it is new again.
    fn poll<T>(
        &mut self,
        stack: crate::Stack<'d, M>,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let socket = self.opened.as_mut().ok_or(Error::InvalidState)?;
        let result = socket.poll(stack, operation);
        if matches!(result, Poll::Ready(Err(_))) && !socket.was_open() {
            self.opened = None;
        }
        result
    }

    fn socket(&self) -> Option<&Socket<'d, M>> {
        self.opened.as_ref()?.socket()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.opened.as_ref()?.request().peer()
    }
}

implement_state!(UdpSocket<'_, M>);

impl<'d, R: Future<Output = RunError> + Unpin, M: RawMutex> Stack<'d, R, M> {
    /// The handle for UDP sockets.
    pub const fn udp(&self) -> Udp<'_, 'd, M> {
        Udp {
            stack: self,
            slots: self.handle().slots,
        }
    }
}

impl<'d, M: RawMutex> Udp<'_, 'd, M> {
    /// Changes the access mode of the socket, as [`Tcp::set_access_mode`](super::Tcp::set_access_mode).
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the module does not use the mode. [`Error::Unsupported`] for
    /// [`Transparent`](AccessMode::Transparent). [`Error::InvalidState`] for a socket that is neither connected nor bound. Otherwise
    /// the reason of the module's refusal, or of the socket's failure.
    #[cfg(feature = "push")]
    pub fn set_access_mode(
        &mut self,
        socket: &mut UdpSocket<'d, M>,
        mode: AccessMode,
    ) -> nb::Result<(), Error> {
        self.operate(socket, |engine, key| engine.poll_change_mode(key, mode))
    }

    /// Polls an operation of a socket, which goes on opening first if need be.
    fn operate<T>(
        &self,
        socket: &mut UdpSocket<'d, M>,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> nb::Result<T, Error> {
        let stack = self.handle();
        self.stack.operate(|| socket.poll(stack, operation))
    }
}

impl<'d, M: RawMutex> Udp<'_, 'd, M> {
    /// Receives a datagram without a copy, as [`receive_with`](crate::UdpSocket::receive_with) of the asynchronous API: `read` is called with
    /// the bytes up to the end of the receive ring, those at its beginning, which mostly are none, and the sender.
    ///
    /// # Errors
    ///
    /// As for [`receive`](UdpClientStack::receive). `read` is not called then.
    pub fn receive_with<R>(
        &mut self,
        socket: &mut UdpSocket<'d, M>,
        read: impl FnOnce(&[u8], &[u8], SocketAddr) -> R,
    ) -> nb::Result<R, Error> {
        let mut read = Some(read);
        self.operate(socket, |engine, key| {
            engine.poll_receive_with(key, &mut read)
        })
    }
}

impl<'d, M: RawMutex> UdpClientStack for Udp<'_, 'd, M> {
    type UdpSocket = UdpSocket<'d, M>;
    type Error = Error;

    /// Creates a socket. It uses no slot before it is connected or bound.
    ///
    /// # Errors
    ///
    /// None.
    fn socket(&mut self) -> Result<UdpSocket<'d, M>, Error> {
        Ok(UdpSocket {
            opened: None,
            last: None,
        })
    }

    /// Gives the socket one peer (service type "UDP", section 2.1.4) and a local port from 49152 to 65535.
    ///
    /// Returns before the module has opened the socket: the operations that follow return
    /// [`WouldBlock`](nb::Error::WouldBlock) until it has. A socket that was connected or bound before is closed and opened
    /// anew.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`], [`Error::InvalidAddress`], [`Error::NoFreeSocket`], [`Error::Link`]. If the module refuses to
    /// open the socket, the next operation returns the reason.
    fn connect(&mut self, socket: &mut UdpSocket<'d, M>, remote: SocketAddr) -> Result<(), Error> {
        let request = Request::datagrams(remote, 0)?;
        socket.open(self, request)
    }

    /// Puts a datagram into the transmit ring. A bound socket sends it to the destination of its last
    /// [`send_to`](UdpFullStack::send_to).
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while the socket is not open yet, or the transmit ring has no room.
    /// [`Error::InvalidLength`] for a datagram that is empty or too long, [`Error::InvalidState`] without a destination;
    /// otherwise the reason of the socket's failure.
    fn send(&mut self, socket: &mut UdpSocket<'d, M>, buffer: &[u8]) -> nb::Result<(), Error> {
        if socket.peer().or(socket.last).is_none() {
            return Err(nb::Error::Other(Error::InvalidState));
        }
        let to = socket.last;
        self.operate(socket, |engine, key| engine.poll_send(key, buffer, to))
    }

    /// Copies the oldest datagram into `buffer` and returns its length and its sender.
    ///
    /// What does not fit into `buffer` is lost; the returned length is that of the buffer then, as the trait demands.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](nb::Error::WouldBlock) while there is none. [`Error::InvalidState`] for a socket that is neither
    /// connected nor bound; otherwise the reason of the socket's failure.
    fn receive(
        &mut self,
        socket: &mut UdpSocket<'d, M>,
        buffer: &mut [u8],
    ) -> nb::Result<(usize, SocketAddr), Error> {
        let (length, peer) = self.operate(socket, |engine, key| {
            Socket::<'_, M>::poll_receive(engine, key, buffer)
        })?;
        Ok((length.min(buffer.len()), peer))
    }

    /// Closes a socket in any state. Datagrams in the transmit ring are still sent for at most 10 s, while the stack is
    /// polled.
    ///
    /// # Errors
    ///
    /// None.
    fn close(&mut self, socket: UdpSocket<'d, M>) -> Result<(), Error> {
        drop(socket);
        let _ = self.stack.poll();
        Ok(())
    }
}

impl<'d, M: RawMutex> UdpFullStack for Udp<'_, 'd, M> {
    /// Opens the socket on a local port, for any number of peers (service type "UDP SERVICE", section 2.1.4). Port 0 stands
    /// for any port from 49152 to 65535.
    ///
    /// Returns before the module has opened the socket: the operations that follow return
    /// [`WouldBlock`](nb::Error::WouldBlock) until it has.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] for a socket that is connected or bound already, [`Error::NoFreeSocket`], [`Error::Link`].
    /// If the module refuses to open the socket, the next operation returns the reason.
    fn bind(&mut self, socket: &mut UdpSocket<'d, M>, local_port: u16) -> Result<(), Error> {
        if socket.opened.is_some() {
            return Err(Error::InvalidState);
        }
        socket.open(self, Request::service(local_port))
    }

    /// Puts a datagram for any peer into the transmit ring. A new socket is bound to a port from 49152 to 65535 first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPort`] and [`Error::InvalidAddress`] for port 0, for an unspecified address, and for a peer that is
    /// not the one that the socket is connected to; otherwise as for [`send`](UdpClientStack::send).
    fn send_to(
        &mut self,
        socket: &mut UdpSocket<'d, M>,
        remote: SocketAddr,
        buffer: &[u8],
    ) -> nb::Result<(), Error> {
        check_peer(remote)?;
        if socket.opened.is_none() {
            socket.open(self, Request::service(0))?;
            return Err(nb::Error::WouldBlock);
        }
        let to = match socket.peer() {
            None => Some(remote),
            Some(peer) if peer == remote => None,
            Some(_) => return Err(nb::Error::Other(Error::InvalidAddress)),
        };
        let result = self.operate(socket, |engine, key| engine.poll_send(key, buffer, to));
        if result.is_ok() {
            socket.last = to;
        }
        result
    }
}
