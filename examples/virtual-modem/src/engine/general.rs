//! The commands around the note's: what a host needs to bring the module up.

use super::{Core, Reply, wrong_form};
use crate::settings::Sim;
use crate::syntax::{Argument, Arguments, Command, Form};
use core::time::Duration;

/// Numbers of 3GPP TS 27.007 for +CME ERROR.
mod equipment {
    pub const NOT_ALLOWED: u16 = 3;
    pub const SIM_MISSING: u16 = 10;
    pub const SIM_BUSY: u16 = 14;
    pub const WRONG_PASSWORD: u16 = 16;
}

impl Core {
    pub(super) fn general(&mut self, command: &Command) -> Result<Reply, Reply> {
        let form = &command.form;
        match command.name.as_str() {
            "AT" | "AT&F" | "AT&W" | "ATZ" | "ATV" | "ATQ" | "AT&C" => Ok(Reply::ok()),
            "ATE" => {
                let on = digit(form, 0..=1)? == 1;
                self.echo = on || self.faults.echo_stays;
                Ok(Reply::ok())
            }
            "AT&D" => {
                self.leaves_data_by_dtr = digit(form, 0..=2)? == 1;
                Ok(Reply::ok())
            }
            "ATI" => {
                let [manufacturer, model, revision, _] = &self.settings.identity;
                let revision = format!("Revision: {revision}");
                Ok(Reply::Lines(vec![
                    manufacturer.clone(),
                    model.clone(),
                    revision,
                ]))
            }
            "CGMI" | "GMI" => self.identity(form, 0),
            "CGMM" | "GMM" => self.identity(form, 1),
            "CGMR" | "GMR" => self.identity(form, 2),
            "CGSN" | "GSN" => self.identity(form, 3),
            "CMEE" => match form {
                Form::Test => Ok(Reply::line("+CMEE: (0-2)")),
                Form::Read => Ok(Reply::line(format!("+CMEE: {}", self.equipment_errors))),
                _ => {
                    self.equipment_errors = one_number(form, 0..=2)?;
                    Ok(Reply::ok())
                }
            },
            "CPIN" => self.pin(form),
            "CREG" | "CGREG" | "CEREG" => self.registration(&command.name, form),
            "CGATT" => match form {
                Form::Read => Ok(Reply::line(format!(
                    "+CGATT: {}",
                    u32::from(self.is_registered())
                ))),
                _ => {
                    one_number(form, 0..=1)?;
                    Ok(Reply::ok())
                }
            },
            "CGACT" => match form {
                Form::Read => Ok(Reply::Lines(self.activity_rows())),
                Form::Write(_) => Ok(Reply::ok()),
                _ => Err(wrong_form(form)),
            },
            "CGPADDR" => {
                let rows = self
                    .active_contexts()
                    .map(|id| format!("+CGPADDR: {id},\"{}\"", self.local_address(id)));
                Ok(Reply::Lines(rows.collect()))
            }
            "CSQ" => Ok(Reply::line(if self.is_registered() {
                "+CSQ: 25,99"
            } else {
                "+CSQ: 99,99"
            })),
            "COPS" => Ok(match (form, self.is_registered()) {
                (Form::Read, true) => Reply::line("+COPS: 0,0,\"Virtual\",7"),
                (Form::Read, false) => Reply::line("+COPS: 0"),
                _ => Reply::ok(),
            }),
            "CCLK" => {
                let time = self
                    .clock_set
                    .as_deref()
                    .unwrap_or("1980/01/06,00:00:00+00");
                // The clock shows two digits of the year.
                let time = time.get(2..).unwrap_or_default();
                Ok(Reply::line(format!("+CCLK: \"{time}\"")))
            }
            "CFUN" => self.set_functionality(form),
            "QPOWD" => {
                self.finish(Reply::ok());
                self.after(Duration::from_millis(100), |core| {
                    core.urc("POWERED DOWN");
                    core.power_down();
                });
                Ok(Reply::Said)
            }
            "QURCCFG" => self.configure_urc_port(form),
            "IFC" => match form {
                Form::Read => Ok(Reply::line("+IFC: 2,2")),
                Form::Test => Ok(Reply::line("+IFC: (0,2),(0,2)")),
                Form::Write(arguments) => {
                    let arguments = Arguments(arguments);
                    arguments.count(2..=2)?;
                    arguments.number(0, 0..=2)?;
                    arguments.number(1, 0..=2)?;
                    Ok(Reply::ok())
                }
                Form::Execute => Err(wrong_form(form)),
            },
            "IPR" => match form {
                Form::Read => Ok(Reply::line("+IPR: 115200")),
                _ => Ok(Reply::ok()),
            },
            // Not a fault of the host: modules differ in what they know.
            _ => Ok(Reply::Equipment(equipment::NOT_ALLOWED)),
        }
    }

