//! What the module says, and when it may say it.

use super::faults::Damage;
use super::{Core, Mode, Power};
use crate::code;
use crate::log::{Content, Direction};
use crate::readings::{Errors, LineEnds, Prompt};
use core::time::Duration;

/// So many URCs, and so many bytes of them, can wait; more are lost.
const HELD_LIMIT: usize = 1000;
const HELD_BYTES: usize = 64 * 1024;

/// With so many bytes unread by the host the module takes no more from it, and sends no URCs.
const UNREAD_LIMIT: usize = 64 * 1024;

/// Something that waits for a place where a URC may be.
pub(super) enum Held {
    Line(String),
    Raw(Vec<u8>),
}

impl Held {
    fn bytes(&self) -> &[u8] {
        match self {
            Held::Line(line) => line.as_bytes(),
            Held::Raw(bytes) => bytes,
        }
    }
}

impl Core {
    /// Bytes that have not reached the host's receiver.
    fn waiting(&self) -> usize {
        self.backlog + self.output.len() + self.stalled.as_ref().map_or(0, Vec::len)
    }

    /// Whether the host reads what it gets.
    pub(super) fn has_room_for_host(&self) -> bool {
        self.waiting() < UNREAD_LIMIT
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.is_deaf() || self.cut {
            return;
        }
        self.fresh_line = false;
        match &mut self.stalled {
            Some(stalled) => stalled.extend_from_slice(bytes),
            None => self.output.extend_from_slice(bytes),
        }
    }

    /// One line of text. `leads` puts a line end in front.
    pub(super) fn put_line(&mut self, text: &str, leads: bool) {
        if self.is_deaf() {
            return;
        }
        if self.faults.loses_line() {
            self.remark(format!("lost: {text}"));
            return;
        }
        let ends: &[u8] = match self.settings.readings.line_ends {
            LineEnds::Own => b"\r\n",
            LineEnds::Doubled => b"\r\n\r\n",
            LineEnds::Tripled => b"\r\n\r\n\r\n",
            LineEnds::Shared if self.fresh_line => b"",
            LineEnds::Shared => b"\r\n",
        };
        if leads {
            self.put(ends);
        }
        self.put(text.as_bytes());
        self.put(b"\r\n");
        self.fresh_line = true;
        self.record(Direction::ToHost, Content::Line(text.into()));
    }

    /// Payload, as it is.
    pub(super) fn put_payload(&mut self, bytes: &[u8]) {
        if !self.is_deaf() {
            self.put(bytes);
            self.record_payload(Direction::ToHost, bytes);
        }
    }

    pub(super) fn put_echo(&mut self, byte: u8) {
        self.put(&[byte]);
    }

    /// Information lines and a final result.
    pub(super) fn respond(&mut self, lines: &[String], result: &str) {
        self.inform(lines);
        self.put_result(result);
    }

    /// Information lines.
    pub(super) fn inform(&mut self, lines: &[String]) {
        self.foreign_urc();
        for (index, line) in lines.iter().enumerate() {
            let leads = index == 0 || self.settings.readings.lines_have_own_line_end;
            self.put_line(line, leads && self.profile.verbose);
        }
        if !lines.is_empty() {
            self.foreign_urc();
        }
    }

    /// A final result, as ATV and ATQ want it.
    pub(super) fn put_result(&mut self, result: &str) {
        if self.profile.quiet {
            return self.remark(format!("not sent (ATQ1): {result}"));
        }
        let number = match result {
            "OK" => "0",
            "CONNECT" => "1",
            "NO CARRIER" => "3",
            "ERROR" => "4",
            _ => "",
        };
        if self.profile.verbose || number.is_empty() {
            self.put_line(result, true);
        } else if !self.is_deaf() {
            self.put(number.as_bytes());
            self.put(b"\r");
            self.record(Direction::ToHost, Content::Line(number.into()));
        }
    }

    /// What the module answers to a command that it does not know.
    pub(super) fn respond_unknown(&mut self) {
        if self.settings.readings.unknown_is_cme {
            self.respond_equipment_error(4);
        } else {
            self.respond(&[], "ERROR");
        }
    }

    /// The code of a failed socket command, in the form of the readings.
    pub(super) fn respond_error(&mut self, code: u16) {
        let result = match self.settings.readings.errors {
            Errors::Plain => "ERROR".into(),
            Errors::Numeric => format!("+CME ERROR: {code}"),
            Errors::Text => format!("+CME ERROR: {}", code::meaning(code)),
        };
        self.respond(&[], &result);
    }

    /// An error of another command, as AT+CMEE wants it.
    pub(super) fn respond_equipment_error(&mut self, code: u16) {
        let text = match code {
            4 => "operation not supported",
            10 => "SIM not inserted",
            11 => "SIM PIN required",
            12 => "SIM PUK required",
            13 => "SIM failure",
            14 => "SIM busy",
            16 => "incorrect password",
            _ => "operation not allowed",
        };
        let result = match self.equipment_errors {
            0 => "ERROR".into(),
            1 => format!("+CME ERROR: {code}"),
            _ => format!("+CME ERROR: {text}"),
        };
        self.respond(&[], &result);
    }

