//! Power: boot, restart, silence, and what was left over from before.

use super::{Core, Mode, Power, later};
use crate::code;
use crate::log::{Content, Direction};
use crate::syntax::{Command, Form};
use core::time::Duration;

impl Core {
    /// Back to what the module is after power-on.
    pub(super) fn forget(&mut self) {
        self.mode = Mode::Command;
        self.busy = None;
        self.line.clear();
        self.held.clear();
        self.events.clear();
        self.profile = self.stored_profile.unwrap_or_default();
        self.rest.clear();
        self.attached = true;
        self.has_call = false;
        self.operator_mode = 0;
        self.operator_format = 0;
        self.registers.clear();
        self.kept.clear();
        self.message_format = 1;
        self.pin_failures = 0;
        self.payload_echo = true;
        self.equipment_errors = 1;
        self.last_error = code::SUCCESS;
        self.config.after_power_on(&self.settings);
        self.urc_port = self.settings.stored.urc_port.clone();
        self.contexts = Default::default();
        // The host may not have heard of the restart yet.
        for (excused, socket) in self.excused.iter_mut().zip(&mut self.sockets) {
            *excused |= socket.take().is_some();
        }
        self.lingering.clear();
        self.resumable = None;
        self.dns_running = false;
        self.ntp_running = None;
        self.pin_given = false;
        self.functionality = self.settings.functionality.into();
        self.withheld = None;
        self.behind = None;
        self.stalled = None;
        self.cut = false;
        self.multiplexed = false;
        self.report_registration.clear();
    }

    pub(super) fn take_up_what_was_left(&mut self) {
        let left = self.settings.left_over.clone();
        for context in &left.contexts {
            self.set_active(*context);
        }
        if !left.sockets.is_empty() {
            self.set_active(1);
        }
        for socket in &left.sockets {
            self.leave_open(socket.id, socket.access_mode, &socket.unread);
        }
        let first = left.sockets.first().map_or(0, |socket| socket.id);
        if left.transparent {
            if let Some(socket) = &mut self.sockets[usize::from(first)] {
                socket.access_mode = 2;
            }
            self.enter_data_mode(first);
        } else if let Some(bytes) = left.prompt {
            self.busy = Some(Command {
                name: "QISEND".into(),
                form: Form::Execute,
            });
            self.wait_for_payload(first, Some(bytes), None);
        }
    }

    pub(super) fn boot(&mut self) {
        // The module forgets AT+QSCLK.
        self.kept.remove("QSCLK");
        self.has_slept = false;
        self.power = Power::Booting;
        self.on_since = self.now;
        self.after(self.settings.boot_time, |core| {
            core.power = Power::On;
            let mut messages = core.settings.boot_messages.clone();
            if core.settings.readings.boot_lines_twice {
                messages.extend_from_within(..);
            }
            for message in messages {
                // The line tells the functionality that the module has.
                if message.starts_with("+CFUN:") {
                    core.urc(format!("+CFUN: {}", core.functionality));
                } else {
                    core.urc(message);
                }
            }
            core.await_registration();
        });
    }

    /// The module starts anew, for whatever reason.
    pub fn restart(&mut self) {
        self.remark("the module restarts");
        self.counters.restarts += 1;
        self.forget();
        self.silent_until = None;
        self.boot();
    }

    /// AT+CFUN=1,1: some modules say more about it (quirk 20).
    pub(super) fn restart_by_command(&mut self) {
        if !self.settings.readings.reset_is_told {
            return self.restart();
        }
        self.urc("POWERED DOWN");
        let lost: Vec<u8> = self.active_contexts().collect();
        self.restart();
        let late = self.settings.boot_time.min(Duration::from_secs(6)) / 2;
        for context in lost {
            self.after(late, move |core| {
                let line = format!("+QIURC: \"pdpdeact\",{context}");
                core.output
                    .extend_from_slice(format!("\r\n\r\n{line}\r\n").as_bytes());
                core.record(Direction::ToHost, Content::Line(line));
            });
        }
    }

    /// Power from outside, as with the power key: off, or on with a boot.
    pub fn power(&mut self, on: bool) {
        match (on, self.power) {
            (false, Power::On | Power::Booting) => self.power_down(),
            (true, Power::Off) => self.restart(),
            _ => {}
        }
    }

    pub(super) fn power_down(&mut self) {
        self.remark("power down");
        self.forget();
        self.power = Power::Off;
    }

    /// Neither hears nor speaks, for a time or until told otherwise.
    pub fn fall_silent(&mut self, time: Option<Duration>) {
        self.remark("silent");
        self.silent_until = Some(time.map_or(u64::MAX, |time| later(self.now, time)));
    }

    /// Speaks again.
    pub fn speak(&mut self) {
        self.silent_until = None;
        self.remark("no longer silent");
    }

    pub(super) fn is_registered(&self) -> bool {
        use crate::settings::Registration::{Home, Other, Roaming};
        matches!(self.registration_state(), Home | Roaming | Other(9 | 10))
    }

    pub(super) fn registration_state(&self) -> crate::settings::Registration {
        let reached = self.now >= later(self.on_since, self.settings.registration_delay);
        let asked = self.network_up && self.functionality == 1 && self.operator_mode != 2;
        if reached && asked && self.sim_is_ready() {
            self.settings.registration
        } else {
            crate::settings::Registration::Searching
        }
    }

    pub(super) fn sim_is_ready(&self) -> bool {
        use crate::settings::Sim;
        match &self.settings.sim {
            Sim::Ready => true,
            Sim::Missing => false,
            Sim::Pin(_) => self.pin_given,
            Sim::Puk { .. } | Sim::Failure(_) => false,
            Sim::Busy(time) => self.now >= later(self.on_since, *time),
        }
    }

    /// The URC of AT+CREG and its like when the network is found.
    fn await_registration(&mut self) {
        let found = later(self.on_since, self.settings.registration_delay);
        let wait = Duration::from_micros(found.saturating_sub(self.now));
        self.after(wait, Core::report_registration_now);
    }

    pub(super) fn report_registration_now(&mut self) {
        for (name, report) in self.report_registration.clone() {
            if report > 0 {
                self.urc(format!("+{name}: {}", self.registration_number()));
            }
        }
    }

    pub(super) fn registration_number(&self) -> u32 {
        use crate::settings::Registration;
        match self.registration_state() {
            // Without radio nobody searches.
            _ if self.functionality != 1 || self.operator_mode == 2 => 0,
            Registration::Home => 1,
            Registration::Searching => 2,
            Registration::Denied => 3,
            Registration::Roaming => 5,
            Registration::Other(number) => number.into(),
        }
    }
}
