//! Bytes and datagrams between the user and the rings of a socket.

use core::net::SocketAddr;
use core::task::{Poll, Waker};

use embassy_time::Duration;

use crate::engine::Engine;
use crate::engine::exchange::job::Key;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;
use crate::util::slices::front_mut;
use crate::util::time::NEVER;

impl Engine<'_> {
    pub(crate) fn poll_read(
        &mut self,
        key: Key,
        into: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, Error>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        let readable = slot.rx.len() - usize::from(slot.withheld);
        if readable > 0 {
            let most = into.len().min(readable);
            let count = slot.rx.pop(front_mut(into, most));
            if slot.may_have_data && slot.has_room() {
                self.wake_runner();
            }
            self.release_stall(key);
            return Poll::Ready(Ok(count));
        }
        match slot.readable() {
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(())) => Poll::Ready(Ok(0)),
            None => {
                self.await_data(key, waker);
                Poll::Pending
            }
        }
    }

    /// Somebody waits for data that is not there.
    fn await_data(&mut self, key: Key, waker: &Waker) {
        let rechecks = self.config.recheck > Duration::MIN;
        let Some(slot) = self.slot(key) else { return };
        slot.reader.register(waker);
        slot.awaited = true;
        // A re-check that is set serves this wait too: there is no need to look again at every chunk.
        if rechecks && slot.recheck == NEVER && !slot.recheck_wanted {
            slot.recheck_wanted = true;
            self.wake_runner();
        }
    }

    /// Whether a read would come back at once: with data, at the end of the stream, or with an error.
    pub(crate) fn read_ready(&mut self, key: Key) -> bool {
        self.slot(key)
            .is_none_or(|slot| slot.has_data() || slot.readable().is_some())
    }

    /// Ready when a read would come back at once.
    #[cfg(feature = "edge-nal")]
    pub(crate) fn poll_readable(&mut self, key: Key, waker: &Waker) -> Poll<()> {
        if self.read_ready(key) {
            return Poll::Ready(());
        }
        self.await_data(key, waker);
        Poll::Pending
    }

    pub(crate) fn poll_write(
        &mut self,
        key: Key,
        bytes: &[u8],
        waker: &Waker,
    ) -> Poll<Result<usize, Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        slot.acknowledged = false;
        let count = slot.tx.push(bytes);
        if count == 0 {
            slot.writer.register(waker);
            return Poll::Pending;
        }
        self.wake_runner();
        Poll::Ready(Ok(count))
    }

    /// Whether a write would come back at once.
    pub(crate) fn write_ready(&mut self, key: Key) -> bool {
        self.slot(key)
            .is_none_or(|slot| slot.tx.free() > 0 || slot.unwritable().is_some())
    }

    /// Ready when the module has accepted everything that was written.
    pub(crate) fn poll_flush(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if slot.tx.is_empty() && slot.fault.is_none() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        slot.writer.register(waker);
        Poll::Pending
    }

    /// Takes the oldest datagram: its full length, and where it came from.
    pub(crate) fn poll_receive(
        &mut self,
        key: Key,
        into: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<(usize, Option<SocketAddr>), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(datagram) = slot.take_datagram(into) {
            if slot.may_have_data && slot.has_room() {
                self.wake_runner();
            }
            self.release_stall(key);
            return Poll::Ready(Ok(datagram));
        }
        match slot.readable() {
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(())) => Poll::Ready(Err(Error::Closed)),
            None => {
                self.await_data(key, waker);
                Poll::Pending
            }
        }
    }

    /// Puts a datagram into the transmit ring.
    #[inline(never)]
    pub(crate) fn poll_send(
        &mut self,
        key: Key,
        bytes: &[u8],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        match slot.put_datagram(bytes, to) {
            Ok(true) => {
                self.wake_runner();
                Poll::Ready(Ok(()))
            }
            Ok(false) => {
                slot.writer.register(waker);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Ready when the peer has acknowledged everything that was written.
    pub(crate) fn poll_acknowledged(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if slot.acknowledged && slot.tx.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        slot.writer.register(waker);
        if !slot.ack_wanted {
            slot.ack_wanted = true;
            self.wake_runner();
        }
        Poll::Pending
    }
}

impl Slot<'_> {
    /// Whether there is something for a reader in the ring.
    fn has_data(&self) -> bool {
        if self.is_datagram() {
            self.datagrams > 0
        } else {
            self.rx.len() > usize::from(self.withheld)
        }
    }

    /// What a reader learns when the ring is empty: the end, an error, or that it has to wait.
    fn readable(&self) -> Option<Result<(), Error>> {
        match self.phase {
            _ if self.ended => Some(Ok(())),
            _ if self.fault.is_some() => self.fault.map(Err),
            Phase::Closing | Phase::Closed | Phase::Free => Some(Err(Error::Closed)),
            Phase::Wanted | Phase::Opening | Phase::Open | Phase::Draining => None,
        }
    }

    /// Why nothing can be written.
    #[inline(never)]
    pub(crate) fn unwritable(&self) -> Option<Error> {
        match self.phase {
            _ if self.fault.is_some() => self.fault,
            Phase::Open if !self.shutdown => None,
            _ => Some(Error::Closed),
        }
    }
}
