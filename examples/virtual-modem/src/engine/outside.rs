//! What the world outside does to the module, through its handle.

use super::socket::Link;
use super::{Core, Power};
use crate::settings::Registration;
use core::time::Duration;

impl Core {
    /// Something happens to an open socket; its notices are sent.
    fn with_socket(
        &mut self,
        id: u8,
        act: impl FnOnce(&mut Core, &mut super::socket::Socket),
    ) -> Result<(), String> {
        let slot = usize::from(id);
        let socket = self.sockets.get_mut(slot).and_then(Option::take);
        let mut socket = socket.ok_or_else(|| format!("connectID {id} is free"))?;
        act(self, &mut socket);
        self.sockets[slot] = Some(socket);
        self.give_out();
        Ok(())
    }

    /// The connection is reset: what was not sent is lost.
    pub fn kill_socket(&mut self, id: u8) -> Result<(), String> {
        self.with_socket(id, |core, socket| {
            socket.link = Link::Gone;
            socket.unsent.clear();
            socket.ended = true;
            core.tell_end(socket);
        })
    }

    /// The peer closes the connection in order.
    pub fn end_socket(&mut self, id: u8) -> Result<(), String> {
        self.with_socket(id, |core, socket| {
            socket.ended = true;
            core.tell_end(socket);
        })
    }

    /// Data of the peer arrives, without a network.
    pub fn push_data(&mut self, id: u8, bytes: &[u8]) -> Result<(), String> {
        let mut refusal = Ok(());
        self.with_socket(id, |core, socket| match socket.peer {
            _ if socket.ended => refusal = Err(format!("the peer of connectID {id} is gone")),
            _ if core.is_full(socket) => {
                refusal = Err(format!("the receive buffer of connectID {id} is full"));
            }
            Some(peer) if socket.is_datagram() => {
                core.datagram_arrived(socket, bytes.to_vec(), peer);
            }
            _ => core.arrived(socket, bytes),
        })?;
        refusal
    }

    /// The network goes away, with its contexts, or comes back.
    pub fn set_network(&mut self, up: bool) {
        self.remark(if up { "network up" } else { "network down" });
        self.network_up = up;
        if up {
            self.on_since = self.now;
        } else {
            self.lose_all_contexts();
        }
        self.tell_registration();
    }

    pub fn set_registration(&mut self, registration: Registration) {
        self.settings.registration = registration;
        self.tell_registration();
    }

    fn tell_registration(&mut self) {
        self.after(Duration::ZERO, Core::report_registration_now);
    }

    /// "on", "off" or "booting"; the registration's number; the active contexts.
    pub fn link_state(&self) -> (&'static str, u32, Vec<u8>) {
        let power = match self.power {
            Power::On => "on",
            Power::Off => "off",
            Power::Booting => "booting",
        };
        (
            power,
            self.registration_number(),
            self.active_contexts().collect(),
        )
    }

    /// Bytes to the host, wherever they fall; lost if the host does not read.
    pub fn put_raw(&mut self, bytes: &[u8]) {
        if !self.has_room_for_host() {
            return self.remark(format!("lost: {} raw bytes", bytes.len()));
        }
        self.record_payload(crate::log::Direction::ToHost, bytes);
        self.output.extend_from_slice(bytes);
    }
}
