//! The owner of a socket slot, behind every public socket type of `net` and `blocking`.

use core::fmt;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Poll, Waker, ready};

#[cfg(feature = "push")]
use crate::at::AccessMode;
#[cfg(any(feature = "udp", feature = "server"))]
use crate::engine::UNKNOWN_PEER;
use crate::engine::shared::Shared;
use crate::engine::{Engine, Key, Request};
use crate::error::Error;
use crate::stack::Stack;
use crate::util::time;

/// Owns one slot of the engine. Dropping it releases the slot: the runner sends what was written, then closes the socket.
///
/// The methods that every application awaits return `poll_fn` futures, which hold a reference and the arguments: 4 to 12 bytes
/// on a Cortex-M.
pub(crate) struct Socket<'d> {
    shared: &'d Shared<'d>,
    key: Key,
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.key).finish()
    }
}

impl<'d> Socket<'d> {
    /// Claims a free slot. Pending while all slots are in use and one of them is being closed.
    pub(crate) fn poll_claim(
        stack: Stack<'d>,
        request: &Request<'_>,
        waker: &Waker,
    ) -> Poll<Result<Self, Error>> {
        let Stack { shared, mode } = stack;
        let claimed = shared.with(|engine| engine.poll_claim(request, mode, waker));
        claimed.map_ok(|key| Self { shared, key })
    }

    /// Ready when the module has opened the socket, or has failed to.
    pub(crate) fn poll_connected(&self, waker: &Waker) -> Poll<Result<(), Error>> {
        self.with(|engine, key| engine.poll_connected(key, waker))
    }

    /// Claims a slot, waits until the module has opened the socket, and wraps it with `make`. Dropping the future releases
    /// the slot.
    ///
    /// As an `async fn`, and with `make` left to the callers, this would be half as long at the same flash. But the future of
    /// `TcpConnect::connect` would have 120 bytes instead of 60.
    pub(crate) fn open<T>(
        stack: Stack<'d>,
        request: Result<Request<'_>, Error>,
        make: impl Fn(Self) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut claimed = None;
        poll_fn(move |cx| {
            let request = request.as_ref().map_err(|error| *error)?;
            Self::poll_open(&mut claimed, stack, request, cx.waker()).map_ok(&make)
        })
    }

    /// Ready with the open socket, or with the reason why there is none. Until then the slot is owned by `claimed`.
    pub(super) fn poll_open(
        claimed: &mut Option<Self>,
        stack: Stack<'d>,
        request: &Request<'_>,
        waker: &Waker,
    ) -> Poll<Result<Self, Error>> {
        let socket = match claimed.take() {
            Some(socket) => socket,
            None => ready!(Self::poll_claim(stack, request, waker))?,
        };
        match socket.poll_connected(waker) {
            Poll::Ready(result) => Poll::Ready(result.map(|()| socket)),
            Poll::Pending => {
                *claimed = Some(socket);
                Poll::Pending
            }
        }
    }

    /// Calls an operation of the engine for this socket.
    pub(crate) fn with<T>(&self, operation: impl FnOnce(&mut Engine<'d>, Key) -> T) -> T {
        self.shared.with(|engine| operation(engine, self.key))
    }

    /// Polls an operation of the engine for this socket until it is ready.
    fn wait<T>(
        &self,
        mut operation: impl FnMut(&mut Engine<'d>, Key, &Waker) -> Poll<T>,
    ) -> impl Future<Output = T> {
        poll_fn(move |cx| self.with(|engine, key| operation(engine, key, cx.waker())))
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        self.wait(move |engine, key, waker| engine.poll_read(key, into, waker))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        self.wait(move |engine, key, waker| engine.poll_write(key, bytes, waker))
    }

    /// Waits until the module has accepted everything that was written.
    pub(crate) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        self.wait(|engine, key, waker| engine.poll_flush(key, waker))
    }

    /// Waits until the peer has acknowledged everything that was written.
    pub(crate) fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> {
        self.wait(|engine, key, waker| engine.poll_acknowledged(key, waker))
    }

    /// Waits until a read would not wait.
    #[cfg(feature = "edge-nal")]
    pub(crate) fn readable(&self) -> impl Future<Output = ()> {
        self.wait(|engine, key, waker| engine.poll_readable(key, waker))
    }

    pub(crate) fn read_ready(&self) -> bool {
        self.with(|engine, key| engine.read_ready(key))
    }

    pub(crate) fn write_ready(&self) -> bool {
        self.with(|engine, key| engine.write_ready(key))
    }

    /// Sends what was written, closes the socket, and waits until the module has done so.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.with(|engine, key| engine.close_when_sent(key, time::now()));
        self.wait(|engine, key, waker| engine.poll_closed(key, waker))
            .await
    }

    /// Closes the socket without sending what was written and not yet accepted by the module.
    pub(crate) fn abort(&self) {
        self.with(|engine, key| engine.abort(key));
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.with(|engine, key| engine.remote(key))
    }
}

/// Datagrams.
#[cfg(feature = "udp")]
impl Socket<'_> {
    pub(crate) fn send(
        &self,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.wait(move |engine, key, waker| engine.poll_send(key, bytes, to, waker))
    }

    /// Takes the oldest datagram: its full length, and its sender, which is the peer of a socket that has only one.
    pub(crate) fn poll_receive(
        &self,
        into: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        self.with(|engine, key| {
            let received = engine.poll_receive(key, into, waker);
            received.map_ok(|(length, sender)| {
                let peer = sender.or_else(|| engine.remote(key));
                (length, peer.unwrap_or(UNKNOWN_PEER))
            })
        })
    }

    /// The local address and port as `peer`, or else the only peer, sees them, as far as they are known.
    pub(crate) fn local(&self, peer: Option<SocketAddr>) -> SocketAddr {
        self.with(|engine, key| engine.local(key, peer))
    }
}

/// Listeners.
#[cfg(feature = "server")]
impl Socket<'_> {
    /// Takes the oldest connection that the module has accepted for this listener, and its peer.
    pub(crate) fn poll_accept(&self, waker: &Waker) -> Poll<Result<(Self, SocketAddr), Error>> {
        let shared = self.shared;
        let accepted = self.with(|engine, key| engine.poll_accept(key, waker));
        accepted.map_ok(|(key, peer)| (Self { shared, key }, peer.unwrap_or(UNKNOWN_PEER)))
    }

    pub(crate) async fn accept(&self) -> Result<(Self, SocketAddr), Error> {
        poll_fn(|cx| self.poll_accept(cx.waker())).await
    }
}

/// Access modes.
#[cfg(feature = "push")]
impl Socket<'_> {
    pub(crate) fn mode(&self) -> AccessMode {
        self.with(|engine, key| engine.mode(key))
    }

    /// Asks for another access mode, and waits until the module uses it.
    pub(crate) async fn set_mode(&self, mode: AccessMode) -> Result<(), Error> {
        self.with(|engine, key| engine.want_mode(key, mode))?;
        self.wait(|engine, key, waker| engine.poll_mode(key, waker))
            .await
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.with(|engine, key| engine.release(key, time::now()));
    }
}
