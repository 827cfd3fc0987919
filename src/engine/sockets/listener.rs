//! Listeners: connections that the module has accepted, until the user asks for them (2.2.3, 2.2.4).

use core::net::SocketAddr;

use super::Sockets;
use super::key::Key;
use super::request::{Request, Target};
use super::slot::{Owner, Phase, Slot};
use crate::at::{AccessMode, ConnectId, ErrorCode, ServiceType};
use crate::config::Config;
use crate::error::Error;

/// What all listeners have in common.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// How many connections have been accepted, modulo 2^16: the oldest is handed out first.
    accept_counter: u16,
}

impl Listeners {
    pub(crate) const fn new() -> Self {
        Self { accept_counter: 0 }
    }

    /// The module has accepted a connection. Returns false if there is no listener or no slot for it: it has to be closed.
    pub(crate) fn on_incoming(
        &mut self,
        sockets: &mut Sockets<'_>,
        config: &Config<'_>,
        id: ConnectId,
        server: ConnectId,
        peer: Option<SocketAddr>,
    ) -> bool {
        let order = self.accept_counter;
        self.accept_counter = order.wrapping_add(1);
        // A socket that still uses this connectID has lost it: its open is too late, or its close was carried out and not
        // answered. Its AT+QICLOSE may also be under way, and close the new connection.
        let mut needs_state_check = false;
        if let Some(slot) = sockets.by_id(id, Slot::uses_id) {
            needs_state_check = !slot.is_opening();
            if slot.is_opening() {
                let _ = slot.on_open_refused(ErrorCode::ID_IN_USE, config);
            }
            slot.detach_id();
            sockets.wake_waiters();
        }
        let Some(listener) = sockets.by_id(server, Slot::accepts) else {
            return false;
        };
        let (key, mode, allowed) = (listener.key, listener.access_mode(), listener.slots);
        let service = match listener.endpoint.service {
            ServiceType::UdpListener => ServiceType::UdpIncoming,
            _ => ServiceType::TcpIncoming,
        };
        let port = listener.endpoint.local_port;
        let owner = Owner::Backlog {
            listener: key,
            order,
        };
        let slots = sockets.iter_mut();
        let Some(slot) = { slots }.find(|slot| slot.is_free_in(allowed)) else {
            return false;
        };
        slot.claim_incoming(service, port, id, peer, owner, mode);
        if needs_state_check {
            slot.check_state();
        }
        if let Some(listener) = sockets.get_mut(key) {
            listener.wake_readers();
        }
        true
    }

    /// Takes the oldest connection of the listener's backlog for the user.
    pub(crate) fn take_oldest<'s, 'd>(
        &self,
        sockets: &'s mut Sockets<'d>,
        listener: Key,
    ) -> Option<&'s mut Slot<'d>> {
        let now = self.accept_counter;
        let (_, slot) = sockets
            .iter_mut()
            .filter_map(|slot| match slot.owner {
                Owner::Backlog {
                    listener: owner,
                    order,
                } if owner == listener => Some((now.wrapping_sub(order), slot)),
                _ => None,
            })
            .max_by_key(|(age, _)| *age)?;
        slot.owner = Owner::Handle;
        Some(slot)
    }

    /// Closes the connection that waits longest to be accepted in a slot that this socket may take. Returns false if there is none.
    pub(crate) fn make_room(&self, sockets: &mut Sockets<'_>, request: &Request<'_>) -> bool {
        let now = self.accept_counter;
        let age = |slot: &&mut Slot<'_>| match slot.owner {
            Owner::Backlog { order, .. } => Some(now.wrapping_sub(order)),
            _ => None,
        };
        let allowed = sockets.allowed(request);
        let slots = sockets.iter_mut();
        let oldest = { slots }
            .filter(|slot| allowed.contains(slot.key))
            .max_by_key(age);
        let Some(slot) = oldest.filter(|slot| age(slot).is_some()) else {
            return false;
        };
        slot.abort(Error::Closed);
        true
    }

    /// Whether there is a listener.
    pub(crate) fn exist(sockets: &Sockets<'_>) -> bool {
        sockets
            .iter()
            .any(|slot| slot.is_listener() && !slot.is_free())
    }

    /// A listener is dropped: fails the connections of its backlog. Returns how many.
    pub(crate) fn drop_backlog(sockets: &mut Sockets<'_>, dropped: Key) -> u32 {
        let mut count = 0;
        for slot in sockets.iter_mut() {
            if matches!(slot.owner, Owner::Backlog { listener, .. } if listener == dropped) {
                slot.abort(Error::Closed);
                count += 1;
            }
        }
        count
    }
}

impl Slot<'_> {
    /// Whether it is a listener whose user still wants connections.
    fn accepts(&self) -> bool {
        self.is_listener()
            && matches!(self.phase, Phase::Open | Phase::Opening)
            && self.has_handle()
            && !self.is_write_ended()
    }

    /// Takes a free slot into use for a connection that the module has accepted.
    fn claim_incoming(
        &mut self,
        service: ServiceType,
        port: u16,
        id: ConnectId,
        peer: Option<SocketAddr>,
        owner: Owner,
        wanted: AccessMode,
    ) {
        let target = peer.map_or(Target::None, Target::Address);
        self.claim(&Request::new(service, target, port), AccessMode::Buffer);
        #[cfg(feature = "push")]
        {
            self.mode.wanted = Some(wanted).filter(|wanted| *wanted != AccessMode::Buffer);
        }
        #[cfg(not(feature = "push"))]
        let _ = wanted;
        self.owner = owner;
        self.id = id;
        self.phase = Phase::Open;
        self.has_opened = true;
    }
}
