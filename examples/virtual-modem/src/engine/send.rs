//! Sending: AT+QISEND, its prompt and its payload, and AT+QISENDEX (sections 2.1.7 and 2.1.9).

use super::socket::{Connection, Link, Service};
use super::{Core, Mode, Reply, wrong_form};
use crate::code;
use crate::log::Direction;
use crate::syntax::{Arguments, Form};
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

/// Largest payload of one send.
pub(super) const SEND_LIMIT: usize = 1460;
/// Most hexadecimal digits of AT+QISENDEX.
const HEX_LIMIT: usize = 512;

const ESCAPE: u8 = 0x1b;
const CONTROL_Z: u8 = 0x1a;

/// A send whose payload is not complete.
pub(super) struct Pending {
    pub id: u8,
    /// Nothing stands for a send that ends with Ctrl-Z.
    pub length: Option<usize>,
    pub to: Option<SocketAddr>,
    pub payload: Vec<u8>,
    /// Tells apart the timeouts of different prompts.
    pub number: u64,
}

impl Core {
    pub(super) fn send(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QISEND: (0-{ids}),(0-{send})")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=4)?;
        let id = self.id_argument(&arguments, 0)?;
        let length = match arguments.has(1) {
            true => Some(arguments.number(1, 0..=SEND_LIMIT as u32)? as usize),
            false => None,
        };
        let Some(socket) = self.sockets[usize::from(id)].as_mut() else {
            return Ok(self.no_such_socket(id));
        };
        if arguments.0.len() == 2 && length == Some(0) {
            let unacknowledged = socket.unacknowledged() as u64;
            let (sent, acknowledged) = (socket.sent, socket.sent - unacknowledged.min(socket.sent));
            return Ok(Reply::line(format!(
                "+QISEND: {sent},{acknowledged},{unacknowledged}"
            )));
        }
        let service = socket.service;
        let to = match (service, arguments.0.len()) {
            (Service::TcpListener | Service::UdpListener, _) => {
                return Err(Reply::Wrong("a listener cannot send".into()));
            }
            (Service::UdpService, 4) => {
                let address: IpAddr = (arguments.string(2)?.parse())
                    .map_err(|_| Reply::Wrong("the remote address is no IP address".into()))?;
                Some(SocketAddr::new(
                    address,
                    arguments.number(3, 0..=65535)? as u16,
                ))
            }
            (Service::UdpService, _) => {
                return Err(Reply::Wrong(
                    "a UDP SERVICE needs length, address and port".into(),
                ));
            }
            (_, 1 | 2) => None,
            _ => return Err(Reply::Wrong("only a UDP SERVICE takes an address".into())),
        };
        if length == Some(0) {
            return Err(Reply::Wrong("an empty datagram cannot be sent".into()));
        }
        if !socket.is_connected() || socket.ended {
            return Ok(Reply::Fail(code::CLOSED));
        }
        if socket.access_mode == 2 {
            return Err(Reply::Wrong(
                "the socket is in transparent access mode".into(),
            ));
        }
        if length.is_some_and(|length| length > self.settings.limits.send) {
            return Ok(Reply::Fail(code::INVALID_PARAMETERS));
        }
        if self.faults.prompt_error.strikes() {
            return Ok(match self.settings.readings.prompt_error_is_cme {
                true => Reply::Equipment(3),
                false => Reply::Fail(code::UNKNOWN),
            });
        }
        let refusal = to.and_then(|to| self.faults.refused_peers.get(&to.ip()));
        if let Some(code) = refusal {
            return Ok(Reply::Fail(*code));
        }
        if self.faults.lost_prompt.strikes() {
            self.remark("lost: the prompt");
        } else {
            self.put_prompt();
        }
        self.wait_for_payload(id, length, to);
        Ok(Reply::Later)
    }

    pub(super) fn wait_for_payload(
        &mut self,
        id: u8,
        length: Option<usize>,
        to: Option<SocketAddr>,
    ) {
        self.generation += 1;
        let number = self.generation;
        self.mode = Mode::Prompt(Pending {
            id,
            length,
            to,
            payload: Vec::new(),
            number,
        });
        self.limit_prompt(number, 0);
    }

