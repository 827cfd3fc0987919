//! What the network does, and the end of data mode that it can bring.

use std::format;
use std::vec;

use super::{Connection, Module, State, from_peer};
use crate::at::ConnectId;

impl Module {
    /// The result of an open.
    pub(crate) fn opened(&mut self, id: usize, well: bool) {
        let index = self.ids[id];
        if let Some(connection) = self.at(id) {
            connection.state = if well { State::Open } else { State::Gone };
            connection.was_open = well;
            if connection.is_transparent {
                match index {
                    Some(index) if well => self.take_line(index),
                    _ => self.refuse(566),
                }
                return;
            }
        }
        self.say(&format!("+QIOPEN: {id},{}", if well { 0 } else { 566 }));
    }

    /// The peer sends a byte.
    pub(crate) fn data(&mut self, id: usize) {
        let index = self.ids[id];
        let has_line = index.is_some() && index == self.line;
        let Some(connection) = self.at(id) else {
            return;
        };
        let is_first = connection.arrived == connection.read;
        connection.arrived += 1;
        let place = connection.read;
        let index = index.unwrap_or_default();
        if has_line {
            connection.read += 1;
            self.output.push_back(vec![from_peer(index, place)]);
        } else if connection.pushes {
            connection.read += 1;
            self.say(&format!("+QIURC: \"recv\",{id},1"));
            self.output
                .push_back([from_peer(index, place), b'\r', b'\n'].to_vec());
        } else if is_first && connection.is_datagram {
            self.say(&format!("+QIURC: \"recv\",{id},1"));
        } else if is_first {
            self.say(&format!("+QIURC: \"recv\",{id}"));
        }
    }

    /// Somebody connects to a listener. False if there is no connectID for it.
    pub(crate) fn incoming(&mut self, listener: usize) -> bool {
        let Some(id) = self.ids.iter().rposition(Option::is_none) else {
            return false;
        };
        let serial = self.connections.len();
        let mut connection = Connection::new(usize::MAX, id);
        connection.state = State::Open;
        connection.was_open = true;
        self.connections.push(connection);
        self.ids[id] = Some(serial);
        let port = 5000 + serial;
        self.say(&format!(
            "+QIURC: \"incoming\",{id},{listener},\"203.0.113.7\",{port}"
        ));
        true
    }

    /// The peer closes.
    pub(crate) fn end(&mut self, id: usize) {
        if let Some(connection) = self.at(id) {
            connection.state = State::Ended;
            connection.ended = true;
        }
        if self.ids[id].is_some() && self.ids[id] == self.line {
            return self.end_line("NO CARRIER");
        }
        self.say(&format!("+QIURC: \"closed\",{id}"));
    }

    /// The end of a connection that the host has closed is reported all the same (quirk 37).
    pub(crate) fn late_closed(&mut self) {
        let mut connections = self.connections.iter_mut();
        if let Some(connection) = connections.find(|connection| connection.late_closed) {
            connection.late_closed = false;
            let line = format!("+QIURC: \"closed\",{}", connection.id);
            self.say(&line);
        }
    }

    /// The context is lost, and every connection with it.
    pub(crate) fn lose_context(&mut self) {
        self.link.context = false;
        self.lookup = None;
        if self.line.is_some() {
            self.end_line("NO CARRIER");
        }
        for id in 0..ConnectId::COUNT {
            if let Some(connection) = self.at(id) {
                connection.state = State::Gone;
            }
        }
    }

    /// The module has no power for a moment: what it was about to say is not said.
    pub(crate) fn restart(&mut self) {
        self.lose_power();
        self.link.is_off = false;
        self.output.clear();
        self.say("RDY");
    }

    pub(super) fn lose_power(&mut self) {
        self.lose_context();
        self.link.is_off = true;
        self.link.functionality = 1;
        self.ids = [None; ConnectId::COUNT];
        self.prompt = None;
        self.user_prompt = None;
        self.unended.clear();
    }

    // ---- transparent access mode ---------------------------------------------------------------------------------

    pub(super) fn take_line(&mut self, index: usize) {
        self.say("CONNECT");
        self.line = Some(index);
        let connection = &mut self.connections[index];
        connection.is_transparent = true;
        // What was not read comes first.
        let read = core::mem::replace(&mut connection.read, connection.arrived);
        let places = read..connection.arrived;
        self.output
            .extend(places.map(|place| vec![from_peer(index, place)]));
    }

    /// The host escapes, or the connection ends.
    pub(crate) fn leave_line(&mut self) {
        if self.line.is_some() {
            self.end_line("OK");
        }
    }

    fn end_line(&mut self, marker: &str) {
        self.line = None;
        self.say(marker);
        self.output.extend(self.held.drain(..));
    }

    /// Whether a byte of a data line is next: whatever else it says is longer.
    pub(crate) fn is_raw(&self) -> bool {
        self.output.front().is_some_and(|piece| piece.len() == 1)
    }
}
