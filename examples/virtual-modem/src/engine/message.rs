//! Text messages (3GPP TS 27.005): AT+CMGF and AT+CMGS, a command with a prompt that is not of the note.

use super::{Core, Mode, Reply, wrong_form};
use crate::log::Direction;
use crate::syntax::{Arguments, Form};

const ESCAPE: u8 = 0x1b;
const CONTROL_Z: u8 = 0x1a;

/// A message whose text is not complete.
pub(super) struct Draft {
    to: String,
    text: Vec<u8>,
}

impl Core {
    pub(super) fn message_format(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::line("+CMGF: (0,1)")),
            Form::Read => return Ok(Reply::line("+CMGF: 1")),
            Form::Write(arguments) => Arguments(arguments),
            Form::Execute => return Err(wrong_form(form)),
        };
        arguments.count(1..=1)?;
        // Messages in PDU mode are not for this module.
        arguments.number(0, 1..=1)?;
        Ok(Reply::ok())
    }

    /// AT+CMGS in text mode: a prompt, the text, Ctrl-Z.
    pub(super) fn send_message(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::ok()),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        self.mode = Mode::Message(Draft {
            to: arguments.string(0)?.into(),
            text: Vec::new(),
        });
        self.put_prompt();
        Ok(Reply::Later)
    }

    pub(super) fn message_input(&mut self, byte: u8) {
        if self.echo {
            self.put_echo(byte);
        }
        let Mode::Message(draft) = &mut self.mode else {
            return;
        };
        if byte != CONTROL_Z && byte != ESCAPE {
            draft.text.push(byte);
            if byte == b'\r' {
                // Each line of the text has a prompt of its own.
                self.put_prompt();
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
        self.messages.push((draft.to, draft.text));
        let number = self.messages.len();
        self.finish(Reply::line(format!("+CMGS: {number}")));
    }
}
