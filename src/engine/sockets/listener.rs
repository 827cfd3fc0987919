//! Listeners: the connections that the module accepts, until the user does (sections 2.2.3 and 2.2.4).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::{Poll, Waker};

use crate::at::{ConnectId, ErrorCode, Fields, IncomingPeer, ServiceType};
use crate::engine::Engine;
use crate::engine::exchange::job::Key;
use crate::engine::sockets::slot::Phase;
use crate::error::Error;
use crate::util::zeroed::Zeroed;

/// The peer of a connection whose address the module gave in a form that cannot be read.
pub(crate) const UNKNOWN_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What the table does for listeners.
pub(crate) trait ListenPart: fmt::Debug + Sync {
    /// The module has accepted a connection. False if it has not after all.
    fn incoming(&self, engine: &mut Engine<'_>, id: ConnectId, caller: Fields<'_>) -> bool;
    /// Whether there is a listener.
    fn is_listening(&self, engine: &Engine<'_>) -> bool;
    /// A listener is gone: so are the connections that nobody asked for.
    fn drop_backlog(&self, engine: &mut Engine<'_>, listener: Key);
}

#[derive(Debug)]
struct Listeners;

impl ListenPart for Listeners {
    fn incoming(&self, engine: &mut Engine<'_>, id: ConnectId, caller: Fields<'_>) -> bool {
        let Some(IncomingPeer { server_id, peer }) = caller.whole() else {
            return false;
        };
        engine.on_incoming(id, server_id, peer);
        true
    }

    fn is_listening(&self, engine: &Engine<'_>) -> bool {
        let mut slots = engine.slots.iter().filter_map(Zeroed::as_ref);
        slots.any(|slot| slot.is_listener() && slot.phase != Phase::Free)
    }

    fn drop_backlog(&self, engine: &mut Engine<'_>, listener: Key) {
        engine.drop_backlog(listener);
    }
}

impl Engine<'_> {
    /// Somebody wants listeners.
    pub(crate) fn enable_listeners(&mut self) {
        self.parts.listen = Some(&Listeners);
    }

    /// The module has accepted a connection. Without a slot for it, it is closed again.
    fn on_incoming(&mut self, id: ConnectId, server: ConnectId, peer: Option<SocketAddr>) {
        let listener = self.slot_by_id(server, Phase::Open.bit() | Phase::Opening.bit());
        let service = match listener {
            Some((key, slot)) if slot.is_listener() && slot.has_handle && !slot.shutdown => Some((
                key,
                slot.mode,
                match slot.service {
                    ServiceType::UdpListener => ServiceType::UdpIncoming,
                    _ => ServiceType::TcpIncoming,
                },
            )),
            _ => None,
        };
        let order = self.accept_counter;
        self.accept_counter = order.wrapping_add(1);
        // Whoever had this connectID before is gone, and whoever wants it is too late: the state of what has come would
        // be taken for that of the open.
        self.link.orphan_ids &= !(1 << id.get());
        if let Some((_, slot)) = self.slot_by_id(id, Phase::Opening.bit()) {
            slot.open_refused(ErrorCode::ID_IN_USE);
        }
        let parts = self.parts;
        let free = self.slots().find(|slot| slot.phase == Phase::Free);
        match (service, free) {
            (Some((listener, mode, service)), Some(slot)) => {
                slot.claim_incoming(service, id, peer, (listener, order), mode, parts);
                if let Some(listener) = self.slot(listener) {
                    listener.reader.wake();
                }
            }
            _ => {
                self.link.orphan_ids |= 1 << id.get();
                self.refused_connection();
            }
        }
        self.wake_runner();
    }

    pub(crate) fn refused_connection(&mut self) {
        let refused = &mut self.statistics.refused_connections;
        *refused = refused.wrapping_add(1);
    }

    /// The oldest connection that a listener has and nobody has asked for.
    pub(crate) fn poll_accept(
        &mut self,
        listener: Key,
        waker: &Waker,
    ) -> Poll<Result<(Key, Option<SocketAddr>), Error>> {
        let now = self.accept_counter;
        let oldest = self
            .slots()
            .filter_map(|slot| match slot.backlog {
                Some((owner, order)) if owner == listener => Some((now.wrapping_sub(order), slot)),
                _ => None,
            })
            .max_by_key(|(age, _)| *age);
        if let Some((_, slot)) = oldest {
            slot.backlog = None;
            slot.has_handle = true;
            return Poll::Ready(Ok((slot.key, slot.remote())));
        }
        let Some(slot) = self.slot(listener) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        slot.reader.register(waker);
        Poll::Pending
    }

    fn drop_backlog(&mut self, listener: Key) {
        let mut refused = 0;
        for slot in self.slots() {
            if slot.backlog.is_some_and(|(owner, _)| owner == listener) {
                slot.backlog = None;
                slot.fail(Error::Closed);
                if slot.phase == Phase::Closed {
                    slot.phase = Phase::Free;
                }
                refused += 1;
            }
        }
        let count = &mut self.statistics.refused_connections;
        *count = count.wrapping_add(refused);
    }
}
