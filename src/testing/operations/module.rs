//! What the runner asks of the module, and how that answers.

use std::format;
use std::vec::Vec;

use super::user::address;
use super::{Choices, Connection, Datagram, HEADER, World, stream};
use crate::at::{ConnectId, ServiceType};
use crate::engine::{Action, Job, Key, LineKind, LinkState};
use crate::util::time::NEVER;

impl World<'_> {
    /// One action of the runner. False when there was none to take.
    pub(super) fn transaction(&mut self, choices: &mut Choices<'_>) -> bool {
        let job = match self.rig.next() {
            Action::Run(job) => job,
            Action::Wait(until) if until < NEVER => {
                self.rig.now = self.rig.now.max(until);
                return true;
            }
            Action::Wait(_) => return false,
            Action::Escape(_) | Action::Reset | Action::WriteRaw { .. } | Action::ReadDcd => {
                return true;
            }
        };
        self.rig.begin(job);
        if let Job::Send { key, .. } | Job::CountSent(key) = job {
            self.sender = Some(key);
        }
        let choice = if self.honest { 255 } else { choices.byte() };
        match choice {
            // Nothing is said, and nothing done.
            0..=2 => {
                self.finish();
                return true;
            }
            // A module that refuses a close says truly whether there is something to be closed.
            3..=8 if !matches!(job, Job::CloseOrphan(_) | Job::Status(_)) => {
                let refused = [
                    "ERROR",
                    "+CME ERROR: 3",
                    "+CME ERROR: 552",
                    "+CME ERROR: 568",
                ];
                self.lied |= matches!(job, Job::Read { .. });
                self.keeps_context |= job == Job::Deactivate;
                if self.say(refused[usize::from(choice) % 4]) == LineKind::Final {
                    self.finish();
                    return true;
                }
            }
            // In between.
            9..=20 => self.network(choices),
            21..=23 => self.user(choices),
            _ => {}
        }
        self.carry_out(job, choice, choices);
        self.finish();
        true
    }

    /// Without a final result code the transaction ends here.
    fn finish(&mut self) {
        self.whatever_ends(|world| world.rig.finish());
    }

    /// Keeps count if a transaction ends meanwhile.
    pub(super) fn whatever_ends<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.counted().dropped_datagrams;
        let job = self.rig.job();
        let done = work(self);
        if job.is_none() || self.rig.job().is_some() {
            return done;
        }
        let is_read = matches!(job, Some(Job::Read { .. }));
        if self.counted().dropped_datagrams > before && !is_read {
            self.drop_unsent();
        }
        if let Some(key) = self.damaged.take() {
            let user = self.users.iter_mut().find(|user| user.key == key);
            if user.is_some_and(|user| user.waiting.pop_back().is_some()) {
                self.counts.dropped_datagrams += 1;
            }
        }
        done
    }

    /// The host has dropped the oldest datagram that it had to send.
    fn drop_unsent(&mut self) {
        let Some(key) = self.sender else {
            return;
        };
        let mut everyone = self.users.iter_mut().chain(&mut self.past);
        let user = everyone.rfind(|user| user.key == key);
        let mut connections = self.ids.iter_mut().flatten();
        let connection = connections.find(|connection| connection.key == Some(key));
        if let (Some(user), Some(connection)) = (user, connection) {
            // All of them may be accepted: one was sent twice, because the module did not say what it had accepted.
            let is_accepted = core::mem::take(&mut connection.oldest_is_accepted)
                || connection.accepted_datagrams >= user.sent.len();
            if !is_accepted {
                user.sent.remove(connection.accepted_datagrams);
            }
        }
        self.counts.dropped_datagrams += 1;
    }

    fn carry_out(&mut self, job: Job, choice: u8, choices: &mut Choices<'_>) {
        let id = |world: &Self, key: Key| world.rig.id(key);
        match job {
            Job::Open(key) => self.answer_open(id(self, key), key),
            Job::Close(key) => {
                let id = id(self, key);
                self.forget(id.into());
                self.say("OK");
            }
            Job::CloseOrphan(id) => {
                self.forget(id.get().into());
                self.say("OK");
            }
            Job::Status(key) => {
                let id = id(self, key);
                if self.ids[usize::from(id)].is_some() {
                    self.say_state(id);
                }
                self.say("OK");
            }
            Job::ListSockets => {
                for id in 0..12 {
                    if self.ids[usize::from(id)].is_some() {
                        self.say_state(id);
                    }
                }
                self.say("OK");
            }
            Job::Deactivate => {
                self.keeps_context = false;
                (0..ConnectId::COUNT).for_each(|id| self.forget(id));
                self.rig.active = false;
                self.say("OK");
            }
            Job::PowerDown => {
                self.say("OK");
                (0..ConnectId::COUNT).for_each(|id| self.forget(id));
                self.rig.active = false;
                self.say("POWERED DOWN");
            }
            Job::Read { key, length } => self.answer_read(id(self, key), key, length, choice),
            Job::Send { key, length } => {
                self.answer_send(id(self, key), key, length, choice, choices);
            }
            Job::CountSent(key) => {
                let id = id(self, key);
                match self.at(id) {
                    Some(connection) => {
                        let accepted = connection.accepted;
                        connection.oldest_is_accepted = false;
                        self.say(&format!("+QISEND: {accepted},{accepted},0"));
                        self.say("OK");
                    }
                    None => {
                        self.say("ERROR");
                    }
                }
            }
            Job::CountReceived(key) => {
                let id = id(self, key);
                match self.at(id) {
                    Some(connection) => {
                        let (arrived, read) = (connection.arrived, connection.read);
                        self.say(&format!("+QIRD: {arrived},{read},{}", arrived - read));
                        self.say("OK");
                    }
                    None => {
                        self.say("ERROR");
                    }
                }
            }
            Job::LastError => {
                let code = [0, 550, 552, 563, 566, 567, 568, 569][usize::from(choice) % 8];
                self.say(&format!("+QIGETERROR: {code},some words"));
                self.say("OK");
            }
            job => {
                for line in self.rig.reply(job) {
                    self.say(line);
                }
            }
        }
    }

    fn say_state(&mut self, id: u8) {
        let Some(connection) = self.at(id) else {
            return;
        };
        let state = match (connection.closed, connection.open) {
            (true, _) => 4,
            (false, false) => 1,
            (false, true) if connection.is_listener() => 3,
            (false, true) => 2,
        };
        let service = match connection.service {
            ServiceType::Udp => "UDP",
            ServiceType::UdpService => "UDP SERVICE",
            ServiceType::TcpListener => "TCP LISTENER",
            ServiceType::TcpIncoming => "TCP INCOMING",
            _ => "TCP",
        };
        self.say(&format!(
            "+QISTATE: {id},\"{service}\",\"203.0.113.7\",80,0,{state},1,0,0,\"uart1\""
        ));
    }

    fn answer_open(&mut self, id: u8, key: Key) {
        if self.at(id).is_some() {
            self.say("OK");
            self.say(&format!("+QIOPEN: {id},563"));
            return;
        }
        let service = self.rig.service(key).unwrap_or(ServiceType::Tcp);
        let serial = self.next_serial();
        let mut connection = Connection::new(serial, service, Some(key));
        connection.open = self.honest;
        *self.at(id) = Some(connection);
        if let Some(user) = self.users.iter_mut().find(|user| user.key == key) {
            user.connection = Some(serial);
        }
        self.say("OK");
        if self.honest {
            self.say(&format!("+QIOPEN: {id},0"));
        }
    }

    // ---- reads ---------------------------------------------------------------------------------------------------

    fn answer_read(&mut self, id: u8, key: Key, length: u16, choice: u8) {
        let room = self.rig.room(key);
        let Some(connection) = self.at(id) else {
            self.say("ERROR");
            return;
        };
        assert_eq!(
            connection.key,
            Some(key),
            "a read of somebody else's connection"
        );
        assert!(!connection.is_listener());
        if connection.is_datagram() {
            let next = connection.datagrams.pop_front();
            let (serial, service) = (connection.serial, connection.service);
            match next {
                Some(datagram) => self.hand_over(key, serial, service, datagram, choice),
                None => {
                    self.say("+QIRD: 0");
                    if matches!(choice, 34..=40) {
                        self.rig.engine(|engine| engine.damaged());
                    }
                    self.say("OK");
                }
            }
            return;
        }
        assert!(usize::from(length) <= room, "no room");
        let count = usize::from(length).min(connection.arrived - connection.read);
        let data: Vec<u8> = (0..count)
            .map(|offset| stream(connection.serial ^ 0xaaaa, connection.read + offset))
            .collect();
        connection.read += count;
        self.rig.say_data(&data);
        self.say("OK");
    }

    /// A datagram, whole or not.
    fn hand_over(
        &mut self,
        key: Key,
        serial: u32,
        service: ServiceType,
        datagram: Datagram,
        choice: u8,
    ) {
        let Datagram { number, length } = datagram;
        let before = self.counted().dropped_datagrams;
        let has_handle = self.rig.datagrams(key);
        // Not every module tells whom the datagrams of a connected socket are from; of an empty one nothing else tells.
        let header = match service {
            ServiceType::Udp if length > 0 && number % 2 == 0 => format!("+QIRD: {length}"),
            _ => {
                let from = address(datagram);
                format!("+QIRD: {length},\"{}\",{}", from.ip(), from.port())
            }
        };
        let heard = self.say(&header);
        let bytes = datagram.bytes(serial ^ 0xaaaa);
        // The rest may get lost on the line.
        let missing = if matches!(choice, 30..=33) {
            length / 2 + length % 2
        } else {
            0
        };
        let live = self.rig.is_live(key);
        if let LineKind::Header = heard {
            assert_eq!(self.rig.announced(), length);
            let bytes = &bytes[..length - missing];
            self.rig.engine(|engine| engine.deliver(bytes));
        } else {
            assert_eq!(length, 0, "{heard:?} in place of a datagram");
        }
        let dropped = self.counted().dropped_datagrams - before;
        self.counts.dropped_datagrams += dropped;
        if dropped > 0 {
            assert_eq!(dropped, 1);
            assert!(
                length + HEADER > self.rx,
                "there was room for {length} bytes"
            );
        }
        let taken = self.rig.datagrams(key) - has_handle;
        let user = self.users.iter_mut().find(|user| user.key == key);
        if let Some(user) = user {
            if taken > 0 {
                user.waiting.push_back(datagram);
            } else if live && dropped == 0 {
                assert!(missing > 0, "a datagram is lost");
            }
        }
        if missing > 0 {
            // Nothing more comes: what was begun is dropped when the runner gives up.
            if dropped == 0 && self.rig.has_partial(key) {
                self.counts.dropped_datagrams += 1;
            }
            return;
        }
        if matches!(choice, 34..=40) && taken > 0 {
            self.rig.engine(|engine| engine.damaged());
            self.damaged = Some(key);
        }
        self.say("OK");
    }

    // ---- sends ---------------------------------------------------------------------------------------------------

    fn answer_send(
        &mut self,
        id: u8,
        key: Key,
        length: u16,
        choice: u8,
        choices: &mut Choices<'_>,
    ) {
        assert!(length > 0);
        let there = self
            .at(id)
            .as_ref()
            .is_some_and(|connection| connection.open && !connection.closed);
        if !there {
            self.say("ERROR");
            return;
        }
        self.rig.prompt();
        let mut payload = std::vec![0; length.into()];
        let peeked = self.rig.engine(|engine| engine.peek(key, 0, &mut payload));
        let taken = match choice {
            24..=60 => choices.below(usize::from(length) + 1),
            _ => usize::from(length),
        };
        if peeked == 0 {
            // The slot is another's by now: filler.
            self.say("SEND OK");
            return;
        }
        assert_eq!(peeked, usize::from(length));
        let destination = self.rig.destination(key);
        let mut everyone = self.users.iter().chain(&self.past);
        let user = everyone.rfind(|user| user.key == key);
        let user = user.expect("a user");
        let connection = self.ids[usize::from(id)].as_mut().expect("a connection");
        assert_eq!(
            connection.key,
            Some(key),
            "a send to somebody else's connection"
        );
        let taken = if connection.is_datagram() {
            let datagram = user.sent[connection.accepted_datagrams];
            assert_eq!(payload, datagram.bytes(user.serial));
            if connection.service == ServiceType::UdpService {
                assert_eq!(destination, Some(address(datagram)));
            }
            // All of it, or nothing.
            let whole = taken > payload.len() / 2;
            connection.accepted_datagrams += usize::from(whole);
            connection.oldest_is_accepted = whole && matches!(choice, 24..=60);
            if whole { payload.len() } else { 0 }
        } else {
            for (offset, byte) in payload[..taken].iter().enumerate() {
                let place = connection.accepted + offset;
                assert!(place < user.written);
                assert_eq!(
                    *byte,
                    stream(user.serial, place),
                    "byte {place} to the peer"
                );
            }
            taken
        };
        connection.accepted += taken;
        match choice {
            // Taken, and nothing said.
            24..=28 if self.rig.engine(|engine| engine.link_state()) == LinkState::Up => {}
            24..=60 => {
                self.say("SEND FAIL");
            }
            61..=70 => {
                self.say("OK");
                self.say("SEND OK");
            }
            _ => {
                self.say("SEND OK");
            }
        }
    }
}
