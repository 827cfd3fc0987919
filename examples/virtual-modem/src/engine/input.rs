//! What the host says: bytes become command lines and payload.

use super::faults::Reaction;
use super::{Core, Mode};
use crate::log::{Content, Direction};
use crate::syntax;

/// Longest command line.
const LINE_LIMIT: usize = 2048;

const ESCAPE: u8 = 0x1b;
const CONTROL_Z: u8 = 0x1a;

impl Core {
    /// Whether the module takes bytes from the line; otherwise its RTS is off.
    pub fn takes_input(&self) -> bool {
        match &self.mode {
            Mode::Data(data) => self.has_room(data),
            // Who does not read is not listened to.
            _ => self.has_room_for_host(),
        }
    }

    /// Bytes from the host.
    pub fn input_all(&mut self, bytes: &[u8]) {
        if self.is_deaf() {
            return self.record_payload(Direction::ToModule, bytes);
        }
        if self.is_asleep() {
            self.violation("bytes for a module that sleeps");
            return self.record_payload(Direction::ToModule, bytes);
        }
        if self.multiplexed {
            return self.multiplexer_input(bytes);
        }
        for byte in bytes {
            self.watch_line(*byte);
            match &self.mode {
                Mode::Command => self.command_input(*byte),
                Mode::Prompt(_) => self.prompt_input(*byte),
                Mode::Message(_) => self.message_input(*byte),
                Mode::Data(_) => self.data_input(*byte),
                Mode::Call(_) => self.call_input(*byte),
            }
        }
    }

    /// A host waits for the whole answer before it sends on (figure 1 of the note).
    fn watch_line(&mut self, byte: u8) {
        if byte == b'\n' || !self.answer_is_on_line() {
            return;
        }
        self.answer_end = 0;
        let what = match self.mode {
            Mode::Prompt(_) | Mode::Message(_) => "the prompt",
            _ => "the answer",
        };
        self.violation(format!(
            "{:?} while {what} is on the line",
            char::from(byte)
        ));
    }

    fn command_input(&mut self, byte: u8) {
        if byte == b'\n' {
            // Never a violation: some hosts end their lines with CR LF.
            return;
        }
        if self.busy.is_some() && !self.intruded && !self.is_overdue() {
            self.intruded = true;
            let name = self
                .busy
                .as_ref()
                .map_or("", |command| &command.name)
                .to_string();
            self.violation(format!(
                "{:?} before the final result of {name}",
                char::from(byte)
            ));
        }
        if self.profile.echo {
            self.put_echo(byte);
        }
        match byte {
            b'\r' => self.command_line(),
            0x08 => {
                self.line.pop();
            }
            // One byte over the limit is kept, and tells that there were more.
            _ if self.line.len() > LINE_LIMIT => {}
            b'/' if self.line.eq_ignore_ascii_case(b"A") => self.repeat_line(),
            _ => self.line.push(byte),
        }
    }

    /// A/ repeats the last command line at once.
    fn repeat_line(&mut self) {
        self.line.clone_from(&self.last_line);
        self.command_line();
    }

    fn command_line(&mut self) {
        let line = core::mem::take(&mut self.line);
        if line.len() > LINE_LIMIT {
            self.violation(format!("a command line longer than {LINE_LIMIT} bytes"));
            return self.respond(&[], "ERROR");
        }
        let start = find_command(&line);
        let (stray, command) = line.split_at(start.unwrap_or(line.len()));
        // What a host sends to leave a prompt or data mode is no harm in command mode.
        let stray: Vec<u8> = stray
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, &ESCAPE | b'+'))
            .collect();
        if !stray.is_empty() {
            self.record(
                Direction::ToModule,
                Content::Line(stray.escape_ascii().to_string()),
            );
            let what = if stray[0] == CONTROL_Z {
                "a stray Ctrl-Z"
            } else {
                "bytes that are no command"
            };
            self.violation(format!("{what}: {}", stray.escape_ascii()));
        }
        if command.is_empty() {
            return;
        }
        let shown = command.escape_ascii().to_string().replace("\\\"", "\"");
        self.record(Direction::ToModule, Content::Line(shown.clone()));
        if self.busy.is_some() && !self.give_up_open() {
            self.respond(&[], "ERROR");
            return;
        }
        let parsed = core::str::from_utf8(command).map_err(|_| "not text".to_string());
        let parse = |text: &str| match self.settings.readings.blanks_accepted {
            true => syntax::parse(&text[2..].replace(", ", ",")),
            false => syntax::parse(&text[2..]),
        };
        match parsed.and_then(parse) {
            Ok(commands) => {
                self.last_line = command.to_vec();
                self.rest = commands.into();
                let Some(first) = self.rest.pop_front() else {
                    return;
                };
                let is_swallowed = |reaction: &Reaction| *reaction == Reaction::Swallow;
                let is_lost = core::mem::take(&mut self.has_slept);
                if is_lost || self.faults.reaction(&first.name, is_swallowed).is_some() {
                    self.remark("lost: the line above");
                    self.rest.clear();
                } else {
                    self.take_up(first);
                }
            }
            Err(error) => {
                self.violation(format!("{shown}: {error}"));
                self.last_error = crate::code::INVALID_PARAMETERS;
                self.respond(&[], "ERROR");
            }
        }
    }
}

impl Core {
    /// Frames of 3GPP TS 27.010: only the command that closes the multiplexer (CLD) is understood.
    fn multiplexer_input(&mut self, bytes: &[u8]) {
        const CLOSE_DOWN: [u8; 2] = [0xc3, 0x01];
        const FLAG: u8 = 0xf9;
        self.record_payload(Direction::ToModule, bytes);
        let Some(at) = bytes.windows(2).position(|pair| pair == CLOSE_DOWN) else {
            return;
        };
        self.multiplexed = false;
        self.remark("the multiplexer is closed");
        let flag = bytes[at..].iter().position(|byte| *byte == FLAG);
        if let Some(flag) = flag {
            self.input_all(&bytes[at + flag + 1..]);
        }
    }

    /// An open that never ends does not keep the line for ever: after its time AT+QICLOSE is the way out
    /// (section 3.3.1).
    fn give_up_open(&mut self) -> bool {
        let is_open = self
            .busy
            .as_ref()
            .is_some_and(|command| command.name == "QIOPEN");
        let gives_up = is_open && self.is_overdue();
        if gives_up {
            self.busy = None;
            for socket in self.sockets.iter_mut().flatten() {
                socket.holds_answer = false;
            }
        }
        gives_up
    }
}

fn find_command(line: &[u8]) -> Option<usize> {
    line.windows(2)
        .position(|pair| pair.eq_ignore_ascii_case(b"AT"))
}
