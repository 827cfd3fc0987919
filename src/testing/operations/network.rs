//! What comes from outside.

use std::format;

use super::{Choices, Connection, Datagram, World};
use crate::at::{ConnectId, ServiceType};

/// Number of datagrams that the module keeps. It drops the rest before the host knows of them.
const MOST_DATAGRAMS: usize = 8;

impl World<'_> {
    pub(super) fn network(&mut self, choices: &mut Choices<'_>) {
        let id = choices.below(ConnectId::COUNT) as u8;
        // Rather one that is there.
        let id = (0..12)
            .map(|offset| (id + offset) % 12)
            .find(|id| self.ids[usize::from(*id)].is_some())
            .unwrap_or(id);
        let choice = choices.below(6);
        let amount = choices.below(150);
        let Some(connection) = self.at(id) else {
            return;
        };
        if !connection.open && !connection.closed {
            return self.opened(id, choice > 0, amount);
        }
        if choice == 1 {
            // Once more, or for nothing.
            self.say(&format!("+QIURC: \"recv\",{id}"));
            return;
        }
        if connection.closed {
            return;
        }
        if connection.is_listener() {
            return self.incoming(id, amount);
        }
        if connection.is_datagram() {
            return self.datagram(id, amount % 62);
        }
        if choice == 0 {
            connection.closed = true;
            self.say(&format!("+QIURC: \"closed\",{id}"));
            return;
        }
        let was_empty = connection.arrived == connection.read;
        connection.arrived += amount;
        if was_empty && amount > 0 {
            self.say(&format!("+QIURC: \"recv\",{id}"));
        }
    }

    /// The result of an open.
    fn opened(&mut self, id: u8, well: bool, amount: usize) {
        let Some(connection) = self.at(id) else {
            return;
        };
        if well {
            connection.open = true;
            self.say(&format!("+QIOPEN: {id},0"));
            return;
        }
        let code = [563, 566, 568, 569, 552][amount % 5];
        // Whether the id stays taken can be read both ways.
        connection.closed = true;
        if amount > 75 {
            self.forget(id.into());
        }
        self.say(&format!("+QIOPEN: {id},{code}"));
    }

    /// Somebody comes to a listener. Modules give the highest id that is free; let it be the lowest now and then, which this
    /// side prefers as well.
    fn incoming(&mut self, listener: u8, amount: usize) {
        let Some(id) = (0..ConnectId::COUNT)
            .rev()
            .find(|id| self.ids[*id].is_none())
        else {
            self.say("+QIURC: \"incoming full\"");
            self.counts.refused_connections += 1;
            return;
        };
        let owner = self.at(listener).as_ref().and_then(|owner| owner.key);
        let serial = self.next_serial();
        let port = 5000 + amount as u16;
        let before = self.counted().refused_connections;
        self.say(&format!(
            "+QIURC: \"incoming\",{id},{listener},\"203.0.113.7\",{port}"
        ));
        let refused = self.counted().refused_connections - before;
        self.counts.refused_connections += refused;
        let key = match refused {
            0 => Some(self.rig.key_of(id as u8).expect("a slot of its own")),
            _ => None,
        };
        if let Some(key) = key {
            let listener = self.users.iter_mut().find(|user| Some(user.key) == owner);
            let listener = listener.expect("a listener that somebody has");
            assert!(!listener.closing, "a listener that was closed");
            listener.backlog.push_back((key, serial, port));
        }
        let mut connection = Connection::new(serial, ServiceType::TcpIncoming, key);
        connection.open = true;
        self.ids[id] = Some(connection);
    }

    fn datagram(&mut self, id: u8, length: usize) {
        let Some(connection) = self.at(id) else {
            return;
        };
        let was_empty = connection.datagrams.is_empty();
        if connection.datagrams.len() == MOST_DATAGRAMS {
            return;
        }
        let number = connection.numbered;
        connection.numbered += 1;
        connection.datagrams.push_back(Datagram { number, length });
        if was_empty {
            self.say(&format!("+QIURC: \"recv\",{id}"));
        }
    }
}