    /// `"qisend/timeout"`: without any input the prompt is left.
    fn limit_prompt(&mut self, number: u64, had: usize) {
        let time = self.prompt_time().into();
        let limit = match self.settings.prompt_seconds {
            None => Duration::from_millis(time),
            Some(_) => Duration::from_secs(time),
        };
        if limit.is_zero() {
            return;
        }
        self.after(limit, move |core| {
            let Mode::Prompt(pending) = &core.mode else {
                return;
            };
            if pending.number != number {
                return;
            }
            let have = pending.payload.len();
            if have > had {
                core.limit_prompt(number, have);
            } else {
                core.mode = Mode::Command;
                core.finish(Reply::Fail(code::TIMEOUT));
            }
        });
    }

    pub(super) fn prompt_input(&mut self, byte: u8) {
        let follows_ate = self.settings.readings.payload_echo_follows_ate;
        if self.faults.payload_echo || self.payload_echo && (self.profile.echo || !follows_ate) {
            self.put_echo(byte);
        }
        let Mode::Prompt(pending) = &mut self.mode else {
            return;
        };
        match (pending.length, byte) {
            (None, CONTROL_Z) => return self.payload_complete(),
            (None, ESCAPE) => {
                self.mode = Mode::Command;
                return self.finish(Reply::Fail(code::CANCELLED));
            }
            _ => pending.payload.push(byte),
        }
        match pending.length {
            Some(length) if pending.payload.len() == length => self.payload_complete(),
            None if pending.payload.len() > self.settings.limits.send => {
                self.mode = Mode::Command;
                let limit = self.settings.limits.send;
                self.finish(Reply::Wrong(format!(
                    "more than {limit} bytes before Ctrl-Z"
                )));
            }
            _ => {}
        }
    }

    fn payload_complete(&mut self) {
        let Mode::Prompt(pending) = core::mem::replace(&mut self.mode, Mode::Command) else {
            return;
        };
        self.record_payload(Direction::ToModule, &pending.payload);
        self.release_held();
        let slow = self.faults.slow.get("ALL").copied().unwrap_or_default();
        let delay = self.settings.send_latency + self.faults.late_send_ok + slow;
        if delay.is_zero() {
            self.conclude_send(pending);
        } else {
            self.after(delay, move |core| core.conclude_send(pending));
        }
    }

    fn conclude_send(&mut self, pending: Pending) {
        let fixed = pending.length.is_some();
        let id = pending.id;
        let reply = self.outcome_of_send(pending);
        if self.faults.lost_send_ok.strikes() {
            self.remark("lost: the result of a send");
            self.busy = None;
            return;
        }
        let reply = self.with_send_info(id, reply);
        let ok_first = self.settings.readings.ok_before_send_ok;
        if ok_first && fixed && matches!(reply, Reply::Final("SEND OK")) {
            self.respond(&[], "OK");
        }
        if self.faults.send_ok_behind.strikes() {
            if let Reply::Final(result) = reply {
                let start = self.output.len();
                self.remark("withheld: the result of a send");
                self.respond(&[], result);
                self.withhold(start);
                return self.after_payload();
            }
        }
        self.finish(reply);
        self.after_payload();
    }

    /// "sendinfo" has a line of its own in place of SEND OK and SEND FAIL.
    fn with_send_info(&mut self, id: u8, reply: Reply) -> Reply {
        let status = match &reply {
            Reply::Final("SEND OK") => 0,
            Reply::Final("SEND FAIL") => 1,
            _ => return reply,
        };
        if !self.has_extra("sendinfo") {
            return reply;
        }
        let socket = self.sockets[usize::from(id)].as_mut();
        let used = socket.map_or(0, |socket| socket.unacknowledged());
        let free = self.settings.send_buffer.saturating_sub(used);
        Reply::line(format!("+QISEND: {id},{status},{free}"))
    }

    fn outcome_of_send(&mut self, pending: Pending) -> Reply {
        let payload = match self.config.data_format.0 {
            0 => pending.payload,
            _ => match from_hex(&pending.payload) {
                Some(bytes) => bytes,
                None => return Reply::Wrong("the payload is not hexadecimal".into()),
            },
        };
        if self.faults.send_error.strikes() {
            return Reply::Fail(code::UNKNOWN);
        }
        match self.faults.failing_send() {
            Some(true) => {
                self.hand_over(pending.id, &payload, pending.to);
                Reply::Final("SEND FAIL")
            }
            Some(false) => Reply::Final("SEND FAIL"),
            None => self.hand_over(pending.id, &payload, pending.to),
        }
    }

