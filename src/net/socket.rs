//! The owner of a socket slot, behind every public socket type of `net` and `blocking`.

use core::fmt;
use core::net::SocketAddr;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};

#[cfg(feature = "push")]
use crate::at::AccessMode;
use crate::at::ConnectId;
#[cfg(any(feature = "udp", feature = "server"))]
use crate::engine::UNKNOWN_PEER;
use crate::engine::mailbox::Message;
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
pub(crate) struct Socket<'d, M: RawMutex = CriticalSectionRawMutex> {
    shared: &'d Shared<'d, M>,
    key: Key,
}

impl<M: RawMutex> fmt::Debug for Socket<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.key).finish()
    }
}

impl<'d, M: RawMutex> Socket<'d, M> {
    /// Claims a free slot. Pending while all slots are in use and one of them is being closed.
    pub(crate) fn poll_claim(
        engine: &mut Engine<'d>,
        stack: Stack<'d, M>,
        request: &Request<'_>,
    ) -> Poll<Result<Self, Error>> {
        let Stack {
            shared,
            mode,
            connect_time,
            ..
        } = stack;
        let claimed = engine.poll_claim(request, mode);
        #[cfg(feature = "keep-alive")]
        if let Poll::Ready(Ok(key)) = claimed {
            engine.set_keep_alive(key, stack.keep_alive);
        }
        match (claimed, connect_time) {
            (Poll::Ready(Ok(key)), Some(time)) => engine.set_connect_time(key, time),
            (Poll::Ready(Err(error)), _) => engine.note_failure(error),
            _ => {}
        }
        claimed.map_ok(|key| Self { shared, key })
    }

    /// As [`open_with`](Self::open_with), for a socket of which nothing else has to be known.
    pub(crate) fn open<T>(
        stack: Stack<'d, M>,
        request: Result<Request<'_>, Error>,
        make: impl Fn(Self) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        Self::open_with(stack, request, |_, _| (), move |socket, ()| make(socket))
    }

