//! Transparent access mode: entering, escaping, resuming (sections 1.2, 2.1.10 and 3.3).

use super::socket::{Connection, Link, Service, Socket};
use super::{Core, Mode, Reply, wrong_form};
use crate::code;
use crate::log::Direction;
use crate::syntax::{Arguments, Form};
use core::time::Duration;

/// The state of a line in data mode.
pub(super) struct DataMode {
    pub id: u8,
    /// `+` that may turn out to be an escape.
    plus: usize,
    first_plus: u64,
    last_byte: u64,
    /// Waits for a full packet, or for a pause.
    packet: Vec<u8>,
    /// Tells apart the pauses.
    number: u64,
}

impl Core {
    pub(super) fn enter_data_mode(&mut self, id: u8) {
        self.resumable = Some(id);
        self.generation += 1;
        self.mode = Mode::Data(DataMode {
            id,
            plus: 0,
            first_plus: 0,
            last_byte: self.now,
            packet: Vec::new(),
            number: self.generation,
        });
    }

    /// A module without room for more holds the host back.
    pub(super) fn has_room(&self, data: &DataMode) -> bool {
        let unsent = self.sockets[usize::from(data.id)]
            .as_ref()
            .map_or(0, |socket| socket.unsent.len());
        unsent + data.packet.len() < self.settings.send_buffer
    }

    pub(super) fn data_input(&mut self, byte: u8) {
        let now = self.now;
        let guard_time = self.settings.guard_time;
        let guard = guard_time.as_micros() as u64;
        let Mode::Data(data) = &mut self.mode else {
            return;
        };
        let continues = (1..3).contains(&data.plus) && now - data.first_plus <= guard;
        let begins = data.plus == 0 && now - data.last_byte >= guard;
        if byte == b'+' && (begins || continues) {
            if begins {
                data.first_plus = now;
            }
            data.plus += 1;
            data.last_byte = now;
            let (number, complete) = (data.number, data.plus == 3);
            if complete {
                self.after(guard_time, move |core| core.escape_if_quiet(number, now));
            } else {
                self.after(guard_time + Duration::from_micros(1), move |core| {
                    core.give_up_escape(number, now)
                });
            }
            return;
        }
        let withheld = core::mem::take(&mut data.plus);
        data.packet.extend(core::iter::repeat_n(b'+', withheld));
        data.packet.push(byte);
        data.last_byte = now;
        let number = data.number;
        let packet_size = self.config.packet_size;
        if data.packet.len() >= packet_size {
            self.send_packet();
        } else {
            let wait = Duration::from_millis(100) * self.config.packet_wait;
            let Mode::Data(data) = &self.mode else { return };
            // One timer per packet: it looks at the last byte itself.
            if data.packet.len() == 1 + withheld {
                self.after(wait, move |core| core.send_after_pause(number, wait));
            }
        }
    }

    fn send_after_pause(&mut self, number: u64, wait: Duration) {
        let now = self.now;
        let Mode::Data(data) = &self.mode else { return };
        if data.number != number || data.packet.is_empty() {
            return;
        }
        let quiet = Duration::from_micros(now - data.last_byte);
        match wait.checked_sub(quiet) {
            None | Some(Duration::ZERO) => self.send_packet(),
            Some(rest) => self.after(rest, move |core| core.send_after_pause(number, wait)),
        }
    }

    fn send_packet(&mut self) {
        let Mode::Data(data) = &mut self.mode else {
            return;
        };
        let (id, packet) = (data.id, core::mem::take(&mut data.packet));
        if packet.is_empty() {
            return;
        }
        self.record_payload(Direction::ToModule, &packet);
        self.counters.payload_sent += packet.len() as u64;
        self.faults.count_payload(packet.len());
        let Some(socket) = &mut self.sockets[usize::from(id)] else {
            return;
        };
        socket.sent += packet.len() as u64;
        let peer = socket.peer;
        match &mut socket.link {
            Link::Open(Connection::Udp(datagrams)) => {
                if let Some(peer) = peer {
                    let _ = datagrams.send(&packet, peer);
                }
            }
            _ => socket.unsent.extend(packet),
        }
    }

    fn is_waiting(&self, number: u64, last_byte: u64) -> bool {
        matches!(&self.mode, Mode::Data(data) if data.number == number && data.last_byte == last_byte && data.plus > 0)
    }

    fn give_up_escape(&mut self, number: u64, last_byte: u64) {
        if !self.is_waiting(number, last_byte) {
            return;
        }
        let Mode::Data(data) = &mut self.mode else {
            return;
        };
        let withheld = core::mem::take(&mut data.plus);
        data.packet.extend(core::iter::repeat_n(b'+', withheld));
        self.send_packet();
    }

