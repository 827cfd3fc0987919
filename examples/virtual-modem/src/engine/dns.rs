//! Names: AT+QIDNSCFG and AT+QIDNSGIP (sections 2.1.13 and 2.1.14).

use super::{Core, Reply, wrong_form};
use crate::code;
use crate::syntax::{Arguments, Form};
use core::time::Duration;
use std::net::IpAddr;

/// Addresses and the time for which they hold, or a code.
pub(super) type Answer = Result<(Vec<IpAddr>, u32), u16>;

impl Core {
    /// What is known about a name, and how long it takes; nothing for a lookup that is never answered.
    pub(super) fn find_name(&mut self, name: &str) -> (Answer, Option<Duration>) {
        if let Ok(address) = name.parse() {
            return (Ok((vec![address], 0)), Some(Duration::ZERO));
        }
        let late = self.faults.dns_late;
        if self.faults.dns_silent.strikes() {
            return (Err(code::DNS_FAILED), None);
        }
        if self.faults.dns_fails.strikes() {
            return (Err(code::DNS_FAILED), Some(self.settings.dns_delay + late));
        }
        if let Some(record) = self.settings.dns.get(&name.to_ascii_lowercase()) {
            let answer = record
                .answer
                .clone()
                .map(|addresses| (addresses, record.time_to_live));
            return (
                answer.and_then(not_empty),
                record.delay.map(|delay| delay + late),
            );
        }
        let found = self.network.resolve(name).map(|addresses| (addresses, 300));
        let answer = found.ok_or(code::DNS_FAILED).and_then(not_empty);
        (answer, Some(self.settings.dns_delay + late))
    }

    pub(super) fn look_up(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QIDNSGIP: (1-{contexts}),<hostname>")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(2..=2)?;
        let context = self.context_argument(&arguments)?;
        let name = arguments.string(1)?;
        if name.is_empty() {
            return Err(Reply::Wrong("an empty name".into()));
        }
        if !self.is_active(context) {
            if !self.settings.readings.missing_context_as_result {
                return Ok(Reply::Fail(code::OPEN_CONTEXT));
            }
            self.after(Duration::ZERO, |core| {
                core.answer_lookup(Err(code::OPEN_CONTEXT))
            });
            return Ok(Reply::ok());
        }
        if self.dns_running {
            return Ok(Reply::Fail(code::DNS_BUSY));
        }
        let (answer, delay) = self.find_name(name);
        let Some(delay) = delay else {
            return Ok(Reply::ok());
        };
        let result_first = self.faults.result_first.strikes();
        self.dns_running = true;
        self.after(delay, move |core| {
            core.answer_lookup(answer);
            if result_first {
                core.finish(Reply::ok());
            }
        });
        Ok(if result_first {
            Reply::Later
        } else {
            Reply::ok()
        })
    }

    fn answer_lookup(&mut self, answer: Answer) {
        self.dns_running = false;
        match answer {
            Ok((addresses, time_to_live)) => {
                let count = addresses.len();
                self.notice(if self.settings.readings.lookup_without_ttl {
                    format!("+QIURC: \"dnsgip\",0,{count}")
                } else {
                    format!("+QIURC: \"dnsgip\",0,{count},{time_to_live}")
                });
                for address in addresses {
                    self.notice(format!("+QIURC: \"dnsgip\",\"{address}\""));
                }
            }
            Err(code) if self.settings.readings.failed_lookup_short => {
                self.notice(format!("+QIURC: \"dnsgip\",{code}"));
            }
            Err(code) => self.notice(format!("+QIURC: \"dnsgip\",{code},0,0")),
        }
    }

    pub(super) fn configure_dns(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => {
                return Ok(self.ranges("+QIDNSCFG: (1-{contexts}),<pridnsaddr>,<secdnsaddr>"));
            }
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=3)?;
        let context = self.context_argument(&arguments)?;
        if !self.is_active(context) {
            return Ok(Reply::Fail(code::OPEN_CONTEXT));
        }
        let state = &mut self.contexts[usize::from(context) - 1];
        if !arguments.has(1) {
            let of = |index: usize| state.dns.get(index).cloned().unwrap_or_default();
            return Ok(Reply::line(format!(
                "+QIDNSCFG: {context},\"{}\",\"{}\"",
                of(0),
                of(1)
            )));
        }
        let mut servers = Vec::new();
        for index in 1..arguments.0.len() {
            let address = arguments.string(index)?;
            if address.parse::<IpAddr>().is_err() {
                return Err(Reply::Wrong(format!("no IP address: {address}")));
            }
            servers.push(address.to_string());
        }
        state.dns = servers;
        Ok(Reply::ok())
    }
}

fn not_empty(found: (Vec<IpAddr>, u32)) -> Answer {
    if found.0.is_empty() {
        Err(code::DNS_FAILED)
    } else {
        Ok(found)
    }
}
