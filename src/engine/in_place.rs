//! Calls of users that read and write where the bytes lie in the rings.

#[cfg(feature = "udp")]
use core::net::SocketAddr;
use core::task::Poll;

use super::sockets::key::Key;
#[cfg(feature = "udp")]
use super::sockets::request::UNKNOWN_PEER;
use super::state::Engine;
use crate::error::Error;

impl Engine<'_> {
    /// As [`poll_read`](Self::poll_read), without a copy. At the end of the stream `read` is called without bytes.
    pub(crate) fn poll_read_with<R>(
        &mut self,
        key: Key,
        read: &mut Option<impl FnOnce(&mut [u8]) -> (usize, R)>,
    ) -> Poll<Result<R, Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        let is_ready = slot.has_data() || slot.read_end().transpose()?.is_some();
        let Some(read) = read.take_if(|_| is_ready) else {
            return self.wait_for_data(key);
        };
        let result = slot.read_with(read);
        self.on_room_made(key);
        Poll::Ready(Ok(result))
    }

    /// As [`poll_receive`](Self::poll_receive), without a copy.
    #[cfg(feature = "udp")]
    pub(crate) fn poll_receive_with<R>(
        &mut self,
        key: Key,
        read: &mut Option<impl FnOnce(&[u8], &[u8], SocketAddr) -> R>,
    ) -> Poll<Result<R, Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        let only_peer = slot.remote().unwrap_or(UNKNOWN_PEER);
        if let Some(read) = read.take_if(|_| slot.has_data()) {
            let result = slot.take_datagram_with(|first, second, peer| {
                read(first, second, peer.unwrap_or(only_peer))
            });
            self.on_room_made(key);
            return result.map_or(Poll::Pending, |result| Poll::Ready(Ok(result)));
        }
        match slot.read_end().transpose()? {
            Some(()) => Poll::Ready(Err(Error::Closed)),
            None => self.wait_for_data(key),
        }
    }

    /// As [`poll_write`](Self::poll_write), without a copy.
    pub(crate) fn poll_write_with<R>(
        &mut self,
        key: Key,
        write: &mut Option<impl FnOnce(&mut [u8]) -> (usize, R)>,
    ) -> Poll<Result<R, Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        let written = slot.poll_write_with(write);
        if written.is_ready() {
            self.wake_runner();
        }
        written
    }
}