    /// A header line and data behind it (sections 2.1.8 and 2.2.2).
    pub(super) fn put_data(&mut self, header: &str, data: &[u8]) {
        let in_line = self.config.view_mode == 1;
        self.put(b"\r\n");
        self.put(header.as_bytes());
        self.put(if in_line { b"," } else { b"\r\n" });
        self.record(Direction::ToHost, Content::Line(header.into()));
        if self.config.data_format.1 == 1 {
            let digits: String = data.iter().map(|byte| format!("{byte:02X}")).collect();
            self.put_damaged(digits.as_bytes());
        } else {
            self.put_damaged(data);
        }
    }

    /// Payload, and what faults make of it.
    fn put_damaged(&mut self, data: &[u8]) {
        let length = data.len();
        match self.faults.damage() {
            None => self.put_payload(data),
            Some(Damage::Lose(bytes, offset)) => {
                let start = offset.unwrap_or(length.saturating_sub(bytes)).min(length);
                let end = start.saturating_add(bytes).min(length);
                self.remark(format!("lost: {} bytes of data", end - start));
                self.put_payload(&data[..start]);
                self.put_payload(&data[end..]);
            }
            Some(Damage::Cut(bytes)) => {
                self.put_payload(&data[..bytes.min(length)]);
                self.remark("the rest is lost");
                self.cut = true;
            }
            Some(Damage::Pause(time, offset)) => {
                let (before, behind) = data.split_at(offset.min(length));
                self.put_payload(before);
                if self.stalled.is_none() {
                    self.remark("a pause inside data");
                    self.stalled = Some(Vec::new());
                    self.after(Duration::from_micros(time), |core| {
                        let stalled = core.stalled.take().unwrap_or_default();
                        core.put(&stalled);
                    });
                }
                self.put_payload(behind);
            }
        }
    }

    pub(super) fn put_line_end(&mut self) {
        self.put(b"\r\n");
    }

    pub(super) fn put_prompt(&mut self) {
        self.foreign_urc();
        let prompt: &[u8] = match self.settings.readings.prompt {
            _ if self.has_extra("formatcfg") => b"\r\n>\r\n",
            Prompt::WithBlank => b"\r\n> ",
            Prompt::Bare => b"\r\n>",
            Prompt::WithLineEnd => b"\r\n>\r\n",
        };
        self.put(prompt);
        let sign = prompt.iter().position(|byte| *byte == b'>').unwrap_or(0);
        self.mark_answer((prompt.len() - 1 - sign) as u64);
        self.record(Direction::ToHost, Content::Line(">".into()));
    }

    /// Whether a URC may be put now.
    fn may_interrupt(&self) -> bool {
        matches!(self.mode, Mode::Command)
    }

    /// A line on its own, as soon as the line is free for one.
    pub(super) fn urc(&mut self, line: impl Into<String>) {
        if self.power == Power::On {
            self.hold(Held::Line(line.into()));
        }
    }

    fn hold(&mut self, held: Held) {
        let bytes: usize = self.held.iter().map(|held| held.bytes().len()).sum();
        if self.held.len() < HELD_LIMIT && bytes + held.bytes().len() <= HELD_BYTES {
            self.held.push_back(held);
            self.release_held();
        } else {
            self.remark("lost: a URC, because too many wait");
        }
    }

    /// A notice that goes to the port of AT+QURCCFG, which may be another one.
    pub(super) fn notice(&mut self, line: impl Into<String>) {
        let line = line.into();
        // A channel of the multiplexer is on the UART.
        let port = match self.settings.port.starts_with("cmux") {
            true => "uart1",
            false => &self.settings.port,
        };
        if self.urc_port == port || self.urc_port == "all" {
            self.urc(line);
        } else {
            self.remark(format!("on port {}: {line}", self.urc_port));
        }
    }

    /// Raw bytes in the place of a URC.
    pub fn raw_urc(&mut self, bytes: &[u8]) {
        self.hold(Held::Raw(bytes.to_vec()));
    }

    /// Sends the URCs that wait. True if there were any.
    pub fn release_held(&mut self) -> bool {
        let mut moved = false;
        while self.may_interrupt() && self.has_room_for_host() {
            let Some(held) = self.held.pop_front() else {
                break;
            };
            moved = true;
            self.foreign_urc();
            self.counters.urcs += 1;
            match held {
                Held::Line(line) => self.put_line(&line, true),
                Held::Raw(bytes) => {
                    self.put(&bytes);
                    let text = bytes.escape_ascii().to_string();
                    self.record(Direction::ToHost, Content::Line(text));
                }
            }
        }
        moved
    }

    /// The fault of that name, at a place where a URC may be.
    pub(super) fn foreign_urc(&mut self) {
        for (index, line) in self.faults.foreign_urc().into_iter().enumerate() {
            self.counters.urcs += 1;
            self.put_line(line, index == 0);
        }
    }
}
