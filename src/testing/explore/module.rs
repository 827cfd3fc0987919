//! The module and the network behind it, as the note describes them.

mod link;
mod network;
mod services;

use std::collections::VecDeque;
use std::format;
use std::string::String;
use std::vec::Vec;

use embassy_time::Instant;

use crate::at::ConnectId;
use crate::util::time::NEVER;
pub(super) use link::OTHER_APN;
pub(super) use services::{ANSWERS, COMMANDS, NAMES, TEXT};

/// How the module deals with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As the note says.
    Well,
    /// It refuses the command for a passing reason, and carries nothing out. Of payload: it does not take it.
    Refuses,
    /// It has not received the command. Of payload: it takes it, and says that it did not.
    Misses,
    /// It carries the command out, and its answer does not come.
    Mute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Opening,
    Open,
    /// The peer has closed.
    Ended,
    /// The open failed, or the module has forgotten the connection.
    Gone,
}

/// A connection as the module and its peer see it. It stays in the list for ever, so that bytes can be checked later.
#[derive(Debug)]
pub(super) struct Connection {
    /// The handle that it was opened for.
    pub(super) handle: usize,
    id: usize,
    pub(super) state: State,
    /// The peer has closed after it had sent everything.
    pub(super) ended: bool,
    /// It has been open.
    pub(super) was_open: bool,
    /// Bytes that the peer has sent, and that the host has read.
    pub(super) arrived: u8,
    pub(super) read: u8,
    /// What the module has accepted from the host.
    pub(super) accepted: Vec<u8>,
    /// The host has closed it, and a `closed` URC may follow.
    pub(super) late_closed: bool,
    pub(super) is_listener: bool,
    pub(super) is_datagram: bool,
    /// In direct push access mode.
    pushes: bool,
    /// It has been in transparent access mode.
    is_transparent: bool,
    /// The module has taken a command for payload, because the host does not know of the prompt.
    pub(super) is_garbled: bool,
}

impl Connection {
    fn new(handle: usize, id: usize) -> Self {
        Self {
            handle,
            id,
            state: State::Opening,
            ended: false,
            was_open: false,
            arrived: 0,
            read: 0,
            accepted: Vec::new(),
            late_closed: false,
            is_listener: false,
            is_datagram: false,
            pushes: false,
            is_transparent: false,
            is_garbled: false,
        }
    }

    pub(super) const fn is_stream(&self) -> bool {
        !self.is_listener && !self.is_datagram
    }
}

/// A prompt: the next bytes of the host are payload.
#[derive(Debug)]
struct Prompt {
    connection: usize,
    left: usize,
    manner: Manner,
}

#[derive(Debug)]
pub(super) struct Module {
    pub(super) connections: Vec<Connection>,
    pub(super) ids: [Option<usize>; ConnectId::COUNT],
    /// What is still to arrive at the host: lines and payload, one piece each.
    pub(super) output: VecDeque<Vec<u8>>,
    prompt: Option<Prompt>,
    /// The beginning of a command.
    unended: String,
    pub(super) link: link::Link,
    error: u16,
    /// The connection that has the UART as its data line, and what cannot be said meanwhile.
    line: Option<usize>,
    held: Vec<Vec<u8>>,
    /// The lookup under way, by the place of its name, and whether each was answered with an address.
    pub(super) lookup: Option<usize>,
    /// When it gives up.
    lookup_until: Instant,
    pub(super) found: [Option<bool>; NAMES.len()],
    /// The command of the user that waits for its payload, and how often each was carried out.
    user_prompt: Option<usize>,
    pub(super) executed: [u8; COMMANDS.len()],
}

/// The byte at a place of what the peer sends: no two connections have one in common.
pub(super) const fn from_peer(connection: usize, place: u8) -> u8 {
    b'a' + (connection as u8 * 4 + place) % 26
}

/// The byte at a place of what a handle writes.
pub(super) const fn from_user(handle: usize, place: u8) -> u8 {
    b'0' + (handle as u8 * 4 + place) % 10
}

