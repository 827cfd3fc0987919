//! The sockets of the stack, one slot each.

#[cfg(feature = "udp")]
pub(crate) mod datagram;
#[cfg(feature = "keep-alive")]
pub(crate) mod keep_alive;
pub(crate) mod key;
mod life;
#[cfg(feature = "server")]
pub(crate) mod listener;
mod next;
pub(crate) mod open_close;
pub(crate) mod receive;
mod reopen;
pub(crate) mod request;
pub(crate) mod send;
pub(crate) mod slot;
pub(crate) mod transfer;

use core::task::Poll;

use self::key::{Key, SlotSet};
use self::request::Request;
use self::slot::{Phase, Slot};
use crate::at::{AccessMode, ConnectId, InvalidText};
use crate::engine::ids::IdSet;
use crate::engine::wakes::{Queue, Signal, WakeSet};
use crate::error::Error;
use crate::util::zeroed::Zeroed;

/// The first of the ports that are chosen for a user that leaves the choice to the stack (RFC 6335).
#[cfg(feature = "udp")]
const FIRST_EPHEMERAL_PORT: u16 = 49_152;

#[derive(Debug)]
pub(crate) struct Sockets<'d> {
    slots: &'d mut [Zeroed<Slot<'d>>],
    /// The slots without rings: they are for listeners, and these take no others.
    #[cfg(feature = "server")]
    without_rings: SlotSet,
    /// Tasks that wait for a slot whose socket is being closed.
    waiters: Signal<'d>,
    #[cfg(feature = "udp")]
    next_port: u16,
}

impl<'d> Sockets<'d> {
    #[cfg_attr(not(feature = "server"), allow(unused_variables))]
    pub(crate) const fn new(
        slots: &'d mut [Zeroed<Slot<'d>>],
        without_rings: SlotSet,
        wakes: &'d WakeSet,
    ) -> Self {
        Self {
            slots,
            #[cfg(feature = "server")]
            without_rings,
            waiters: Signal::new(wakes, Queue::FreeSlot),
            #[cfg(feature = "udp")]
            next_port: FIRST_EPHEMERAL_PORT,
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot<'d>> {
        self.slots.iter().filter_map(Zeroed::as_ref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<'d>> {
        self.slots.iter_mut().filter_map(Zeroed::as_mut)
    }

    /// The slot at a place, in use or not.
    pub(crate) fn at(&self, index: usize) -> Option<&Slot<'d>> {
        self.slots.get(index)?.as_ref()
    }

    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Slot<'d>> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// The slot of a socket. `None` if the slot was freed since, or has another socket.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn get(&self, key: Key) -> Option<&Slot<'d>> {
        self.at(key.index())
            .filter(|slot| slot.key == key && !slot.is_free())
    }

    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot<'d>> {
        self.at_mut(key.index())
            .filter(|slot| slot.key == key && !slot.is_free())
    }

    /// The slot of a socket, or [`Error::Closed`].
    pub(crate) fn get_or_closed(&mut self, key: Key) -> Result<&mut Slot<'d>, Error> {
        self.get_mut(key).ok_or(Error::Closed)
    }

    /// The socket that the module knows by this connectID, if it is in the state asked for.
    pub(crate) fn by_id(
        &mut self,
        id: ConnectId,
        state: impl Fn(&Slot<'d>) -> bool,
    ) -> Option<&mut Slot<'d>> {
        self.iter_mut().find(|slot| slot.id == id && state(slot))
    }

    /// Whether a socket uses this connectID.
    #[inline(never)] // Many callers.
    pub(crate) fn uses(&self, id: ConnectId) -> bool {
        self.iter().any(|slot| slot.id == id && slot.uses_id())
    }

    /// All connectIDs that sockets use.
    pub(crate) fn ids(&self) -> IdSet {
        let mut ids = IdSet::EMPTY;
        for slot in self.iter().filter(|slot| slot.uses_id()) {
            ids.insert(slot.id);
        }
        ids
    }

    /// The slots that a socket may take.
    fn allowed(&self, request: &Request<'_>) -> SlotSet {
        #[cfg(feature = "server")]
        if request.endpoint.is_listener() && self.without_rings != SlotSet::EMPTY {
            return self.without_rings;
        }
        request.slots
    }

    /// Takes a slot for a socket: the first free one of those that it may take. Pending while all are in use and the socket of one
    /// of them is being closed.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn poll_claim(
        &mut self,
        request: &Request<'_>,
        mode: AccessMode,
    ) -> Poll<Result<Key, Error>> {
        let is_known_good = self
            .iter()
            .any(|slot| slot.has_opened && slot.endpoint.is_like(&request.endpoint));
        let allowed = self.allowed(request);
        let slots = self.slots.iter_mut().filter_map(Zeroed::as_mut);
        let Some(slot) = { slots }.find(|slot| slot.is_free_in(allowed)) else {
            let is_closing = |slot: &Slot<'_>| !slot.is_kept() && allowed.contains(slot.key);
            if self.iter().any(is_closing) {
                return Poll::Pending;
            }
            return Poll::Ready(Err(Error::NoFreeSocket));
        };
        slot.claim(request, mode);
        slot.reopen.is_known_good = is_known_good;
        #[cfg(feature = "udp")]
        if slot.is_datagram() && slot.endpoint.local_port == 0 {
            // Another one each time.
            slot.endpoint.local_port = self.next_port;
            self.next_port = self
                .next_port
                .checked_add(1)
                .unwrap_or(FIRST_EPHEMERAL_PORT);
        }
        let name = request.name.as_bytes();
        if slot.tx.push(name) < name.len() {
            slot.phase = Phase::Free;
            // Less than the 253 bytes of the longest name.
            let max = slot.tx.capacity() as u8;
            return Poll::Ready(Err(Error::InvalidName(InvalidText::TooLong { max })));
        }
        Poll::Ready(Ok(slot.key))
    }

    /// Wakes the tasks that wait for a slot: one may be free, or there will be none.
    pub(crate) fn wake_waiters(&mut self) {
        self.waiters.wake();
    }

    /// All connections are lost.
    pub(crate) fn fail_all(&mut self, error: Error) {
        for slot in self.iter_mut() {
            slot.on_all_connections_lost(error);
        }
        self.waiters.wake();
    }

    /// The link stays down for a while: sockets that are not open yet fail.
    pub(crate) fn reject_waiting(&mut self, error: Error) {
        for slot in self.iter_mut() {
            if slot.phase == Phase::Wanted {
                slot.fail(error);
                slot.detach_id();
            }
        }
        self.waiters.wake();
    }
}

#[cfg(test)]
mod tests;
