//! Text messages (3GPP TS 27.005): enough for a host to send, list, read and delete them. AT+CMGS is a command with a
//! prompt that is not of the note.

use super::general::one_number;
use super::{Core, Mode, Reply, wrong_form};
use crate::log::Direction;
use crate::syntax::{Argument, Arguments, Command, Form};

const ESCAPE: u8 = 0x1b;
const CONTROL_Z: u8 = 0x1a;

/// +CMS ERROR: no message at this place.
const NO_MESSAGE: &str = "+CMS ERROR: 321";

/// Places of the store, as AT+CMGR numbers them. A message that finds none is lost.
const PLACES: usize = 256;
/// Longest text of a message.
const TEXT_LIMIT: usize = 2048;
/// So many messages that the host has sent are kept.
const SENT_LIMIT: usize = 1000;

/// A message whose text is not complete.
pub(super) struct Draft {
    to: String,
    text: Vec<u8>,
}

/// A message that has come in.
#[derive(Clone, Debug)]
pub(super) struct Message {
    from: String,
    text: String,
    read: bool,
}

impl Message {
    fn status(&self) -> &'static str {
        if self.read { "REC READ" } else { "REC UNREAD" }
    }

    fn head(&self) -> String {
        let time = "26/11/27,10:00:00+04";
        format!("\"{}\",\"{}\",,\"{time}\"", self.status(), self.from)
    }
}

/// The messages of the settings.
pub(super) fn stored(messages: &[(String, String)]) -> Vec<Option<Message>> {
    let message = |(from, text): &(String, String)| {
        Some(Message {
            from: from.clone(),
            text: text.clone(),
            read: false,
        })
    };
    messages.iter().map(message).collect()
}

impl Core {
    /// A command about text messages; nothing if there is no such.
    pub(super) fn text_message(&mut self, command: &Command) -> Option<Result<Reply, Reply>> {
        let form = &command.form;
        let name = command.name.as_str();
        Some(match name {
            "CMGF" => self.message_format(form),
            "CMGS" => self.send_message(form),
            "CMGR" => self.read_message(form),
            "CMGL" => self.list_messages(form),
            "CMGD" => self.delete_message(form),
            "CPMS" => {
                let used = self.inbox.len();
                Ok(match form {
                    Form::Test => {
                        Reply::line("+CPMS: (\"SM\",\"ME\"),(\"SM\",\"ME\"),(\"SM\",\"ME\")")
                    }
                    Form::Read => {
                        let each = format!("\"SM\",{used},50");
                        Reply::line(format!("+CPMS: {each},{each},{each}"))
                    }
                    _ => Reply::line(format!("+CPMS: {used},50,{used},50,{used},50")),
                })
            }
            "CSCS" => self.texts(form, name, "\"GSM\"", "(\"GSM\",\"IRA\",\"UCS2\")"),
            "CSCA" => self.texts(form, name, "\"+491710760000\",145", ""),
            "CSMP" => self.texts(form, name, "17,167,0,0", ""),
            "CNMI" => self.texts(form, name, "2,1,0,0,0", "(0-3),(0-3),(0-3),(0-2),(0,1)"),
            "CLIP" | "CRC" | "CVHU" => self.kept(form, name, 0..=1),
            _ => return None,
        })
    }

    /// Values that are kept, and shown as they were given.
    fn texts(&mut self, form: &Form, name: &str, first: &str, test: &str) -> Result<Reply, Reply> {
        Ok(match form {
            Form::Test if test.is_empty() => Reply::ok(),
            Form::Test => Reply::line(format!("+{name}: {test}")),
            Form::Read => {
                let values = self.kept.get(name).map_or(first, String::as_str);
                Reply::line(format!("+{name}: {values}"))
            }
            Form::Write(arguments) => {
                let texts = arguments.iter().map(ToString::to_string);
                let values = texts.collect::<Vec<_>>().join(",");
                self.kept.insert(name.into(), values);
                Reply::ok()
            }
            Form::Execute => return Err(wrong_form(form)),
        })
    }

