//! Users, runner, module and network, in any order.

use core::task::Poll;
use std::format;
use std::vec::Vec;

use super::Choices;
use crate::command::ConnectId;
use crate::config::Config;
use crate::socket::rig::Rig;
use crate::socket::{Action, Heard, Job, Key, LinkState};
use crate::stack::{Resources, new};

const SOCKETS: usize = 3;
/// No sequence needs as many transactions to come to rest.
const PATIENCE: usize = 3000;

/// The byte at a place of a stream: each connection and direction has its own.
fn stream(serial: u32, place: usize) -> u8 {
    let mixed = (serial.wrapping_mul(0x9e37_79b9) ^ place as u32).wrapping_mul(0x85eb_ca6b);
    (mixed >> 24) as u8
}

/// A connection as the module has it.
struct Connection {
    serial: u32,
    /// The handle it was opened for.
    key: Key,
    open: bool,
    closed: bool,
    /// How many bytes the peer has sent, and how many the host has read.
    arrived: usize,
    read: usize,
    /// How many bytes the module has accepted.
    accepted: usize,
}

/// A handle as its user has it.
struct User {
    key: Key,
    /// Names the bytes that are written.
    serial: u32,
    written: usize,
    received: usize,
    /// The connection that the handle got.
    connection: Option<u32>,
    closing: bool,
}

struct World<'d> {
    rig: Rig<'d>,
    ids: [Option<Connection>; ConnectId::COUNT],
    users: Vec<User>,
    /// Handles that are gone: the bytes of theirs still count.
    past: Vec<User>,
    serial: u32,
    /// How many bytes of a connection had arrived in all, for those that the module has forgotten.
    totals: Vec<(u32, usize)>,
    /// Transactions are answered in good order from now on.
    honest: bool,
    /// A read was refused although the connection was there: an end may come early.
    lied: bool,
}

/// Carries out the operations that `input` names, and checks after each of them what has to hold at any time.
pub fn operations(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut resources = Resources::<SOCKETS, 64, 48>::new();
    let (stack, _) = new(&mut resources, Config::new("internet"));
    let mut rig = Rig::on(stack.shared);
    rig.start();
    rig.bring_up();
    let mut world = World {
        rig,
        ids: [const { None }; ConnectId::COUNT],
        users: Vec::new(),
        past: Vec::new(),
        serial: 0,
        totals: Vec::new(),
        honest: false,
        lied: false,
    };
    while !choices.is_empty() {
        match choices.below(16) {
            0..=5 => {
                world.transaction(&mut choices);
            }
            6..=10 => world.user(&mut choices),
            11..=13 => world.network(&mut choices),
            14 => world.rig.pass(u64::from(choices.byte()) * 40),
            _ => world.fault(&mut choices),
        }
        world.rig.check();
    }
    world.come_to_rest();
}

