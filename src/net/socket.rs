//! The owner of a socket slot, behind every public socket type of `net` and `blocking`.

use core::fmt;
use core::net::SocketAddr;
use core::task::Poll;

#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
#[cfg(any(feature = "udp", feature = "server"))]
use crate::engine::UNKNOWN_PEER;
use crate::engine::shared::Shared;
use crate::engine::{Engine, Key, Phase, Queue, Request, Slot};
use crate::error::Error;
use crate::stack::Stack;
use crate::util::time;

/// State of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SocketPhase {
    /// It is being opened.
    Opening,
    /// It is open.
    Open,
    /// The peer has closed the connection. What it sent before is still being read.
    ClosedByPeer,
    /// It is being closed. What was received before can still be read.
    Closing,
    /// It is closed. What was received before can still be read.
    Closed,
}

/// Owns one slot of the engine. Dropping it releases the slot: the runner sends what was written, then closes the socket.
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
        engine: &mut Engine<'d>,
        stack: Stack<'d>,
        request: &Request<'_>,
    ) -> Poll<Result<Self, Error>> {
        let Stack {
            shared,
            mode,
            connect_time,
        } = stack;
        let claimed = engine.poll_claim(request, mode);
        match (claimed, connect_time) {
            (Poll::Ready(Ok(key)), Some(time)) => engine.set_connect_time(key, time),
            (Poll::Ready(Err(error)), _) => engine.note_failure(error),
            _ => {}
        }
        claimed.map_ok(|key| Self { shared, key })
    }

    /// Claims a slot, waits until the module has opened the socket, and wraps it with `make`. Dropping the future releases the
    /// slot.
    // An `async fn` would keep its arguments twice.
    #[allow(clippy::manual_async_fn)]
    pub(crate) fn open<T>(
        stack: Stack<'d>,
        request: Result<Request<'_>, Error>,
        make: impl Fn(Self) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut request = request;
        async move {
            let request = request.as_mut().map_err(|error| *error)?;
            loop {
                let claimed = stack.shared.wait(Queue::FreeSlot, |engine| {
                    Self::poll_claim(engine, stack, request)
                });
                let socket = claimed.await?;
                match socket.wait_otherwise(Engine::poll_connected).await {
                    Err(error) if request.use_port_try(error) => {}
                    result => {
                        result.and_then(|()| socket.check_local(request))?;
                        return Ok(make(socket));
                    }
                }
            }
        }
    }

    /// Fails if the request names a local address that the module does not have. The module has them once the link is up.
    pub(crate) fn check_local(&self, request: &Request<'_>) -> Result<(), Error> {
        #[cfg(feature = "udp")]
        return self.with(|engine, _| engine.check_local(request.local));
        #[cfg(not(feature = "udp"))]
        {
            let _ = request;
            Ok(())
        }
    }

    /// The owner of a slot that the engine has given to an accepted connection.
    pub(crate) const fn from_key(shared: &'d Shared<'d>, key: Key) -> Self {
        Self { shared, key }
    }

    /// Calls an operation of the engine for this socket.
    pub(crate) fn with<T>(&self, operation: impl FnOnce(&mut Engine<'d>, Key) -> T) -> T {
        self.shared.with(|engine| operation(engine, self.key))
    }

    /// Waits until an operation of the receiving direction is ready.
    fn wait_reading<T>(
        &self,
        mut operation: impl FnMut(&mut Engine<'d>, Key) -> Poll<T>,
    ) -> impl Future<Output = T> {
        self.shared.wait(Queue::Reader(self.key), move |engine| {
            operation(engine, self.key)
        })
    }

    /// Waits until any other operation is ready: a write, the open, the close, a change of the mode.
    fn wait_otherwise<T>(
        &self,
        mut operation: impl FnMut(&mut Engine<'d>, Key) -> Poll<T>,
    ) -> impl Future<Output = T> {
        self.shared.wait(Queue::Writer(self.key), move |engine| {
            operation(engine, self.key)
        })
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        self.wait_reading(move |engine, key| engine.poll_read(key, into))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        self.wait_otherwise(move |engine, key| engine.poll_write(key, bytes))
    }

    /// Waits until the module has accepted everything that was written.
    pub(crate) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        self.wait_otherwise(Engine::poll_flush)
    }

    /// Waits until the peer has acknowledged everything that was written.
    pub(crate) fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> {
        self.wait_otherwise(Engine::poll_acknowledged)
    }

    /// Waits until a read would not wait.
    pub(crate) fn readable(&self) -> impl Future<Output = ()> {
        self.wait_reading(Engine::poll_readable)
    }

    /// Waits until a write would not wait.
    pub(crate) fn writable(&self) -> impl Future<Output = ()> {
        self.wait_otherwise(|engine, key| engine.poll_writable(key))
    }

    /// Whether the slot has a property. False for a socket that is gone.
    pub(crate) fn slot_is(&self, property: impl FnOnce(&Slot<'d>) -> bool) -> bool {
        self.with(|engine, key| engine.slot(key).is_some_and(property))
    }

    fn count(&self, count: impl FnOnce(&Slot<'d>) -> usize) -> usize {
        self.with(|engine, key| engine.slot(key).map_or(0, count))
    }

    pub(crate) fn recv_queue(&self) -> usize {
        self.count(|slot| slot.rx.len())
    }

    pub(crate) fn send_queue(&self) -> usize {
        self.count(|slot| slot.tx.len())
    }

    pub(crate) fn peek(&self, into: &mut [u8]) -> usize {
        self.count(|slot| slot.peek_received(into))
    }

    pub(crate) fn phase(&self) -> SocketPhase {
        self.with(
            |engine, key| match engine.slot(key).map(|slot| slot.phase) {
                Some(Phase::Wanted | Phase::Opening) => SocketPhase::Opening,
                Some(Phase::Open) => SocketPhase::Open,
                Some(Phase::Draining) => SocketPhase::ClosedByPeer,
                Some(Phase::Closing) => SocketPhase::Closing,
                Some(Phase::Closed | Phase::Free) | None => SocketPhase::Closed,
            },
        )
    }

    pub(crate) fn connect_id(&self) -> Option<ConnectId> {
        self.with(|engine, key| {
            let slot = engine.slot(key).filter(|slot| slot.uses_id());
            slot.map(|slot| slot.id)
        })
    }

    /// The local address and port as `peer`, or else the only peer, sees them, as far as they are known.
    pub(crate) fn local(&self, peer: Option<SocketAddr>) -> SocketAddr {
        self.with(|engine, key| engine.local(key, peer))
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
        self.wait_otherwise(Engine::poll_closed).await
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
        self.wait_otherwise(move |engine, key| engine.poll_send(key, bytes, to))
    }

    /// Takes the oldest datagram: its full length, and its sender, which is the peer of a socket that has only one.
    pub(crate) fn receive(
        &self,
        into: &mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddr), Error>> {
        self.wait_reading(move |engine, key| Self::poll_receive(engine, key, into))
    }

    pub(crate) fn poll_receive(
        engine: &mut Engine<'_>,
        key: Key,
        into: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        let received = engine.poll_receive(key, into);
        received.map_ok(|(length, sender)| {
            let peer = sender.or_else(|| engine.remote(key));
            (length, peer.unwrap_or(UNKNOWN_PEER))
        })
    }
}

/// Listeners.
#[cfg(feature = "server")]
impl Socket<'_> {
    /// Takes the oldest connection that the module has accepted for this listener, and its peer.
    pub(crate) async fn accept(&self) -> Result<(Self, SocketAddr), Error> {
        let (key, peer) = self.wait_reading(Engine::poll_accept).await?;
        Ok((
            Self::from_key(self.shared, key),
            peer.unwrap_or(UNKNOWN_PEER),
        ))
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
        self.wait_otherwise(Engine::poll_mode).await
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.with(|engine, key| engine.release(key, time::now()));
    }
}
