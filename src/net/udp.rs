//! UDP sockets.

use core::fmt;
use core::future::poll_fn;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::{Poll, ready};

use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};

use super::handle::Socket;
use crate::at::AccessMode;
use crate::engine::{PORT_TRIES, Request, check_peer};
use crate::error::Error;
use crate::stack::Stack;

/// Any address and port of this side.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl<'d> UdpStack for Stack<'d> {
    type Error = Error;
    type Connected = UdpSocket<'d>;
    type UniquelyBound = UdpService<'d>;
    type MultiplyBound = UdpService<'d>;

    /// A UDP socket with one peer (service type "UDP", section 2.1.4).
    ///
    /// # Errors
    ///
    /// As for connecting a TCP socket; [`Error::Module`] when the local port is taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the socket up.
    fn connect_from(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d>), Error>> {
        let request = Request::datagrams(remote, local.port());
        self.bind(local, request, |socket| {
            (socket.local(None), UdpSocket { socket })
        })
    }

    /// As [`connect_from`](UdpStack::connect_from), from any local port.
    fn connect(
        &self,
        remote: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpSocket<'d>), Error>> {
        self.connect_from(ANY, remote)
    }

    /// A UDP socket for many peers on one local port (service type "UDP SERVICE", section 2.1.4).
    ///
    /// With port 0 a port of the range 49152 to 65535 is used.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for a local address that is not the module's; otherwise as for
    /// [`connect_from`](UdpStack::connect_from).
    fn bind_single(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<(SocketAddr, UdpService<'d>), Error>> {
        self.bind(local, Ok(Request::service(local.port())), |socket| {
            (socket.local(None), UdpService { socket })
        })
    }

    /// The same as [`bind_single`](UdpStack::bind_single): the module has one address.
    fn bind_multiple(
        &self,
        local: SocketAddr,
    ) -> impl Future<Output = Result<UdpService<'d>, Error>> {
        self.bind(local, Ok(Request::service(local.port())), |socket| {
            UdpService { socket }
        })
    }
}

impl<'d> Stack<'d> {
    /// Opens a socket on the local port asked for, or on one that is free, and makes of it what it is to be.
    fn bind<T>(
        &self,
        local: SocketAddr,
        mut request: Result<Request<'static>, Error>,
        make: impl Fn(Socket<'d>) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let stack = *self;
        let mut claimed = None;
        let mut refusals = 0;
        let mut begun = false;
        poll_fn(move |cx| {
            let request = request.as_mut().map_err(|error| *error)?;
            if !begun {
                stack.shared.with(|engine| {
                    engine.enable_datagrams();
                    engine.check_local(local.ip())
                })?;
                begun = true;
            }
            loop {
                if request.local_port == 0 {
                    request.local_port = stack.shared.with(|engine| engine.ephemeral_port());
                }
                match ready!(Socket::poll_open(&mut claimed, stack, request, cx)) {
                    Err(error)
                        if error.is_port_taken()
                            && local.port() == 0
                            && refusals < PORT_TRIES - 1 =>
                    {
                        refusals += 1;
                        claimed = None;
                        request.local_port = 0;
                    }
                    result => return Poll::Ready(result.map(&make)),
                }
            }
        })
    }
}

/// A UDP socket with one peer.
///
/// One receive is one datagram. A datagram has 1 to 1460 bytes, and has to fit into the transmit ring with 21 bytes of
/// administration. An empty datagram cannot be sent, because the module's command has no form for it, nor told from
/// nothing when it is received.
///
/// A datagram that does not fit into the receive ring is dropped whole and counted
/// ([`Statistics::dropped_datagrams`](crate::Statistics::dropped_datagrams)).
///
/// Dropping it closes it; what was sent before still goes out.
///
/// # Cancel safety
///
/// A dropped `receive_into` future has taken nothing. A dropped `send` future has either not sent, or has finished.
pub struct UdpSocket<'d> {
    pub(crate) socket: Socket<'d>,
}

impl fmt::Debug for UdpSocket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").finish_non_exhaustive()
    }
}