impl World<'_> {
    fn say(&mut self, line: &str) -> Heard {
        self.rig.hear(line)
    }

    fn at(&mut self, id: u8) -> &mut Option<Connection> {
        &mut self.ids[usize::from(id)]
    }

    fn forget(&mut self, id: usize) {
        if let Some(connection) = self.ids[id].take() {
            self.totals.push((connection.serial, connection.arrived));
        }
    }

    // ---- users ---------------------------------------------------------------------------------------------------

    fn user(&mut self, choices: &mut Choices<'_>) {
        let choice = choices.below(12);
        if choice == 0 || self.users.is_empty() {
            if let Poll::Ready(Ok(key)) = self.rig.try_claim() {
                self.serial += 1;
                self.users.push(User {
                    key,
                    serial: self.serial,
                    written: 0,
                    received: 0,
                    connection: None,
                    closing: false,
                });
            }
            return;
        }
        let index = choices.below(self.users.len());
        let key = self.users[index].key;
        match choice {
            1 => {
                self.rig.release(key);
                let user = self.users.remove(index);
                self.past.push(user);
            }
            2 => {
                self.rig.abort(key);
                self.rig.release(key);
                let user = self.users.remove(index);
                self.past.push(user);
            }
            3 => {
                if self.rig.connected(key) == Poll::Ready(Ok(())) {
                    self.rig.shut(key);
                    self.users[index].closing = true;
                }
            }
            4 => {
                let _ = self.rig.closed(key);
            }
            5 => {
                let _ = self.rig.flush(key);
            }
            6 | 7 => self.write(index, choices.below(100)),
            _ => self.read(index, choices.below(100) + 1),
        }
    }

    fn write(&mut self, index: usize, length: usize) {
        let user = &mut self.users[index];
        let bytes: Vec<u8> = (0..length)
            .map(|offset| stream(user.serial, user.written + offset))
            .collect();
        if let Poll::Ready(Ok(count)) = self.rig.write(user.key, &bytes) {
            assert!(count <= length);
            user.written += count;
        }
    }

    fn read(&mut self, index: usize, most: usize) {
        let user = &mut self.users[index];
        let result = self
            .rig
            .read_with(user.key, most, core::task::Waker::noop());
        let Poll::Ready(Ok(bytes)) = result else {
            return;
        };
        let connection = user.connection.expect("bytes of a connection");
        for byte in &bytes {
            let expected = stream(connection ^ 0xaaaa, user.received);
            assert_eq!(*byte, expected, "byte {}", user.received);
            user.received += 1;
        }
        if bytes.is_empty() && !self.lied {
            let held = self.ids.iter().flatten();
            let total = held
                .map(|held| (held.serial, held.arrived))
                .chain(self.totals.iter().copied())
                .find(|(serial, _)| *serial == connection)
                .map(|(_, total)| total);
            assert_eq!(Some(user.received), total, "the end came early");
        }
    }

    // ---- network -------------------------------------------------------------------------------------------------

    fn network(&mut self, choices: &mut Choices<'_>) {
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
        match choice {
            _ if !connection.open && !connection.closed => {
                if choice == 0 {
                    let code = [563, 566, 568, 569, 552][amount % 5];
                    // Whether the id stays taken can be read both ways.
                    connection.closed = true;
                    if amount > 75 {
                        self.forget(id.into());
                    }
                    self.say(&format!("+QIOPEN: {id},{code}"));
                } else {
                    connection.open = true;
                    self.say(&format!("+QIOPEN: {id},0"));
                }
            }
            0 => {
                if !connection.closed {
                    connection.closed = true;
                    self.say(&format!("+QIURC: \"closed\",{id}"));
                }
            }
            1 => {
                // Once more, or for nothing.
                self.say(&format!("+QIURC: \"recv\",{id}"));
            }
            _ if connection.closed => {}
            _ => {
                let was_empty = connection.arrived == connection.read;
                connection.arrived += amount;
                if was_empty && amount > 0 {
                    self.say(&format!("+QIURC: \"recv\",{id}"));
                }
            }
        }
    }

    fn fault(&mut self, choices: &mut Choices<'_>) {
        let id = choices.below(13);
        match choices.below(40) {
            0 => {
                self.say("+QIURC: \"pdpdeact\",1");
                self.rig.active = false;
            }
            1 => {
                self.say("RDY");
                self.rig.active = false;
                (0..ConnectId::COUNT).for_each(|id| self.forget(id));
            }
            2 => {
                self.rig.table(|table| table.stop(false));
                self.rig.start();
            }
            3 => {
                self.say("OK");
            }
            4 => {
                self.say("ERROR");
            }
            // Late, for the last user of the id.
            5..=9 if self.ids.get(id).is_some_and(Option::is_none) => {
                self.say(&format!("+QIURC: \"closed\",{id}"));
            }
            10..=14 => {
                self.say(&format!("+QGPS: {id}"));
            }
            _ => {}
        }
    }

    // ---- the runner and the module -------------------------------------------------------------------------------

    /// One action of the runner. False when there was none to take.
    fn transaction(&mut self, choices: &mut Choices<'_>) -> bool {
        let job = match self.rig.next() {
            Action::Run(job) => job,
            Action::Wait(Some(until)) => {
                self.rig.now = self.rig.now.max(until);
                return true;
            }
            Action::Wait(None) => return false,
            Action::Escape(_) | Action::Reset | Action::Carry { .. } | Action::AskCarrier => {
                return true;
            }
        };
        self.rig.begin(job);
        let choice = if self.honest { 255 } else { choices.byte() };
        match choice {
            // Nothing is said, and nothing done.
            0..=2 => {
                self.rig.finish();
                return true;
            }
            3..=8 => {
                let refused = [
                    "ERROR",
                    "+CME ERROR: 3",
                    "+CME ERROR: 552",
                    "+CME ERROR: 568",
                ];
                self.lied |= matches!(job, Job::Read { .. });
                if self.say(refused[usize::from(choice) % 4]) == Heard::Final {
                    self.rig.finish();
                    return true;
                }
            }
            // In between.
            9..=20 => self.network(choices),
            21..=23 => self.user(choices),
            _ => {}
        }
        self.carry_out(job, choice, choices);
        self.rig.finish();
        true
    }

    fn carry_out(&mut self, job: Job, choice: u8, choices: &mut Choices<'_>) {
        let id = |world: &Self, key: Key| {
            world
                .rig
                .table(|table| table.id(key).map_or(0, ConnectId::get))
        };
        match job {
            Job::Open(key) => {
                let id = id(self, key);
                if self.at(id).is_some() {
                    self.say("OK");
                    self.say(&format!("+QIOPEN: {id},563"));
                    return;
                }
                self.serial += 1;
                let serial = self.serial;
                *self.at(id) = Some(Connection {
                    serial,
                    key,
                    open: self.honest,
                    closed: false,
                    arrived: 0,
                    read: 0,
                    accepted: 0,
                });
                if let Some(user) = self.users.iter_mut().find(|user| user.key == key) {
                    user.connection = Some(serial);
                }
                self.say("OK");
                if self.honest {
                    self.say(&format!("+QIOPEN: {id},0"));
                }
            }
            Job::Close(key) => {
                let id = id(self, key);
                self.forget(id.into());
                self.say("OK");
            }
            Job::CloseStray(id) => {
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
                (0..ConnectId::COUNT).for_each(|id| self.forget(id));
                self.rig.active = false;
                self.say("OK");
            }
            Job::Read { key, length } => self.answer_read(id(self, key), key, length),
            Job::Send { key, length } => {
                self.answer_send(id(self, key), key, length, choice, choices);
            }
            Job::CountSent(key) => {
                let id = id(self, key);
                match self.at(id) {
                    Some(connection) => {
                        let accepted = connection.accepted;
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
        let state = match self.at(id) {
            Some(connection) if connection.closed => 4,
            Some(connection) if connection.open => 2,
            _ => 1,
        };
        self.say(&format!(
            "+QISTATE: {id},\"TCP\",\"203.0.113.7\",80,0,{state},1,0,0,\"uart1\""
        ));
    }

    fn answer_read(&mut self, id: u8, key: Key, length: u16) {
        assert!(usize::from(length) <= self.rig.room(key), "no room");
        let Some(connection) = self.at(id) else {
            self.say("ERROR");
            return;
        };
        assert_eq!(connection.key, key, "a read of somebody else's connection");
        let count = usize::from(length).min(connection.arrived - connection.read);
        let data: Vec<u8> = (0..count)
            .map(|offset| stream(connection.serial ^ 0xaaaa, connection.read + offset))
            .collect();
        connection.read += count;
        self.rig.say_data(&data);
        self.say("OK");
    }

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
        let peeked = self.rig.table(|table| table.peek(key, 0, &mut payload));
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
        let everyone = self.users.iter().chain(&self.past);
        let user = everyone
            .filter(|user| user.key == key)
            .map(|user| (user.serial, user.written))
            .next_back();
        let connection = self.ids[usize::from(id)].as_mut().expect("a connection");
        assert_eq!(connection.key, key, "a send to somebody else's connection");
        let (serial, written) = user.expect("a user");
        for (offset, byte) in payload[..taken].iter().enumerate() {
            let place = connection.accepted + offset;
            assert!(place < written);
            assert_eq!(*byte, stream(serial, place), "byte {place} to the peer");
        }
        connection.accepted += taken;
        match choice {
            // Taken, and nothing said.
            24..=28 if self.rig.table(|table| table.link_state()) == LinkState::Up => {}
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

    // ---- the end -------------------------------------------------------------------------------------------------

    /// With a module that answers everything, and no handles, every slot comes free.
    fn come_to_rest(&mut self) {
        self.honest = true;
        for user in core::mem::take(&mut self.users) {
            self.rig.release(user.key);
            self.past.push(user);
        }
        for _ in 0..PATIENCE {
            let free = self.rig.all_free();
            let up = self.rig.table(|table| table.link_state()) == LinkState::Up;
            let busy = self.transaction(&mut Choices::new(&[]));
            self.rig.check();
            if free && up && !busy {
                assert!(matches!(self.rig.try_claim(), Poll::Ready(Ok(_))));
                return;
            }
            assert!(busy, "asleep with a slot in use, or without a link");
        }
        panic!("no rest: {:?}", self.rig.next());
    }
}
