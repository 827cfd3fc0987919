//! The network as a host sees it: registration, operator, attachment, functionality, power saving.

use super::general::{digit, one_number};
use super::{Core, Reply, wrong_form};
use crate::syntax::{Argument, Arguments, Command, Form};
use core::time::Duration;

impl Core {
    /// A command about the network; nothing if there is no such.
    pub(super) fn radio(&mut self, command: &Command) -> Option<Result<Reply, Reply>> {
        let form = &command.form;
        let registered = self.is_registered();
        Some(match command.name.as_str() {
            "CREG" | "CGREG" | "CEREG" => self.registration(&command.name, form),
            "CGATT" => self.attach(form),
            "CGACT" => match form {
                Form::Read => Ok(Reply::Lines(self.activity_rows())),
                Form::Test => Ok(Reply::line("+CGACT: (0,1)")),
                Form::Write(arguments) => self.activate_bearer(&Arguments(arguments)),
                Form::Execute => Err(wrong_form(form)),
            },
            "CGPADDR" => {
                let rows = self
                    .active_contexts()
                    .map(|id| format!("+CGPADDR: {id},\"{}\"", self.local_address(id)));
                Ok(Reply::Lines(rows.collect()))
            }
            "CGDCONT" => self.define_context(form),
            "CSQ" => Ok(Reply::line(if registered {
                "+CSQ: 25,99"
            } else {
                "+CSQ: 99,99"
            })),
            "CESQ" => Ok(Reply::line(if registered {
                "+CESQ: 99,99,255,255,16,46"
            } else {
                "+CESQ: 99,99,255,255,255,255"
            })),
            "QCSQ" => Ok(Reply::line(if registered {
                "+QCSQ: \"LTE\",-61,-95,150,-12"
            } else {
                "+QCSQ: \"NOSERVICE\""
            })),
            "QNWINFO" => Ok(Reply::line(if registered {
                "+QNWINFO: \"FDD LTE\",\"26201\",\"LTE BAND 3\",1300"
            } else {
                "+QNWINFO: No Service"
            })),
            "COPS" => self.operator(form),
            "CFUN" => self.set_functionality(form),
            "QSCLK" => self.kept(form, "QSCLK", 0..=2),
            "CPSMS" | "CEDRXS" => self.power_saving(&command.name, form),
            "CEDRXRDP" => self.granted_cycle(form),
            _ => return None,
        })
    }

    fn registration(&mut self, name: &str, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line(format!("+{name}: (0-2)"))),
            Form::Read => {
                let report = self.report_registration.get(name).copied().unwrap_or(0);
                let told = self.settings.registration_told.get(name).copied();
                let state = match told {
                    Some(state) => state,
                    None => self.registration_number(),
                };
                let place = if report == 2 && matches!(state, 1 | 5) {
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

    fn attach(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line("+CGATT: (0,1)")),
            Form::Read => {
                let attached = self.attached && self.is_registered();
                Ok(Reply::line(format!("+CGATT: {}", u32::from(attached))))
            }
            _ => {
                self.attached = one_number(form, 0..=1)? == 1;
                if !self.attached {
                    self.lose_all_contexts();
                }
                Ok(Reply::ok())
            }
        }
    }

    pub(super) fn lose_all_contexts(&mut self) {
        for context in self.active_contexts().collect::<Vec<_>>() {
            self.after(Duration::ZERO, move |core| core.lose_context(context));
        }
    }

    /// AT+CGACT=state,id: the bearer alone. Only what cures a drift is of any use.
    fn activate_bearer(&mut self, arguments: &Arguments<'_>) -> Result<Reply, Reply> {
        arguments.count(1..=2)?;
        arguments.number(0, 0..=1)?;
        arguments.number_or(1, 1..=16, 1)?;
        Ok(Reply::ok())
    }