    fn escape_if_quiet(&mut self, number: u64, last_byte: u64) {
        if self.is_waiting(number, last_byte) {
            self.record(Direction::ToModule, crate::log::Content::Line("+++".into()));
            self.escape();
        }
    }

    /// Back to command mode, the connection stays in buffer access mode.
    fn escape(&mut self) {
        self.send_packet();
        let id = match &self.mode {
            Mode::Data(data) => data.id,
            _ => return,
        };
        self.leave_data_mode("OK");
        let Some(mut socket) = self.sockets[usize::from(id)].take() else {
            return;
        };
        socket.access_mode = 0;
        if !socket.is_empty() {
            self.notice_data(&socket);
        }
        self.sockets[usize::from(id)] = Some(socket);
    }

    pub(super) fn leave_data_mode(&mut self, result: &'static str) {
        self.mode = Mode::Command;
        self.line.clear();
        // The result is what tells that the line is the module's again: no URC comes before it.
        self.put_result(result);
        self.mark_answer(1);
        self.release_held();
    }

    /// The connection ended while the line belonged to it.
    pub(super) fn no_carrier(&mut self, socket: &mut Socket) {
        socket.end_told = true;
        socket.state = 4;
        socket.access_mode = 0;
        self.resumable = None;
        self.leave_data_mode("NO CARRIER");
        if self.settings.readings.no_carrier_with_closed {
            self.notice(format!("+QIURC: \"closed\",{}", socket.id));
        }
    }

    /// The DTR line, as the run loop sees it.
    pub fn set_data_terminal_ready(&mut self, on: bool) {
        let fell = self.data_terminal_ready && !on;
        self.has_slept |= on && self.is_asleep();
        self.data_terminal_ready = on;
        if fell && self.profile.leaves_data_by_dtr && matches!(self.mode, Mode::Data(_)) {
            self.remark("DTR falls");
            self.escape();
        }
    }

    /// With AT+QSCLK=1 the module sleeps while DTR is off, and hears nothing.
    pub(super) fn is_asleep(&self) -> bool {
        let may_sleep = self.kept.get("QSCLK").is_some_and(|mode| mode == "1");
        may_sleep && !self.data_terminal_ready && matches!(self.mode, Mode::Command)
    }

    /// ATO.
    pub(super) fn resume(&mut self) -> Result<Reply, Reply> {
        if self.has_call {
            return Ok(self.enter_call());
        }
        if self.faults.resume_fails.strikes() {
            return Ok(Reply::Final("NO CARRIER"));
        }
        let resumable = self.resumable.filter(|id| {
            let socket = self.sockets[usize::from(*id)].as_ref();
            socket.is_some_and(|socket| socket.is_connected() && !socket.ended)
        });
        Ok(match resumable {
            Some(id) => self.connect_data_mode(id),
            None => Reply::Final("NO CARRIER"),
        })
    }

    pub(super) fn connect_result(&self) -> &'static str {
        if self.settings.readings.connect_with_rate {
            "CONNECT 150000000"
        } else {
            "CONNECT"
        }
    }

    fn connect_data_mode(&mut self, id: u8) -> Reply {
        if let Some(socket) = &mut self.sockets[usize::from(id)] {
            socket.access_mode = 2;
        }
        self.finish(Reply::Final(self.connect_result()));
        self.enter_data_mode(id);
        Reply::Said
    }

    pub(super) fn switch_mode(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QISWTMD: (0-{ids}),(0-2)")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(2..=2)?;
        let id = self.id_argument(&arguments, 0)?;
        let access_mode = arguments.number(1, 0..=2)? as u8;
        let Some(mut socket) = self.sockets[usize::from(id)].take() else {
            return Ok(self.no_such_socket(id));
        };
        let connected = socket.is_connected() && !socket.ended;
        let can_be_transparent = matches!(
            socket.service,
            Service::Tcp | Service::Udp | Service::TcpIncoming
        ) && matches!(socket.link, Link::Open(_));
        let was = socket.access_mode;
        if connected && access_mode < 2 {
            socket.access_mode = access_mode;
            if access_mode == 0 && was != 0 && !socket.is_empty() {
                self.notice_data(&socket);
            }
        }
        self.sockets[usize::from(id)] = Some(socket);
        Ok(match access_mode {
            _ if !connected => Reply::Fail(code::CLOSED),
            2 if !can_be_transparent => Reply::Fail(code::NOT_ALLOWED),
            2 => self.connect_data_mode(id),
            _ => Reply::ok(),
        })
    }
}