impl<'d> UdpSocket<'d> {
    /// How the module hands over what comes for this socket now.
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.socket.mode()
    }

    /// Changes how the module hands over what comes (AT+QISWTMD, section 2.1.10), without losing any of it. See
    /// [`Stack::with_access_mode`].
    ///
    /// # Errors
    ///
    /// Why the module refused, or why the socket failed. [`Error::Unsupported`] for the transparent mode.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the wish back.
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }

    /// The socket of a peer that a UDP listener has accepted.
    pub(crate) fn accepted(socket: Socket<'d>) -> Self {
        Self { socket }
    }

    /// Sends what is still to be sent, closes the socket, and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// Why not everything could be handed to the module.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }

    /// Waits until the module has accepted everything that was sent.
    ///
    /// # Errors
    ///
    /// Why the socket failed meanwhile.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }
}

impl ConnectedUdp for UdpSocket<'_> {
    type Error = Error;

    /// Puts a datagram on its way: returns when the transmit ring has it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLength`] for a datagram that is empty or too long.
    fn send(&mut self, data: &[u8]) -> impl Future<Output = Result<(), Error>> {
        self.socket.send(data, None)
    }

    fn receive_into(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |cx| {
            let received = self.socket.poll_receive(buffer, cx);
            received.map_ok(|(length, _)| length)
        })
    }
}

/// A UDP socket for many peers on one local port.
///
/// Limits, drops and cancel safety are those of [`UdpSocket`], except that empty datagrams are received.
pub struct UdpService<'d> {
    pub(crate) socket: Socket<'d>,
}

impl fmt::Debug for UdpService<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpService").finish_non_exhaustive()
    }
}

impl UdpService<'_> {
    /// How the module hands over what comes for this socket now.
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.socket.mode()
    }

    /// Changes how the module hands over what comes (AT+QISWTMD, section 2.1.10), without losing any of it. See
    /// [`Stack::with_access_mode`].
    ///
    /// # Errors
    ///
    /// Why the module refused, or why the socket failed. [`Error::Unsupported`] for the transparent mode.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not take the wish back.
    pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        self.socket.set_mode(mode).await
    }

    /// Sends what is still to be sent, closes the socket, and waits until the module has done so.
    ///
    /// # Errors
    ///
    /// Why not everything could be handed to the module.
    pub async fn close(self) -> Result<(), Error> {
        self.socket.close().await
    }

    /// Waits until the module has accepted everything that was sent.
    ///
    /// # Errors
    ///
    /// Why the socket failed meanwhile.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }
}

impl UnconnectedUdp for UdpService<'_> {
    type Error = Error;

    /// Puts a datagram on its way: returns when the transmit ring has it. The local address is that of the socket,
    /// whatever is given.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidLength`] for a datagram that is empty or too long, [`Error::InvalidPort`] and
    /// [`Error::InvalidAddress`] for a peer that cannot be sent to.
    async fn send(
        &mut self,
        _local: SocketAddr,
        remote: SocketAddr,
        data: &[u8],
    ) -> Result<(), Error> {
        check_peer(remote)?;
        self.socket.send(data, Some(remote)).await
    }

    fn receive_into(
        &mut self,
        buffer: &mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddr, SocketAddr), Error>> {
        poll_fn(move |cx| {
            loop {
                // Without its sender a datagram is of no use to anyone.
                if let (length, Some(peer)) = ready!(self.socket.poll_receive(buffer, cx))? {
                    return Poll::Ready(Ok((length, self.socket.local(Some(peer)), peer)));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;
    use crate::engine::Job;
    use crate::engine::rig::Rig;

    #[test]
    fn a_port_is_tried_until_the_module_has_refused_it() {
        let mut rig = Rig::up::<1, 64, 64>();
        let before = rig.open();
        rig.release(before);
        let stack = Stack {
            shared: rig.shared,
            mode: AccessMode::Buffer,
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut bound = pin!(stack.bind_multiple(ANY));
        // While there is no slot it is asked again and again.
        for _ in 0..10 {
            assert!(bound.as_mut().poll(&mut context).is_pending());
        }
        rig.run(Job::Close(before), &["OK"]);
        for try_number in 1..=PORT_TRIES {
            assert!(bound.as_mut().poll(&mut context).is_pending());
            let key = rig.key_in_use();
            rig.run(Job::Open(key), &["OK"]);
            let line = std::format!("+QIOPEN: {},556", rig.id(key));
            rig.on_line(&line);
            let is_over = bound.as_mut().poll(&mut context).is_ready();
            assert_eq!(is_over, try_number == PORT_TRIES);
            rig.run(Job::Close(key), &["OK"]);
        }
        assert_eq!(rig.engine(|engine| engine.ephemeral_port()), 49_152 + 4);
    }
}
