//! The slot behind a socket, and how it comes to be open.

use core::task::{Poll, Waker, ready};

use crate::at::AccessMode;
use crate::engine::shared::Shared;
use crate::engine::{Engine, Key, Request};
use crate::error::Error;
use crate::util::time;

/// A slot of the table, which is given back when this is dropped.
struct Slot<'d> {
    shared: &'d Shared<'d>,
    key: Key,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.shared
            .with(|engine| engine.release(self.key, time::now()));
    }
}

/// A socket that is open, or on its way there.
pub(super) struct Socket<'d> {
    request: Request<'static>,
    mode: AccessMode,
    slot: Option<Slot<'d>>,
    open: bool,
}

impl<'d> Socket<'d> {
    pub(super) const fn new(request: Request<'static>, mode: AccessMode) -> Self {
        Self {
            request,
            mode,
            slot: None,
            open: false,
        }
    }

    /// One that a listener has accepted.
    fn accepted(shared: &'d Shared<'d>, request: Request<'static>, key: Key) -> Self {
        Self {
            request,
            mode: AccessMode::Buffer,
            slot: Some(Slot { shared, key }),
            open: true,
        }
    }

    pub(super) const fn mode(&self) -> AccessMode {
        self.mode
    }

    pub(super) const fn request(&self) -> Request<'static> {
        self.request
    }

    /// Whether the module has opened it, whatever became of it since.
    pub(super) const fn was_open(&self) -> bool {
        self.open
    }

    /// Takes a slot, then waits for the module to open it.
    pub(super) fn poll_open(&mut self, shared: &'d Shared<'d>) -> Poll<Result<(), Error>> {
        if self.open {
            return Poll::Ready(Ok(()));
        }
        let key = match &self.slot {
            Some(slot) => slot.key,
            None => {
                let (request, mode) = (&self.request, self.mode);
                let claim = shared.with(|engine| engine.poll_claim(request, mode, Waker::noop()));
                let key = ready!(claim)?;
                self.slot = Some(Slot { shared, key });
                key
            }
        };
        ready!(shared.with(|engine| engine.poll_connected(key, Waker::noop())))?;
        self.open = true;
        Poll::Ready(Ok(()))
    }

    /// An operation on an open socket; one that is not open yet is opened first.
    pub(super) fn poll<T>(
        &mut self,
        shared: &'d Shared<'d>,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        ready!(self.poll_open(shared))?;
        match &self.slot {
            Some(Slot { shared, key }) => shared.with(|engine| operation(engine, *key)),
            None => Poll::Ready(Err(Error::Closed)),
        }
    }

    /// The next connection of a listener, and its peer.
    pub(super) fn poll_accept(
        &mut self,
        shared: &'d Shared<'d>,
    ) -> Poll<Result<(Self, core::net::SocketAddr), Error>> {
        let (key, peer) =
            ready!(self.poll(shared, |engine, key| engine.poll_accept(key, Waker::noop())))?;
        let peer = peer.unwrap_or(crate::engine::UNKNOWN_PEER);
        let socket = Self::accepted(shared, Request::accepted(peer), key);
        Poll::Ready(Ok((socket, peer)))
    }
}