impl Module {
    /// The link is up, and nothing is open.
    pub(super) fn new() -> Self {
        Self {
            connections: Vec::new(),
            ids: [None; ConnectId::COUNT],
            output: VecDeque::new(),
            prompt: None,
            unended: String::new(),
            link: link::Link::UP,
            error: 550,
            line: None,
            held: Vec::new(),
            lookup: None,
            lookup_until: NEVER,
            found: [None; NAMES.len()],
            user_prompt: None,
            executed: [0; COMMANDS.len()],
        }
    }

    pub(super) fn say(&mut self, line: &str) {
        let line = format!("\r\n{line}\r\n").into_bytes();
        if self.line.is_some() {
            self.held.push(line);
        } else {
            self.output.push_back(line);
        }
    }

    fn answer(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.say(line));
        self.say("OK");
    }

    fn refuse(&mut self, code: u16) {
        self.error = code;
        self.say("ERROR");
    }

    pub(super) const fn has_prompt(&self) -> bool {
        self.prompt.is_some()
    }

    /// What is open on a connectID.
    pub(super) fn at(&mut self, id: usize) -> Option<&mut Connection> {
        let connection = (*self.ids.get(id)?)?;
        self.connections.get_mut(connection)
    }

    // ---- the host ------------------------------------------------------------------------------------------------

    /// Takes bytes of the host: payload while there is a prompt, or commands. `handle` is whom an AT+QIOPEN is for.
    pub(super) fn input(&mut self, mut bytes: &[u8], manner: Manner, handle: usize) {
        if self.link.is_off {
            return;
        }
        if let Some(connection) = self.line {
            return self.connections[connection].accepted.extend(bytes);
        }
        if self.user_prompt.is_some() && manner != Manner::Misses {
            bytes = self.take_text(bytes, manner);
        }
        if let Some(prompt) = &mut self.prompt {
            let (payload, rest) = bytes.split_at(prompt.left.min(bytes.len()));
            bytes = rest;
            self.connections[prompt.connection].is_garbled |= payload.starts_with(b"A");
            // What was not taken is reported; what was taken may be reported so, too (quirk 56).
            if manner != Manner::Refuses {
                self.connections[prompt.connection].accepted.extend(payload);
            }
            prompt.left -= payload.len();
            if prompt.left == 0 {
                let asked = prompt.manner;
                self.prompt = None;
                match (asked, manner) {
                    (Manner::Mute, _) | (_, Manner::Mute) => {}
                    (_, Manner::Well) => self.say("SEND OK"),
                    (_, Manner::Refuses | Manner::Misses) => self.say("SEND FAIL"),
                }
            }
        }
        if bytes.is_empty() {
            return;
        }
        let text = core::mem::take(&mut self.unended) + &String::from_utf8_lossy(bytes);
        let (text, unended) = text.rsplit_once(['\r', '\x1b']).unwrap_or(("", &text));
        self.unended = unended.into();
        for command in text.split(['\r', '\x1b']).filter(|part| !part.is_empty()) {
            let before = self.output.len();
            match manner {
                Manner::Misses => {}
                Manner::Refuses if command.contains("+QI") || command.contains("+X") => {
                    self.refuse(568);
                }
                _ => self.command(command, manner, handle),
            }
            if manner == Manner::Mute && self.prompt.is_none() {
                self.output.truncate(before);
            }
        }
    }

    fn command(&mut self, command: &str, manner: Manner, handle: usize) {
        let (name, fields) = command.split_once('=').unwrap_or((command, ""));
        let numbers: Vec<usize> = fields
            .split(',')
            .map(|field| field.parse().unwrap_or(99))
            .collect();
        let first = numbers[0];
        match name {
            "AT+QIGETERROR" => {
                let line = format!("+QIGETERROR: {},some words", self.error);
                self.answer(&[&line]);
            }
            "AT+QISTATE?" => {
                (0..ConnectId::COUNT).for_each(|id| self.say_state(id));
                self.answer(&[]);
            }
            "AT+QISTATE" => {
                self.say_state(numbers[1]);
                self.answer(&[]);
            }
            "AT+QIOPEN" if !self.link.context => self.refuse(561),
            "AT+QIOPEN" => self.open(numbers[1], handle, command),
            "AT+QICLOSE" => {
                if let Some(connection) = self.at(first) {
                    connection.late_closed = connection.state != State::Gone;
                    connection.state = State::Gone;
                }
                self.ids[first] = None;
                self.answer(&[]);
            }
            "AT+QIRD" => self.read(first, numbers[1]),
            "AT+QISEND" => self.send(first, numbers[1], manner),
            "AT+QISWTMD" => self.switch(first, numbers[1]),
            "ATO" => {
                let mut connections = self.connections.iter();
                let last = connections.position(|at| at.is_transparent && at.state == State::Open);
                match last {
                    Some(connection) => self.take_line(connection),
                    None => self.say("NO CARRIER"),
                }
            }
            "AT+QIDNSGIP" if self.lookup.is_some() => self.refuse(564),
            "AT+QIDNSGIP" => {
                self.lookup = NAMES.iter().position(|name| fields.contains(name));
                self.answer(&[]);
            }
            "AT+XA" => self.execute(0),
            "AT+XB" => {
                self.user_prompt = Some(1);
                self.output.push_back(b"\r\n> ".to_vec());
            }
            _ if !command.starts_with("AT") => self.say("ERROR"),
            _ => self.link_command(name, fields, first),
        }
    }

    fn switch(&mut self, id: usize, mode: usize) {
        match (self.ids[id], self.at(id)) {
            (Some(index), Some(connection)) if connection.state == State::Open => {
                connection.pushes = mode == 1;
                match mode {
                    2 => self.take_line(index),
                    _ => self.answer(&[]),
                }
            }
            _ => self.refuse(550),
        }
    }

    fn say_state(&mut self, id: usize) {
        let Some(connection) = self.at(id) else {
            return;
        };
        let state = match connection.state {
            State::Gone if !connection.was_open => 0,
            State::Opening => 1,
            State::Open if connection.is_listener => 3,
            State::Open => 2,
            State::Ended | State::Gone => 4,
        };
        self.say(&format!(
            "+QISTATE: {id},\"TCP\",\"203.0.113.7\",80,0,{state},1,{id},0,\"uart1\""
        ));
    }

    fn open(&mut self, id: usize, handle: usize, command: &str) {
        if let Some(connection) = self.at(id) {
            assert_eq!(
                connection.state,
                State::Gone,
                "connectID {id} is opened twice"
            );
            self.answer(&[]);
            return self.say(&format!("+QIOPEN: {id},563"));
        }
        self.ids[id] = Some(self.connections.len());
        let mut connection = Connection::new(handle, id);
        connection.is_listener = command.contains("\"TCP LISTENER\"");
        connection.is_datagram = command.contains("\"UDP\"");
        connection.pushes = command.ends_with(",1");
        connection.is_transparent = command.ends_with(",2");
        let is_transparent = connection.is_transparent;
        self.connections.push(connection);
        if !is_transparent {
            self.answer(&[]);
        }
    }

    fn read(&mut self, id: usize, length: usize) {
        let index = self.ids[id];
        let (Some(index), Some(connection)) = (index, self.at(id)) else {
            return self.refuse(550);
        };
        let (arrived, read) = (connection.arrived, connection.read);
        if length == 0 {
            let line = format!("+QIRD: {arrived},{read},{}", arrived - read);
            return self.answer(&[&line]);
        }
        let most = if connection.is_datagram { 1 } else { length };
        let count = most.min((arrived - read).into()) as u8;
        connection.read += count;
        let payload: Vec<u8> = (read..read + count)
            .map(|place| from_peer(index, place))
            .collect();
        self.say(&format!("+QIRD: {count}"));
        if count > 0 {
            self.output.push_back([&payload[..], b"\r\n"].concat());
        }
        self.say("OK");
    }

    fn send(&mut self, id: usize, length: usize, manner: Manner) {
        let (Some(connection), Some(state)) = (self.ids[id], self.at(id).map(|at| at.state)) else {
            return self.refuse(550);
        };
        if length == 0 {
            let accepted = self.connections[connection].accepted.len();
            let line = format!("+QISEND: {accepted},{accepted},0");
            return self.answer(&[&line]);
        }
        if state != State::Open {
            return self.refuse(552);
        }
        self.prompt = Some(Prompt {
            connection,
            left: length,
            manner,
        });
        self.output.push_back(b"\r\n> ".to_vec());
    }
}
