//! Who the module and its SIM card are, and the PIN.

use super::general::equipment;
use super::{Core, Reply, wrong_form};
use crate::settings::Sim;
use crate::syntax::{Argument, Arguments, Command, Form};

/// The SIM card's numbers: of the subscriber, and of the card.
const SUBSCRIBER: &str = "262011234567890";
const CARD: &str = "8949012345678901234F";
/// So many wrong PINs block the card.
const ATTEMPTS: u32 = 3;

impl Core {
    /// A command that tells who somebody is; nothing if there is no such.
    pub(super) fn identify(&mut self, command: &Command) -> Option<Result<Reply, Reply>> {
        let form = &command.form;
        Some(match command.name.as_str() {
            "ATI" => {
                let [manufacturer, model, revision, _] = self.settings.identity.clone();
                let revision = format!("Revision: {revision}");
                Ok(Reply::Lines(vec![manufacturer, model, revision]))
            }
            "CGMI" | "GMI" => self.identity(form, 0),
            "CGMM" | "GMM" => self.identity(form, 1),
            "CGMR" | "GMR" | "QGMR" => self.identity(form, 2),
            "CGSN" | "GSN" => self.identity(form, 3),
            "CIMI" => self.of_card(form, SUBSCRIBER.into()),
            "QCCID" | "ICCID" => self.of_card(form, format!("+{}: {CARD}", command.name)),
            "CNUM" => self.of_card(form, "+CNUM: ,\"+4915100000000\",145".into()),
            "CPIN" => self.pin(form),
            "CLCK" => self.lock(form),
            _ => return None,
        })
    }

    fn identity(&self, form: &Form, index: usize) -> Result<Reply, Reply> {
        match form {
            Form::Execute => Ok(Reply::line(self.settings.identity[index].clone())),
            Form::Test => Ok(Reply::ok()),
            _ => Err(wrong_form(form)),
        }
    }

    fn of_card(&self, form: &Form, line: String) -> Result<Reply, Reply> {
        match (form, self.sim_trouble()) {
            (Form::Test, _) => Ok(Reply::ok()),
            (Form::Execute, None) => Ok(Reply::line(line)),
            (Form::Execute, Some(code)) => Ok(Reply::Equipment(code)),
            _ => Err(wrong_form(form)),
        }
    }

    /// Why the SIM card cannot be used, in the numbering of +CME ERROR.
    pub(super) fn sim_trouble(&self) -> Option<u16> {
        match &self.settings.sim {
            _ if self.sim_is_ready() => None,
            Sim::Missing => Some(equipment::SIM_MISSING),
            Sim::Failure(code) => Some(*code),
            Sim::Pin(_) if self.pin_failures < ATTEMPTS => Some(equipment::PIN_REQUIRED),
            Sim::Pin(_) | Sim::Puk { .. } => Some(equipment::PUK_REQUIRED),
            Sim::Ready | Sim::Busy(_) => Some(equipment::SIM_BUSY),
        }
    }

    fn pin(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::ok()),
            Form::Read => Ok(match self.sim_trouble() {
                None => Reply::line("+CPIN: READY"),
                Some(equipment::PIN_REQUIRED) => Reply::line("+CPIN: SIM PIN"),
                Some(equipment::PUK_REQUIRED) => Reply::line("+CPIN: SIM PUK"),
                Some(code) => Reply::Equipment(code),
            }),
            Form::Write(arguments) => {
                let texts: Option<Vec<&str>> = arguments
                    .iter()
                    .map(|argument| match argument {
                        Argument::Quoted(text) | Argument::Bare(text) => Some(text.as_str()),
                        Argument::Empty => None,
                    })
                    .collect();
                match texts.as_deref() {
                    Some([pin]) => Ok(self.give_pin(pin)),
                    Some([puk, pin]) => Ok(self.give_puk(puk, pin)),
                    _ => Err(Reply::Wrong("one PIN, or a PUK and a PIN are right".into())),
                }
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    fn give_pin(&mut self, given: &str) -> Reply {
        match (self.sim_trouble(), &self.settings.sim) {
            (Some(equipment::PIN_REQUIRED), Sim::Pin(pin)) if pin == given => {
                self.pin_given = true;
                self.pin_failures = 0;
                Reply::ok()
            }
            (Some(equipment::PIN_REQUIRED), _) => {
                self.pin_failures += 1;
                Reply::Equipment(equipment::WRONG_PASSWORD)
            }
            (Some(code @ (equipment::SIM_MISSING | equipment::PUK_REQUIRED)), _) => {
                Reply::Equipment(code)
            }
            _ => Reply::Equipment(equipment::NOT_ALLOWED),
        }
    }

    fn give_puk(&mut self, given: &str, pin: &str) -> Reply {
        if self.sim_trouble() != Some(equipment::PUK_REQUIRED) {
            return Reply::Equipment(equipment::NOT_ALLOWED);
        }
        let right = match &self.settings.sim {
            Sim::Puk { puk } => puk == given,
            _ => given == DEFAULT_PUK,
        };
        if !right {
            return Reply::Equipment(equipment::WRONG_PASSWORD);
        }
        self.settings.sim = Sim::Pin(pin.into());
        self.pin_failures = 0;
        self.pin_given = true;
        Reply::ok()
    }

    /// AT+CLCK: only whether the SIM card has a PIN can be asked.
    fn lock(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::line("+CLCK: (\"SC\")")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        if arguments.string(0)? == "SC" && arguments.number(1, 0..=2)? == 2 {
            let locked = matches!(self.settings.sim, Sim::Pin(_) | Sim::Puk { .. });
            return Ok(Reply::line(format!("+CLCK: {}", u8::from(locked))));
        }
        Ok(Reply::Equipment(equipment::NOT_ALLOWED))
    }
}

/// The PUK of a card that was blocked by wrong PINs.
const DEFAULT_PUK: &str = "12345678";