    /// Claims a slot, waits until the module has opened the socket, and wraps it with `make`, together with what `look` has found.
    /// Dropping the future releases the slot.
    // An `async fn` would keep its arguments twice.
    #[allow(clippy::manual_async_fn)]
    pub(crate) fn open_with<V, T>(
        stack: Stack<'d, M>,
        request: Result<Request<'_>, Error>,
        look: impl Fn(&Engine<'d>, Key) -> V,
        make: impl Fn(Self, V) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut request = request;
        async move {
            let request = request.as_mut().map_err(|error| *error)?;
            request.slots = stack.slots;
            loop {
                let claimed = stack.shared.wait(Queue::FreeSlot, |engine| {
                    Self::poll_claim(engine, stack, request)
                });
                let socket = claimed.await?;
                let opened = socket.wait_otherwise(|engine, key| {
                    let opened = engine.poll_opened(key, request);
                    opened.map_ok(|()| look(engine, key))
                });
                match opened.await {
                    Err(error) if request.use_port_try(error) => {}
                    Err(error) => return Err(error),
                    Ok(seen) => return Ok(make(socket, seen)),
                }
            }
        }
    }

    /// The owner of a slot that the engine has given to an accepted connection.
    pub(crate) const fn from_key(shared: &'d Shared<'d, M>, key: Key) -> Self {
        Self { shared, key }
    }

    /// Calls an operation of the engine for this socket, unless the engine is in use.
    pub(crate) fn try_with<T>(
        &self,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> T,
    ) -> Option<T> {
        self.shared.try_with(|engine| operation(engine, self.key))
    }

    /// Calls an operation of the engine for this socket. Pending while the engine is in use.
    pub(crate) fn poll<T>(
        &self,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<T>,
    ) -> Poll<T> {
        self.shared.poll(|engine| operation(engine, self.key))
    }

    /// Calls an operation of the engine for this socket. `None` if it would wait, and while the engine is in use.
    pub(crate) fn attempt<T>(
        &self,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        match self.poll(operation) {
            Poll::Ready(result) => result.map(Some),
            Poll::Pending => Ok(None),
        }
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

    pub(crate) fn read_with<R>(
        &self,
        read: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> impl Future<Output = Result<R, Error>> {
        let mut read = Some(read);
        self.wait_reading(move |engine, key| engine.poll_read_with(key, &mut read))
    }

    pub(crate) fn write_with<R>(
        &self,
        write: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> impl Future<Output = Result<R, Error>> {
        let mut write = Some(write);
        self.wait_otherwise(move |engine, key| engine.poll_write_with(key, &mut write))
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

    /// A property of the slot. `None` while the engine is in use.
    pub(crate) fn slot<T>(&self, property: impl FnOnce(&Slot<'d>) -> T) -> Option<T> {
        let slot = self.try_with(|engine, key| engine.slot(key).map(property));
        slot.flatten()
    }

    pub(crate) fn peek(&self, into: &mut [u8]) -> usize {
        self.slot(|slot| slot.peek_received(into)).unwrap_or(0)
    }

    pub(crate) fn phase(&self) -> Option<SocketPhase> {
        self.slot(|slot| match slot.phase {
            Phase::Wanted | Phase::Opening => SocketPhase::Opening,
            Phase::Open => SocketPhase::Open,
            Phase::Draining => SocketPhase::ClosedByPeer,
            Phase::Closing => SocketPhase::Closing,
            Phase::Closed | Phase::Free => SocketPhase::Closed,
        })
    }

    pub(crate) fn can_recv(&self) -> bool {
        self.slot(Slot::has_data).unwrap_or(false)
    }

    pub(crate) fn may_recv(&self) -> bool {
        let may_recv = self.slot(|slot| slot.has_data() || slot.read_end().is_none());
        may_recv.unwrap_or(true)
    }

    pub(crate) fn can_send(&self) -> bool {
        let can_send = self.slot(|slot| slot.check_writable().is_ok() && slot.tx.free() > 0);
        can_send.unwrap_or(false)
    }

    pub(crate) fn may_send(&self) -> bool {
        self.slot(|slot| slot.check_writable().is_ok())
            .unwrap_or(true)
    }

    pub(crate) fn connect_id(&self) -> Option<ConnectId> {
        let id = self.slot(|slot| slot.uses_id().then_some(slot.id));
        id.flatten()
    }

    /// The local address and port, as far as they are known.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.try_with(|engine, key| engine.local(key, None))
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.slot(Slot::remote).flatten()
    }

    pub(crate) fn read_ready(&self) -> bool {
        let is_ready = self.try_with(|engine, key| engine.read_ready(key));
        is_ready.unwrap_or(false)
    }

    pub(crate) fn write_ready(&self) -> bool {
        let is_ready = self.try_with(|engine, key| engine.write_ready(key));
        is_ready.unwrap_or(false)
    }

    /// Sends what was written, closes the socket, and waits until the module has done so.
    pub(crate) fn close(&self) -> impl Future<Output = Result<(), Error>> {
        let mut has_begun = false;
        self.wait_otherwise(move |engine, key| {
            if !core::mem::replace(&mut has_begun, true) {
                engine.env.now = time::now();
                engine.close_when_sent(key);
            }
            engine.poll_closed(key)
        })
    }

    /// Closes the socket without sending what was written and not yet accepted by the module.
    pub(crate) fn abort(&self) {
        self.shared.post(Message::SocketAborted(self.key));
    }
}

/// Datagrams.
#[cfg(feature = "udp")]
impl<M: RawMutex> Socket<'_, M> {
    pub(crate) fn send(
        &self,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.wait_otherwise(move |engine, key| engine.poll_send(key, bytes, to))
    }

    pub(crate) fn receive_with<R>(
        &self,
        read: impl FnOnce(&[u8], &[u8], SocketAddr) -> R,
    ) -> impl Future<Output = Result<R, Error>> {
        let mut read = Some(read);
        self.wait_reading(move |engine, key| engine.poll_receive_with(key, &mut read))
    }

    /// Takes the oldest datagram: its full length, and its sender, which is the peer of a socket that has only one.
    pub(crate) fn receive(
        &self,
        into: &mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddr), Error>> {
        self.wait_reading(move |engine, key| Self::poll_receive(engine, key, into))
    }

    /// As `receive`, with the local address before the sender.
    pub(crate) fn receive_with_local(
        &self,
        into: &mut [u8],
    ) -> impl Future<Output = Result<(usize, SocketAddr, SocketAddr), Error>> {
        self.wait_reading(move |engine, key| {
            let received = Self::poll_receive(engine, key, into);
            received.map_ok(|(length, peer)| (length, engine.local(key, Some(peer)), peer))
        })
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
impl<M: RawMutex> Socket<'_, M> {
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
impl<M: RawMutex> Socket<'_, M> {
    pub(crate) fn mode(&self) -> Option<AccessMode> {
        self.slot(Slot::access_mode)
    }

    /// Asks for another access mode, and waits until the module uses it.
    pub(crate) fn set_mode(&self, mode: AccessMode) -> impl Future<Output = Result<(), Error>> {
        let mut is_wanted = false;
        self.wait_otherwise(move |engine, key| {
            if !core::mem::replace(&mut is_wanted, true) {
                engine.want_mode(key, mode)?;
            }
            engine.poll_mode(key)
        })
    }
}

impl<M: RawMutex> Drop for Socket<'_, M> {
    #[inline(never)] // Many callers.
    fn drop(&mut self) {
        self.shared.post(Message::SocketDropped(self.key));
    }
}