    /// Puts payload into the send buffer.
    fn hand_over(&mut self, id: u8, payload: &[u8], to: Option<SocketAddr>) -> Reply {
        let limit = self.settings.send_buffer;
        let Some(socket) = self.sockets[usize::from(id)].as_mut() else {
            return Reply::Fail(code::CLOSED);
        };
        if socket.ended {
            // The peer closed while the prompt was open.
            return Reply::Fail(code::CLOSED);
        }
        let occupied = socket.unacknowledged();
        let to = to.or(socket.peer);
        if socket.service == Service::UdpIncoming {
            let (server, sent) = (socket.server, payload.len() as u64);
            socket.sent += sent;
            return self.send_through(server, payload, to);
        }
        match &mut socket.link {
            Link::Open(Connection::Tcp(_)) if occupied + payload.len() > limit => {
                return Reply::Final("SEND FAIL");
            }
            Link::Open(Connection::Tcp(_)) => socket.unsent.extend(payload),
            Link::Open(Connection::Udp(datagrams)) => {
                if let Some(to) = to {
                    // A datagram that cannot be sent is lost, as datagrams are.
                    let _ = datagrams.send(payload, to);
                }
            }
            Link::Open(Connection::Nothing) => {}
            _ => return Reply::Fail(code::CLOSED),
        }
        socket.sent += payload.len() as u64;
        self.counters.payload_sent += payload.len() as u64;
        self.faults.count_payload(payload.len());
        Reply::Final("SEND OK")
    }

    /// A UDP INCOMING sends from the port of its listener.
    fn send_through(&mut self, server: u8, payload: &[u8], to: Option<SocketAddr>) -> Reply {
        let server = self.sockets[usize::from(server)]
            .as_mut()
            .map(|server| &mut server.link);
        let (Some(Link::Open(Connection::Udp(datagrams))), Some(to)) = (server, to) else {
            return Reply::Fail(code::CLOSED);
        };
        let _ = datagrams.send(payload, to);
        self.counters.payload_sent += payload.len() as u64;
        self.faults.count_payload(payload.len());
        Reply::Final("SEND OK")
    }

    pub(super) fn send_hex(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QISENDEX: (0-{ids}),<hex_string>")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(2..=2)?;
        let id = self.id_argument(&arguments, 0)?;
        let digits = arguments.string(1)?;
        if digits.is_empty() || digits.len() > HEX_LIMIT {
            return Err(Reply::Wrong(format!("{} hexadecimal digits", digits.len())));
        }
        let payload =
            from_hex(digits.as_bytes()).ok_or_else(|| Reply::Wrong("not hexadecimal".into()))?;
        let Some(socket) = &self.sockets[usize::from(id)] else {
            return Ok(self.no_such_socket(id));
        };
        let closed = !socket.is_connected() || socket.ended;
        if matches!(
            socket.service,
            Service::UdpService | Service::TcpListener | Service::UdpListener
        ) {
            return Err(Reply::Wrong(format!("not for a {}", socket.service)));
        }
        self.record_payload(Direction::ToModule, &payload);
        if closed {
            return Ok(Reply::Fail(code::CLOSED));
        }
        let reply = match self.faults.failing_send() {
            Some(false) => Reply::Final("SEND FAIL"),
            Some(true) => {
                self.hand_over(id, &payload, None);
                Reply::Final("SEND FAIL")
            }
            None => self.hand_over(id, &payload, None),
        };
        Ok(self.with_send_info(id, reply))
    }

    /// A free id: a fault of the host, unless it cannot know.
    pub(super) fn no_such_socket(&self, id: u8) -> Reply {
        if self.excused[usize::from(id)] {
            Reply::Fail(code::INVALID_PARAMETERS)
        } else {
            Reply::Wrong(format!("connectID {id} is not open"))
        }
    }
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair.first()?)? << 4 | digit(pair.get(1)?)?) as u8);
    digits.chunks(2).map(pair).collect()
}
