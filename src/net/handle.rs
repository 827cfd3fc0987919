//! The handle behind every socket of the user: it owns a slot, and gives it back when it is dropped.

use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};

use crate::at::AccessMode;
use crate::engine::shared::Shared;
use crate::engine::{Key, Request};
use crate::error::Error;
use crate::stack::Stack;
use crate::util::time;

pub(crate) struct Socket<'d> {
    shared: &'d Shared<'d>,
    key: Key,
}

impl<'d> Socket<'d> {
    /// Takes a slot, waits until the module has opened the socket, and makes of it what it is to be. Dropping the future
    /// gives the slot back.
    pub(crate) fn open<T>(
        stack: Stack<'d>,
        request: Result<Request<'_>, Error>,
        make: impl Fn(Self) -> T,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut claimed = None;
        poll_fn(move |cx| {
            let request = request.as_ref().map_err(|error| *error)?;
            Self::poll_open(&mut claimed, stack, request, cx).map_ok(&make)
        })
    }

    /// Ready when the socket is open. Meanwhile it is in `claimed`.
    pub(super) fn poll_open(
        claimed: &mut Option<Self>,
        Stack { shared, mode }: Stack<'d>,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self, Error>> {
        let key = match claimed {
            Some(socket) => socket.key,
            None => {
                let claim = shared.with(|engine| engine.poll_claim(request, mode, cx.waker()));
                let key = ready!(claim)?;
                claimed.insert(Self { shared, key }).key
            }
        };
        ready!(shared.with(|engine| engine.poll_connected(key, cx.waker())))?;
        Poll::Ready(claimed.take().ok_or(Error::Closed))
    }

    /// The next connection that this listener has accepted, and its peer.
    pub(crate) async fn accept(&self) -> Result<(Self, Option<SocketAddr>), Error> {
        let Self { shared, key } = *self;
        let (key, peer) =
            poll_fn(|cx| shared.with(|engine| engine.poll_accept(key, cx.waker()))).await?;
        Ok((Self { shared, key }, peer))
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|engine| engine.poll_read(self.key, into, cx.waker()))
        })
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|engine| engine.poll_write(self.key, bytes, cx.waker()))
        })
    }

    #[cfg(feature = "edge-nal")]
    pub(crate) fn receive(
        &self,
        into: &mut [u8],
    ) -> impl Future<Output = Result<(usize, Option<SocketAddr>), Error>> {
        poll_fn(move |cx| self.poll_receive(into, cx))
    }

    pub(super) fn poll_receive(
        &self,
        into: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<(usize, Option<SocketAddr>), Error>> {
        self.shared
            .with(|engine| engine.poll_receive(self.key, into, cx.waker()))
    }

    pub(crate) fn send(
        &self,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|engine| engine.poll_send(self.key, bytes, to, cx.waker()))
        })
    }

    pub(crate) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|engine| engine.poll_flush(self.key, cx.waker()))
        })
    }

    pub(crate) fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|engine| engine.poll_acknowledged(self.key, cx.waker()))
        })
    }

    /// Waits until a read would come back at once.
    #[cfg(feature = "edge-nal")]
    pub(crate) async fn readable(&self) {
        poll_fn(|cx| {
            self.shared
                .with(|engine| engine.poll_readable(self.key, cx.waker()))
        })
        .await
    }

    /// Changes the access mode, and waits until the module has taken it up.
    pub(crate) async fn set_mode(&self, mode: AccessMode) -> Result<(), Error> {
        self.shared
            .with(|engine| engine.want_mode(self.key, mode))?;
        poll_fn(|cx| {
            self.shared
                .with(|engine| engine.poll_mode(self.key, cx.waker()))
        })
        .await
    }

    pub(crate) fn mode(&self) -> AccessMode {
        self.shared.with(|engine| engine.mode(self.key))
    }

    /// Sends what was written, closes, and waits until the module has done so.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.shared
            .with(|engine| engine.close_when_sent(self.key, time::now()));
        poll_fn(|cx| {
            self.shared
                .with(|engine| engine.poll_closed(self.key, cx.waker()))
        })
        .await
    }

    /// Closes at once.
    pub(crate) fn abort(&self) {
        self.shared.with(|engine| engine.abort(self.key));
    }

    pub(crate) fn read_ready(&self) -> bool {
        self.shared.with(|engine| engine.read_ready(self.key))
    }

    pub(crate) fn write_ready(&self) -> bool {
        self.shared.with(|engine| engine.write_ready(self.key))
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.shared.with(|engine| engine.remote(self.key))
    }

    /// The address and port of this side, as `peer`, or the only peer, sees them, as far as they are known.
    pub(crate) fn local(&self, peer: Option<SocketAddr>) -> SocketAddr {
        self.shared.with(|engine| engine.local(self.key, peer))
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.shared
            .with(|engine| engine.release(self.key, time::now()));
    }
}
