//! The module and the network behind it, as the note describes them.

use std::collections::VecDeque;
use std::format;
use std::string::String;
use std::vec::Vec;

use crate::at::ConnectId;

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
    context: bool,
    error: u16,
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
            context: true,
            error: 550,
        }
    }

    pub(super) fn say(&mut self, line: &str) {
        self.output
            .push_back(format!("\r\n{line}\r\n").into_bytes());
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
        let text = String::from_utf8_lossy(bytes).into_owned();
        for command in text.split(['\r', '\x1b']).filter(|part| !part.is_empty()) {
            let before = self.output.len();
            match manner {
                Manner::Misses => {}
                Manner::Refuses if command.contains("+QI") => self.refuse(568),
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
            "AT+CPIN?" => self.answer(&["+CPIN: READY"]),
            "AT+CFUN?" => self.answer(&["+CFUN: 1"]),
            "AT+CEREG?" => self.answer(&["+CEREG: 0,1"]),
            "AT+QIACT?" if self.context => self.answer(&["+QIACT: 1,1,1,\"10.1.2.3\""]),
            "AT+QIGETERROR" => {
                let line = format!("+QIGETERROR: {},some words", self.error);
                self.answer(&[&line]);
            }
            "AT+QIACT" => {
                self.context = true;
                self.answer(&[]);
            }
            "AT+QIDEACT" => {
                self.lose_context();
                self.answer(&[]);
            }
            "AT+QISTATE?" => {
                (0..ConnectId::COUNT).for_each(|id| self.say_state(id));
                self.answer(&[]);
            }
            "AT+QISTATE" => {
                self.say_state(numbers[1]);
                self.answer(&[]);
            }
            "AT+QIOPEN" if !self.context => self.refuse(561),
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
            _ if !command.starts_with("AT") => self.say("ERROR"),
            _ => self.answer(&[]),
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
        self.connections.push(connection);
        self.answer(&[]);
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

    // ---- the network ---------------------------------------------------------------------------------------------

    /// The result of an open.
    pub(super) fn opened(&mut self, id: usize, well: bool) {
        if let Some(connection) = self.at(id) {
            connection.state = if well { State::Open } else { State::Gone };
            connection.was_open = well;
        }
        self.say(&format!("+QIOPEN: {id},{}", if well { 0 } else { 566 }));
    }

    /// The peer sends a byte.
    pub(super) fn data(&mut self, id: usize) {
        let Some(connection) = self.at(id) else {
            return;
        };
        let is_first = connection.arrived == connection.read;
        connection.arrived += 1;
        if connection.pushes {
            let place = connection.read;
            connection.read += 1;
            let index = self.ids[id].unwrap_or_default();
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
    pub(super) fn incoming(&mut self, listener: usize) -> bool {
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
    pub(super) fn end(&mut self, id: usize) {
        if let Some(connection) = self.at(id) {
            connection.state = State::Ended;
            connection.ended = true;
        }
        self.say(&format!("+QIURC: \"closed\",{id}"));
    }

    /// The end of a connection that the host has closed is reported all the same (quirk 37).
    pub(super) fn late_closed(&mut self) {
        let mut connections = self.connections.iter_mut();
        if let Some(connection) = connections.find(|connection| connection.late_closed) {
            connection.late_closed = false;
            let line = format!("+QIURC: \"closed\",{}", connection.id);
            self.say(&line);
        }
    }

    /// The context is lost, and every connection with it.
    pub(super) fn lose_context(&mut self) {
        self.context = false;
        for id in 0..ConnectId::COUNT {
            if let Some(connection) = self.at(id) {
                connection.state = State::Gone;
            }
        }
    }

    /// The module has no power for a moment: what it was about to say is not said.
    pub(super) fn restart(&mut self) {
        self.lose_context();
        self.ids = [None; ConnectId::COUNT];
        self.prompt = None;
        self.output.clear();
        self.say("RDY");
    }
}
