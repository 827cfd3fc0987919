//! The handle behind every socket of the user: it owns a slot, and gives it back when it is dropped.

use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};

use crate::clock;
use crate::command::AccessMode;
use crate::error::Error;
use crate::shared::Shared;
use crate::socket::{Key, Request};
use crate::stack::Stack;

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
                let claim = shared.with(|table| table.poll_claim(request, mode, cx.waker()));
                let key = ready!(claim)?;
                claimed.insert(Self { shared, key }).key
            }
        };
        ready!(shared.with(|table| table.poll_connected(key, cx.waker())))?;
        Poll::Ready(claimed.take().ok_or(Error::Closed))
    }

    /// The next connection that this listener has accepted, and its peer.
    pub(crate) async fn accept(&self) -> Result<(Self, Option<SocketAddr>), Error> {
        let Self { shared, key } = *self;
        let (key, peer) =
            poll_fn(|cx| shared.with(|table| table.poll_accept(key, cx.waker()))).await?;
        Ok((Self { shared, key }, peer))
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|table| table.poll_read(self.key, into, cx.waker()))
        })
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|table| table.poll_write(self.key, bytes, cx.waker()))
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
            .with(|table| table.poll_receive(self.key, into, cx.waker()))
    }

    pub(crate) fn send(
        &self,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|table| table.poll_send(self.key, bytes, to, cx.waker()))
        })
    }

    pub(crate) fn flush(&self) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|table| table.poll_flush(self.key, cx.waker()))
        })
    }

    pub(crate) fn acknowledged(&self) -> impl Future<Output = Result<(), Error>> {
        poll_fn(move |cx| {
            self.shared
                .with(|table| table.poll_acknowledged(self.key, cx.waker()))
        })
    }

    /// Waits until a read would come back at once.
    #[cfg(feature = "edge-nal")]
    pub(crate) async fn readable(&self) {
        poll_fn(|cx| {
            self.shared
                .with(|table| table.poll_readable(self.key, cx.waker()))
        })
        .await
    }

    /// Changes the access mode, and waits until the module has taken it up.
    pub(crate) async fn set_mode(&self, mode: AccessMode) -> Result<(), Error> {
        self.shared.with(|table| table.want_mode(self.key, mode))?;
        poll_fn(|cx| {
            self.shared
                .with(|table| table.poll_mode(self.key, cx.waker()))
        })
        .await
    }

    pub(crate) fn mode(&self) -> AccessMode {
        self.shared.with(|table| table.mode(self.key))
    }

    /// Sends what was written, closes, and waits until the module has done so.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.shared.with(|table| table.shut(self.key, clock::now()));
        poll_fn(|cx| {
            self.shared
                .with(|table| table.poll_closed(self.key, cx.waker()))
        })
        .await
    }

    /// Closes at once.
    pub(crate) fn abort(&self) {
        self.shared.with(|table| table.abort(self.key));
    }

    pub(crate) fn read_ready(&self) -> bool {
        self.shared.with(|table| table.read_ready(self.key))
    }

    pub(crate) fn write_ready(&self) -> bool {
        self.shared.with(|table| table.write_ready(self.key))
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.shared.with(|table| table.remote(self.key))
    }

    /// The address and port of this side, as `peer`, or the only peer, sees them, as far as they are known.
    pub(crate) fn local(&self, peer: Option<SocketAddr>) -> SocketAddr {
        self.shared.with(|table| table.local(self.key, peer))
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        self.shared
            .with(|table| table.release(self.key, clock::now()));
    }
}