    fn identity(&self, form: &Form, index: usize) -> Result<Reply, Reply> {
        match form {
            Form::Execute => Ok(Reply::line(self.settings.identity[index].clone())),
            Form::Test => Ok(Reply::ok()),
            _ => Err(wrong_form(form)),
        }
    }

    fn pin(&mut self, form: &Form) -> Result<Reply, Reply> {
        let sim = &self.settings.sim;
        if *sim == Sim::Missing {
            return Ok(Reply::Equipment(equipment::SIM_MISSING));
        }
        match form {
            Form::Test => Ok(Reply::ok()),
            Form::Read if self.sim_is_ready() => Ok(Reply::line("+CPIN: READY")),
            Form::Read if matches!(sim, Sim::Pin(_)) => Ok(Reply::line("+CPIN: SIM PIN")),
            Form::Read => Ok(Reply::Equipment(equipment::SIM_BUSY)),
            Form::Write(arguments) => {
                let given = match arguments.as_slice() {
                    [Argument::Quoted(pin) | Argument::Bare(pin)] => pin,
                    _ => return Err(Reply::Wrong("one PIN is right".into())),
                };
                match sim {
                    Sim::Pin(pin) if self.pin_given || pin != given => {
                        Ok(Reply::Equipment(if self.pin_given {
                            3
                        } else {
                            equipment::WRONG_PASSWORD
                        }))
                    }
                    Sim::Pin(_) => {
                        self.pin_given = true;
                        Ok(Reply::ok())
                    }
                    _ => Ok(Reply::Equipment(equipment::NOT_ALLOWED)),
                }
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    fn registration(&mut self, name: &str, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line(format!("+{name}: (0-2)"))),
            Form::Read => {
                let report = self.report_registration.get(name).copied().unwrap_or(0);
                let state = self.registration_number();
                let place = if report == 2 && self.is_registered() {
                    ",\"1A2B\",\"01C3D4E5\",7"
                } else {
                    ""
                };
                Ok(Reply::line(format!("+{name}: {report},{state}{place}")))
            }
            _ => {
                let report = one_number(form, 0..=2)?;
                self.report_registration.insert(name.into(), report);
                Ok(Reply::ok())
            }
        }
    }

    fn set_functionality(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Read => return Ok(Reply::line(format!("+CFUN: {}", self.functionality))),
            Form::Test => return Ok(Reply::line("+CFUN: (0,1,4),(0,1)")),
            Form::Write(arguments) => Arguments(arguments),
            Form::Execute => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        let level = arguments.number(0, 0..=4)?;
        if arguments.number_or(1, 0..=1, 0)? == 1 {
            self.finish(Reply::ok());
            self.after(Duration::from_millis(100), Core::restart);
            return Ok(Reply::Said);
        }
        self.functionality = level;
        if level != 1 {
            for context in self.active_contexts().collect::<Vec<_>>() {
                self.after(Duration::ZERO, move |core| core.lose_context(context));
            }
        } else {
            self.on_since = self.now;
        }
        Ok(Reply::ok())
    }

    fn configure_urc_port(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => {
                return Ok(Reply::line(
                    "+QURCCFG: \"urcport\",(\"usbat\",\"usbmodem\",\"uart1\",\"all\")",
                ));
            }
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        if arguments.string(0)? != "urcport" {
            return Err(Reply::Wrong("only urcport can be set".into()));
        }
        if !arguments.has(1) {
            return Ok(Reply::line(format!(
                "+QURCCFG: \"urcport\",\"{}\"",
                self.urc_port
            )));
        }
        let port = arguments.string(1)?;
        if !["usbat", "usbmodem", "uart1", "uart2", "all"].contains(&port) {
            return Err(Reply::Wrong(format!("no port is called {port}")));
        }
        self.urc_port = port.into();
        self.settings.stored.urc_port = port.into();
        Ok(Reply::ok())
    }
}

fn one_number(form: &Form, range: core::ops::RangeInclusive<u32>) -> Result<u32, Reply> {
    let Form::Write(arguments) = form else {
        return Err(wrong_form(form));
    };
    let arguments = Arguments(arguments);
    arguments.count(1..=1)?;
    Ok(arguments.number(0, range)?)
}

/// The digit of a basic command; without one it is 0.
fn digit(form: &Form, range: core::ops::RangeInclusive<u32>) -> Result<u32, Reply> {
    if *form == Form::Execute {
        Ok(0)
    } else {
        one_number(form, range)
    }
}
