//! The commands around the note's that fit nowhere else.

use super::{Core, Reply, wrong_form};
use crate::syntax::{Argument, Arguments, Command, Form};
use core::time::Duration;

/// Numbers of 3GPP TS 27.007 for +CME ERROR.
pub(super) mod equipment {
    pub const NOT_ALLOWED: u16 = 3;
    pub const SIM_MISSING: u16 = 10;
    pub const PIN_REQUIRED: u16 = 11;
    pub const PUK_REQUIRED: u16 = 12;
    pub const SIM_BUSY: u16 = 14;
    pub const WRONG_PASSWORD: u16 = 16;
}

/// The clock of a module that nobody has set.
const EPOCH: &str = "1980/01/06,00:00:00+00";
const RATES: &[u32] = &[
    4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 3_000_000,
];

impl Core {
    pub(super) fn general(&mut self, command: &Command) -> Result<Reply, Reply> {
        if self.settings.unknown_commands.contains(&command.name) {
            return Ok(Reply::Unknown);
        }
        let known = self
            .basic(command)
            .or_else(|| self.identify(command))
            .or_else(|| self.radio(command))
            .or_else(|| self.text_message(command));
        if let Some(reply) = known {
            return reply;
        }
        let form = &command.form;
        match command.name.as_str() {
            "CMEE" => match form {
                Form::Test => Ok(Reply::line("+CMEE: (0-2)")),
                Form::Read => Ok(Reply::line(format!("+CMEE: {}", self.equipment_errors))),
                _ => {
                    self.equipment_errors = one_number(form, 0..=2)?;
                    Ok(Reply::ok())
                }
            },
            "CCLK" => self.clock(form),
            "QPOWD" => {
                match form {
                    Form::Test => return Ok(Reply::line("+QPOWD: (0,1)")),
                    Form::Read => return Err(wrong_form(form)),
                    _ => digit(form, 0..=1)?,
                };
                self.finish(Reply::ok());
                self.after(Duration::from_millis(100), |core| {
                    core.urc(if core.settings.readings.normal_power_down {
                        "NORMAL POWER DOWN"
                    } else {
                        "POWERED DOWN"
                    });
                    core.power_down();
                });
                Ok(Reply::Said)
            }
            "QURCCFG" => self.configure_urc_port(form),
            "IFC" => self.flow_control(form),
            "IPR" => self.set_rate(form),
            "ICF" => self.kept(form, "ICF", 0..=6),
            "CTZU" | "CTZR" | "QCFG" => Ok(Reply::ok()),
            // Not a fault of the host: modules differ in what they know.
            _ => Ok(Reply::Unknown),
        }
    }

    fn clock(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::ok()),
            Form::Read => {
                let time = self.clock_set.as_deref().unwrap_or(EPOCH);
                // The clock shows two digits of the year.
                let time = time.get(2..).unwrap_or_default();
                Ok(Reply::line(format!("+CCLK: \"{time}\"")))
            }
            Form::Write(arguments) => {
                let arguments = Arguments(arguments);
                arguments.count(1..=1)?;
                let time = arguments.string(0)?;
                let shape: String = time
                    .chars()
                    .map(|c| if c.is_ascii_digit() { '0' } else { c })
                    .collect();
                if !matches!(
                    shape.as_str(),
                    "00/00/00,00:00:00" | "00/00/00,00:00:00+00" | "00/00/00,00:00:00-00"
                ) {
                    return Err(Reply::Wrong(format!("no time: {time}")));
                }
                self.clock_set = Some(format!("20{time}"));
                Ok(Reply::ok())
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    fn flow_control(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Read => {
                let values = self.kept.get("IFC").map_or("2,2", String::as_str);
                Ok(Reply::line(format!("+IFC: {values}")))
            }
            Form::Test => Ok(Reply::line("+IFC: (0,2),(0,2)")),
            Form::Write(arguments) => {
                let arguments = Arguments(arguments);
                arguments.count(2..=2)?;
                let in_use = (arguments.number(0, 0..=2)?, arguments.number(1, 0..=2)?);
                self.kept
                    .insert("IFC".into(), format!("{},{}", in_use.0, in_use.1));
                Ok(Reply::ok())
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    /// AT+IPR: the new rate holds from behind the OK on.
    fn set_rate(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Read => Ok(Reply::line(format!("+IPR: {}", self.rate))),
            Form::Test => {
                let rates: Vec<String> = RATES.iter().map(u32::to_string).collect();
                Ok(Reply::line(format!("+IPR: (),({})", rates.join(","))))
            }
            _ => {
                let rate = one_number(form, 0..=u32::MAX)?;
                if rate != 0 && !RATES.contains(&rate) {
                    return Err(Reply::Wrong(format!("there is no rate of {rate} bit/s")));
                }
                self.finish(Reply::ok());
                self.rate = rate;
                self.new_rate = Some(rate);
                Ok(Reply::Said)
            }
        }
    }

    fn configure_urc_port(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => {
                let ports: Vec<&str> = self.settings.urc_ports.iter().map(String::as_str).collect();
                let ports = ports.join("\",\"");
                return Ok(Reply::line(format!("+QURCCFG: \"urcport\",(\"{ports}\")")));
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
        if !self.settings.urc_ports.contains(port) {
            return Err(Reply::Wrong(format!("no port is called {port}")));
        }
        self.urc_port = port.into();
        self.settings.stored.urc_port = port.into();
        Ok(Reply::ok())
    }
}

pub(super) fn one_number(form: &Form, range: core::ops::RangeInclusive<u32>) -> Result<u32, Reply> {
    let Form::Write(arguments) = form else {
        return Err(wrong_form(form));
    };
    let arguments = Arguments(arguments);
    arguments.count(1..=1)?;
    Ok(arguments.number(0, range)?)
}

/// The digit of a basic command; without one it is 0.
pub(super) fn digit(form: &Form, range: core::ops::RangeInclusive<u32>) -> Result<u32, Reply> {
    if *form == Form::Execute {
        Ok(0)
    } else {
        one_number(form, range)
    }
}

impl core::fmt::Display for Argument {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Argument::Quoted(text) => write!(f, "\"{text}\""),
            Argument::Bare(text) => f.write_str(text),
            Argument::Empty => Ok(()),
        }
    }
}
