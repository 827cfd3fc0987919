//! AT+QPING and AT+QNTP (sections 2.1.11 and 2.1.12).

use super::{Core, Reply, wrong_form};
use crate::code;
use crate::syntax::{Arguments, Form};
use core::time::Duration;

/// Bytes of an echo request, and how far the answer could have come, as the note's example has them.
const PING_BYTES: u32 = 32;
const PING_HOPS: u32 = 255;
/// With so much going on, no more is taken up.
const EVENT_LIMIT: usize = 1000;

impl Core {
    pub(super) fn ping(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QPING: (1-{contexts}),<host>,(1-255),(1-10)")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(2..=4)?;
        let context = self.context_argument(&arguments)?;
        let host = arguments.string(1)?;
        let timeout = Duration::from_secs(arguments.number_or(2, 1..=255, 4)?.into());
        let count = arguments.number_or(3, 1..=10, 4)?;
        if !self.is_active(context) {
            if !self.settings.readings.missing_context_as_result {
                return Ok(Reply::Fail(code::OPEN_CONTEXT));
            }
            self.after(Duration::ZERO, |core| {
                core.urc(format!("+QPING: {}", code::OPEN_CONTEXT))
            });
            return Ok(Reply::ok());
        }
        if self.events.len() > EVENT_LIMIT {
            return Ok(Reply::Fail(code::BUSY));
        }
        let (answer, delay) = self.find_name(host);
        let mut at = delay.unwrap_or(Duration::from_secs(60));
        let address = match answer {
            Ok((addresses, _)) => addresses[0],
            Err(code) => {
                self.after(at, move |core| core.urc(format!("+QPING: {code}")));
                return Ok(Reply::ok());
            }
        };
        let round_trip = self
            .network
            .ping(address)
            .filter(|round_trip| *round_trip <= timeout);
        let mut received = 0;
        for _ in 0..count {
            let round_trip = round_trip.filter(|_| !self.faults.loses_ping());
            received += u32::from(round_trip.is_some());
            at += round_trip.unwrap_or(timeout);
            let line = match round_trip {
                Some(time) => {
                    format!(
                        "+QPING: 0,\"{address}\",{PING_BYTES},{},{PING_HOPS}",
                        time.as_millis()
                    )
                }
                None => format!("+QPING: {}", code::TIMEOUT),
            };
            self.after(at, move |core| core.urc(line));
        }
        let time = round_trip.filter(|_| received > 0);
        let time = time.unwrap_or_default().as_millis();
        let lost = count - received;
        self.after(at, move |core| {
            core.urc(format!(
                "+QPING: 0,{count},{received},{lost},{time},{time},{time}"
            ));
        });
        Ok(Reply::ok())
    }

    pub(super) fn synchronize(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QNTP: (1-{contexts}),<server>,(1-65535),(0,1)")),
            Form::Read => {
                let running = self
                    .ntp_running
                    .iter()
                    .map(|(server, port)| format!("+QNTP: \"{server}\",{port}"));
                return Ok(Reply::Lines(running.collect()));
            }
            Form::Write(arguments) => Arguments(arguments),
            Form::Execute => return Err(wrong_form(form)),
        };
        arguments.count(2..=4)?;
        let context = self.context_argument(&arguments)?;
        let server = arguments.string(1)?.to_string();
        let port = arguments.number_or(2, 1..=65535, 123)?;
        let sets_clock = arguments.number_or(3, 0..=1, 1)? == 1;
        if self.ntp_running.is_some() {
            return Ok(Reply::Fail(code::BUSY));
        }
        if !self.is_active(context) {
            if !self.settings.readings.missing_context_as_result {
                return Ok(Reply::Fail(code::OPEN_CONTEXT));
            }
            self.after(Duration::ZERO, |core| {
                core.urc(format!("+QNTP: {}", code::OPEN_CONTEXT))
            });
            return Ok(Reply::ok());
        }
        let (mut delay, mut outcome) = self.settings.ntp.clone();
        if let Some(servers) = &self.settings.ntp_servers {
            // A name that nobody knows fails at once, a server that does not answer in the time that the note allows.
            if !servers.contains(&server) {
                let (found, late) = self.find_name(&server);
                (delay, outcome) = match found {
                    Ok(_) => (Duration::from_secs(125), Err(code::TIMEOUT)),
                    Err(code) => (late.unwrap_or(Duration::from_secs(60)), Err(code)),
                };
            }
        }
        self.ntp_running = Some((server, port));
        let outcome = self.faults.refused_time().map_or(outcome, Err);
        self.after(delay + self.faults.ntp_late, move |core| {
            core.ntp_running = None;
            match outcome {
                Ok(time) => {
                    core.urc(format!("+QNTP: 0,\"{time}\""));
                    if sets_clock {
                        core.clock_set = Some(time);
                    }
                }
                Err(code) => core.urc(format!("+QNTP: {code}")),
            }
        });
        Ok(Reply::ok())
    }
}
