//! The basic commands of ITU-T V.250: how the line behaves, and calls for PPP.

use super::general::{digit, one_number};
use super::{Core, Mode, Reply, wrong_form};
use crate::log::{Content, Direction};
use crate::syntax::{Argument, Command, Form};

/// What AT&W stores, and AT&F and ATZ bring back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    pub echo: bool,
    /// ATV1: results as words.
    pub verbose: bool,
    /// ATQ1: no results.
    pub quiet: bool,
    /// AT&D1
    pub leaves_data_by_dtr: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            echo: true,
            verbose: true,
            quiet: false,
            leaves_data_by_dtr: false,
        }
    }
}

/// The line belongs to a call of ATD: PPP, whose frames go nowhere.
#[derive(Debug)]
pub(super) struct Call {
    plus: usize,
    last_byte: u64,
}

/// The number that ATD dials for packet data (3GPP TS 27.007).
const PACKET_DATA: &str = "*99";

impl Core {
    /// A basic command; nothing if there is no such.
    pub(super) fn basic(&mut self, command: &Command) -> Option<Result<Reply, Reply>> {
        let form = &command.form;
        Some(match command.name.as_str() {
            "AT" => Ok(Reply::ok()),
            "ATE" => self.switch(form, |core, on| {
                core.profile.echo = on || core.faults.echo_stays;
            }),
            "ATV" => self.switch(form, |core, on| core.profile.verbose = on),
            "ATQ" => self.switch(form, |core, on| core.profile.quiet = on),
            "AT&D" => digit(form, 0..=2).map(|mode| {
                self.profile.leaves_data_by_dtr = mode == 1;
                Reply::ok()
            }),
            "ATZ" => digit(form, 0..=0).map(|_| {
                self.take_profile(self.stored_profile.unwrap_or_default());
                Reply::ok()
            }),
            "AT&F" => digit(form, 0..=0).map(|_| {
                self.take_profile(Profile::default());
                Reply::ok()
            }),
            "AT&W" => digit(form, 0..=0).map(|_| {
                self.stored_profile = Some(self.profile);
                Reply::ok()
            }),
            "AT&C" | "AT&S" | "ATL" | "ATM" => digit(form, 0..=3).map(|_| Reply::ok()),
            "ATX" => digit(form, 0..=4).map(|_| Reply::ok()),
            "ATH" => digit(form, 0..=0).map(|_| {
                self.has_call = false;
                Reply::ok()
            }),
            "ATD" => self.dial(form),
            "ATA" => Ok(Reply::Final("NO CARRIER")),
            register => self.register(register.strip_prefix("ATS")?, form)?,
        })
    }

    fn switch(&mut self, form: &Form, set: fn(&mut Core, bool)) -> Result<Reply, Reply> {
        let on = digit(form, 0..=1)? == 1;
        set(self, on);
        Ok(Reply::ok())
    }

    fn take_profile(&mut self, profile: Profile) {
        self.profile = profile;
        self.equipment_errors = 1;
        self.report_registration.clear();
    }

    /// The S registers: kept, and without effect.
    fn register(&mut self, number: &str, form: &Form) -> Option<Result<Reply, Reply>> {
        let number: u8 = number.parse().ok()?;
        let default = match number {
            3 => 13,
            4 => 10,
            5 => 8,
            7 => 50,
            12 => 50,
            0..=12 => 0,
            _ => return None,
        };
        let value = self.registers.entry(number).or_insert(default);
        Some(match form {
            Form::Read => Ok(Reply::line(format!("{value:03}"))),
            Form::Write(_) => one_number(form, 0..=255).map(|new| {
                *value = new;
                Reply::ok()
            }),
            _ => Err(wrong_form(form)),
        })
    }

    fn dial(&mut self, form: &Form) -> Result<Reply, Reply> {
        let number = match form {
            Form::Write(arguments) => match arguments.as_slice() {
                [Argument::Bare(number)] => number.trim_start_matches(['T', 'P']).to_string(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        if !number.starts_with(PACKET_DATA) || !number.ends_with('#') || !self.is_registered() {
            return Ok(Reply::Final("NO CARRIER"));
        }
        self.has_call = true;
        Ok(self.enter_call())
    }

    /// The line is the call's from here on.
    pub(super) fn enter_call(&mut self) -> Reply {
        self.finish(Reply::Final(self.connect_result()));
        self.mode = Mode::Call(Call {
            plus: 0,
            last_byte: self.now,
        });
        Reply::Said
    }

    /// Bytes of a call: only `+++` between two silences means anything.
    pub(super) fn call_input(&mut self, byte: u8) {
        let (now, guard) = (self.now, self.settings.guard_time);
        let Mode::Call(call) = &mut self.mode else {
            return;
        };
        let quiet = now - call.last_byte >= guard.as_micros() as u64;
        call.plus = match byte {
            b'+' if call.plus > 0 || quiet => call.plus + 1,
            _ => 0,
        };
        call.last_byte = now;
        if call.plus == 3 {
            self.after(guard, move |core| core.escape_call(now));
        }
    }

    fn escape_call(&mut self, since: u64) {
        let Mode::Call(call) = &self.mode else {
            return;
        };
        if call.last_byte == since && call.plus == 3 {
            self.record(Direction::ToModule, Content::Line("+++".into()));
            self.leave_data_mode("OK");
        }
    }
}