    fn message_format(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line("+CMGF: (0,1)")),
            Form::Read => Ok(Reply::line(format!("+CMGF: {}", self.message_format))),
            _ => {
                self.message_format = one_number(form, 0..=1)?;
                Ok(Reply::ok())
            }
        }
    }

    /// AT+CMGS: a prompt, the text, Ctrl-Z. In PDU mode the argument is a length.
    fn send_message(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::ok()),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        let to = match &arguments.0[0] {
            Argument::Quoted(to) | Argument::Bare(to) => to.clone(),
            Argument::Empty => return Err(Reply::Wrong("nobody to send to".into())),
        };
        self.mode = Mode::Message(Draft {
            to,
            text: Vec::new(),
        });
        self.put_prompt();
        Ok(Reply::Later)
    }

    pub(super) fn message_input(&mut self, byte: u8) {
        if self.profile.echo {
            self.put_echo(byte);
        }
        let Mode::Message(draft) = &mut self.mode else {
            return;
        };
        if byte != CONTROL_Z && byte != ESCAPE {
            if draft.text.len() < TEXT_LIMIT {
                draft.text.push(byte);
            }
            if byte == b'\r' {
                // Each line of the text has a prompt of its own, which no host has to wait for.
                self.put_prompt();
                self.mark_answer(u64::MAX);
            }
            return;
        }
        let Mode::Message(draft) = core::mem::replace(&mut self.mode, Mode::Command) else {
            return;
        };
        self.record_payload(Direction::ToModule, &draft.text);
        if byte == ESCAPE {
            return self.finish(Reply::ok());
        }
        // The reference of 3GPP TS 27.005 is a byte.
        self.message_reference = self.message_reference.wrapping_add(1);
        if self.messages.len() == SENT_LIMIT {
            self.messages.remove(0);
        }
        self.messages.push((draft.to, draft.text));
        let number = self.message_reference;
        self.finish(Reply::line(format!("+CMGS: {number}")));
    }

    /// A message comes in: stored, and told as AT+CNMI wants it.
    pub fn receive_message(&mut self, from: &str, text: &str) {
        let message = Message {
            from: from.into(),
            text: text.into(),
            read: false,
        };
        let told = self.kept.get("CNMI").map_or("2,1", String::as_str);
        let told = told.split(',').nth(1).unwrap_or("0");
        match told {
            "2" => {
                let head = format!("+CMT: \"{from}\",,\"26/11/27,10:00:00+04\"");
                self.notice(format!("{head}\r\n{text}"));
            }
            _ if self.inbox.len() == PLACES => self.remark("lost: a text message"),
            told => {
                self.inbox.push(Some(message));
                if told == "1" {
                    self.notice(format!("+CMTI: \"SM\",{}", self.inbox.len() - 1));
                }
            }
        }
    }

    fn read_message(&mut self, form: &Form) -> Result<Reply, Reply> {
        if *form == Form::Test {
            return Ok(Reply::ok());
        }
        let index = one_number(form, 0..=255)? as usize;
        Ok(match self.inbox.get_mut(index) {
            Some(Some(message)) => {
                let head = format!("+CMGR: {}", message.head());
                message.read = true;
                Reply::Lines(vec![head, message.text.clone()])
            }
            _ => Reply::Final(NO_MESSAGE),
        })
    }

    fn list_messages(&mut self, form: &Form) -> Result<Reply, Reply> {
        let only_new = match form {
            Form::Test => return Ok(Reply::ok()),
            Form::Execute => true,
            Form::Write(arguments) => {
                let first = arguments.first().map(ToString::to_string);
                !matches!(first.as_deref(), Some("\"ALL\"" | "4"))
            }
            Form::Read => return Err(wrong_form(form)),
        };
        let mut lines = Vec::new();
        for (index, message) in self.inbox.iter_mut().enumerate() {
            if let Some(message) = message.as_mut().filter(|m| !only_new || !m.read) {
                lines.push(format!("+CMGL: {index},{}", message.head()));
                lines.push(message.text.clone());
                message.read = true;
            }
        }
        Ok(Reply::Lines(lines))
    }

    fn delete_message(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::line("+CMGD: (),(0-4)")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        let index = arguments.number(0, 0..=255)? as usize;
        if arguments.number_or(1, 0..=4, 0)? > 0 {
            self.inbox.clear();
        } else if let Some(place) = self.inbox.get_mut(index) {
            *place = None;
        }
        Ok(Reply::ok())
    }
}