    fn operator(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line(
                "+COPS: (2,\"Virtual\",\"Virtual\",\"26201\",7),,(0-4),(0-2)",
            )),
            Form::Read => Ok(match (self.is_registered(), self.operator_format) {
                (false, _) => Reply::line(format!("+COPS: {}", self.operator_mode)),
                (true, format) => {
                    let name = if format == 2 { "26201" } else { "Virtual" };
                    Reply::line(format!(
                        "+COPS: {},{format},\"{name}\",7",
                        self.operator_mode
                    ))
                }
            }),
            Form::Write(arguments) => {
                let arguments = Arguments(arguments);
                arguments.count(1..=4)?;
                let mode = arguments.number(0, 0..=4)?;
                if arguments.has(1) {
                    self.operator_format = arguments.number(1, 0..=2)?;
                }
                match mode {
                    2 => {
                        self.operator_mode = mode;
                        self.lose_all_contexts();
                    }
                    3 => {}
                    mode => {
                        if self.operator_mode == 2 {
                            self.on_since = self.now;
                        }
                        self.operator_mode = mode;
                    }
                }
                Ok(Reply::ok())
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    /// AT+CGDCONT has the same contexts as AT+QICSGP.
    fn define_context(&mut self, form: &Form) -> Result<Reply, Reply> {
        let contexts = self.settings.limits.contexts;
        let arguments = match form {
            Form::Test => {
                return Ok(Reply::line(format!(
                    "+CGDCONT: (1-{contexts}),\"IP\",,,(0-2),(0-3)"
                )));
            }
            Form::Read => return Ok(Reply::Lines(self.definition_rows())),
            Form::Write(arguments) => Arguments(arguments),
            Form::Execute => return Err(wrong_form(form)),
        };
        arguments.count(1..=6)?;
        let id = arguments.number(0, 1..=contexts.into())? as u8;
        if !arguments.has(1) {
            self.define(id, 0, "");
            return Ok(Reply::ok());
        }
        let kind = match arguments.string(1)? {
            "IP" | "PPP" => 1,
            "IPV6" => 2,
            "IPV4V6" => 3,
            other => return Err(Reply::Wrong(format!("no PDP type is called {other}"))),
        };
        let apn = match arguments.0.get(2) {
            Some(Argument::Quoted(apn)) => apn.clone(),
            _ => String::new(),
        };
        self.define(id, kind, &apn);
        Ok(Reply::ok())
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
        if !matches!(level, 0 | 1 | 4) {
            return Err(Reply::Wrong(format!("there is no functionality {level}")));
        }
        if arguments.number_or(1, 0..=1, 0)? == 1 {
            self.finish(Reply::ok());
            self.after(Duration::from_millis(100), Core::restart_by_command);
            return Ok(Reply::Said);
        }
        if level != 1 {
            self.lose_all_contexts();
        } else if self.functionality != 1 {
            self.on_since = self.now;
        }
        self.functionality = level;
        Ok(Reply::ok())
    }

    fn power_saving(&mut self, name: &str, form: &Form) -> Result<Reply, Reply> {
        let kept = self.kept.get(name).cloned();
        match form {
            Form::Test => Ok(Reply::line(match name {
                "CPSMS" => {
                    "+CPSMS: (0-2),,,(\"00000000\"-\"11111111\"),(\"00000000\"-\"11111111\")"
                }
                _ => "+CEDRXS: (0-3),(4,5),(\"0000\"-\"1111\")",
            })),
            Form::Read => Ok(Reply::line(match (name, kept) {
                (_, Some(values)) => format!("+{name}: {values}"),
                ("CPSMS", None) => "+CPSMS: 0,,,\"01100000\",\"00000000\"".into(),
                _ => "+CEDRXS: 4,\"0000\"".into(),
            })),
            Form::Write(arguments) => {
                Arguments(arguments).count(1..=5)?;
                Arguments(arguments).number(0, 0..=3)?;
                let texts = arguments.iter().map(ToString::to_string);
                let values = texts.collect::<Vec<_>>().join(",");
                self.kept.insert(name.into(), values);
                Ok(Reply::ok())
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    /// AT+CEDRXRDP: the network grants what AT+CEDRXS asks for.
    fn granted_cycle(&self, form: &Form) -> Result<Reply, Reply> {
        if !matches!(form, Form::Execute | Form::Test) {
            return Err(wrong_form(form));
        }
        let kept = self.kept.get("CEDRXS").map_or("", String::as_str);
        let mut values = kept.split(',');
        let in_use = matches!(values.next(), Some("1" | "2"));
        Ok(match (form, values.next(), values.next()) {
            (Form::Test, ..) => Reply::ok(),
            (_, Some(technology), Some(cycle)) if in_use => {
                Reply::line(format!("+CEDRXRDP: {technology},{cycle},{cycle},\"0000\""))
            }
            _ => Reply::line("+CEDRXRDP: 0"),
        })
    }

    /// A number that is kept and has no effect here.
    pub(super) fn kept(
        &mut self,
        form: &Form,
        name: &str,
        range: core::ops::RangeInclusive<u32>,
    ) -> Result<Reply, Reply> {
        match form {
            Form::Test => {
                let (start, end) = (range.start(), range.end());
                Ok(Reply::line(format!("+{name}: ({start}-{end})")))
            }
            Form::Read => {
                let value = self.kept.get(name).map_or("0", String::as_str);
                Ok(Reply::line(format!("+{name}: {value}")))
            }
            _ => {
                let value = digit(form, range)?;
                self.kept.insert(name.into(), value.to_string());
                Ok(Reply::ok())
            }
        }
    }
}
