//! A command on its way: latency, execution, final result.

use super::faults::Reaction;
use super::{COMMAND_LIMIT, Core, Mode, Reply};
use crate::code;
use crate::syntax::Command;
use core::time::Duration;

impl Core {
    /// Takes up a command line.
    pub(super) fn take_up(&mut self, command: Command) {
        let latency = self.latency(&command.name);
        let known =
            self.commands.len() < COMMAND_LIMIT || self.commands.contains_key(&command.name);
        let name = if known { &command.name } else { "OTHERS" };
        *self.commands.entry(name.into()).or_default() += 1;
        self.counters.commands += 1;
        self.busy = Some(command);
        self.busy_since = self.now;
        self.intruded = false;
        if latency.is_zero() {
            self.execute();
        } else {
            self.after(latency, Core::execute);
        }
    }

    fn latency(&self, name: &str) -> Duration {
        let of_all = || self.faults.slow.get("ALL");
        let slow = self.faults.slow.get(name).or_else(of_all);
        let slow = slow.or(self.settings.latency_of.get(name));
        slow.copied().unwrap_or(self.settings.latency)
    }

    /// Whether the command in flight has had the time that the note gives it: from then on a host may try
    /// to find its way back.
    pub(super) fn is_overdue(&self) -> bool {
        let limit = match self.busy.as_ref().map(|command| command.name.as_str()) {
            Some("QIACT" | "QIOPEN") => 150,
            Some("QIDEACT") => 40,
            Some("QICLOSE") => 10,
            _ => 60,
        };
        self.now - self.busy_since >= limit * 1_000_000
    }

    fn execute(&mut self) {
        let Some(command) = self.busy.clone() else {
            return;
        };
        let start = self.output.len();
        let is_refusal = |reaction: &Reaction| matches!(reaction, Reaction::Refuse(_));
        let reply = match self.faults.reaction(&command.name, is_refusal) {
            Some(Reaction::Refuse(0)) => Reply::Final("ERROR"),
            Some(Reaction::Refuse(code @ 550..)) => Reply::Fail(code),
            Some(Reaction::Refuse(code)) => Reply::Equipment(code),
            _ => self.dispatch(&command).unwrap_or_else(|reply| reply),
        };
        self.finish_from(reply, start);
    }

    fn dispatch(&mut self, command: &Command) -> Result<Reply, Reply> {
        let form = &command.form;
        match command.name.as_str() {
            "QICSGP" => self.configure_context(form),
            "QIACT" => self.activate(form),
            "QIDEACT" => self.deactivate(form),
            "QIOPEN" => self.open(form),
            "QICLOSE" => self.close(form),
            "QISTATE" => self.query_state(form),
            "QISEND" => self.send(form),
            "QISENDEX" => self.send_hex(form),
            "QIRD" => self.read(form),
            "QISWTMD" => self.switch_mode(form),
            "QPING" => self.ping(form),
            "QNTP" => self.synchronize(form),
            "QIDNSCFG" => self.configure_dns(form),
            "QIDNSGIP" => self.look_up(form),
            "QICFG" => self.configure(form),
            "QISDE" => self.switch_payload_echo(form),
            "QIGETERROR" => self.query_error(form),
            "ATO" => self.resume(),
            _ => self.general(command),
        }
    }

    /// Gives the final result of the command in flight.
    pub(super) fn finish(&mut self, reply: Reply) {
        self.finish_from(reply, self.output.len());
    }

    /// The same, of an answer that begins at this place of the output.
    fn finish_from(&mut self, reply: Reply, start: usize) {
        if matches!(reply, Reply::Later) {
            return;
        }
        let overdue = self.is_overdue();
        let Some(command) = self.busy.take() else {
            return;
        };
        let goes_on = matches!(reply, Reply::Lines(_)) && !self.rest.is_empty();
        let is_socket_command = is_socket_command(&command.name);
        let error = match &reply {
            Reply::Fail(code) => *code,
            Reply::Wrong(_) => code::INVALID_PARAMETERS,
            _ => code::SUCCESS,
        };
        if is_socket_command {
            self.last_error = error;
        }
        match reply {
            Reply::Lines(lines) if goes_on => self.inform(&lines),
            Reply::Lines(lines) => self.respond(&lines, "OK"),
            Reply::Unknown => self.respond_unknown(),
            Reply::Fail(code) => self.respond_error(code),
            Reply::Equipment(code) => self.respond_equipment_error(code),
            Reply::Wrong(text) => {
                self.violation(format!("AT+{}: {text}", command.name));
                if is_socket_command {
                    self.respond_error(error);
                } else {
                    self.respond(&[], "ERROR");
                }
            }
            Reply::Final(result) => self.respond(&[], result),
            Reply::Said | Reply::Later => {}
        }
        self.deliver(&command.name, start);
        if !overdue {
            self.mark_answer(1);
        }
        match self.rest.pop_front() {
            Some(next) if goes_on => self.take_up(next),
            _ => {
                self.rest.clear();
                self.behind_close(&command, error);
                self.release_held();
            }
        }
    }

    /// What faults make of an answer that begins at this place of the output.
    pub(super) fn deliver(&mut self, name: &str, start: usize) {
        let mut answer = self.output.split_off(start.min(self.output.len()));
        // What is pushed is no answer.
        if let Some(mut late) = self.withheld.take_if(|_| name != PUSH) {
            late.append(&mut answer);
            answer = late;
        }
        let is_of_answers =
            |reaction: &Reaction| matches!(reaction, Reaction::Mute | Reaction::RestartInside(_));
        let reaction = self.faults.reaction(name, is_of_answers);
        match reaction {
            Some(Reaction::Mute) => {
                self.remark(format!("lost: the answer to {name}"));
                answer.clear();
            }
            Some(Reaction::RestartInside(bytes)) => answer.truncate(bytes),
            _ if self.faults.one_behind && name != PUSH => {
                answer = self.behind.replace(answer).unwrap_or_default();
            }
            _ => {}
        }
        self.output.append(&mut answer);
        if matches!(reaction, Some(Reaction::RestartInside(_))) {
            self.restart();
        }
    }

    /// The answer ends here, `before` bytes before the end of the output.
    pub(super) fn mark_answer(&mut self, before: u64) {
        self.answer_end = (self.handed + self.output.len() as u64).saturating_sub(before);
    }

    /// Whether the host cannot have read the last answer.
    pub(super) fn answer_is_on_line(&self) -> bool {
        (self.handed - self.unread as u64) < self.answer_end
    }

    /// Keeps an answer back that begins at this place of the output, until the next one goes out.
    pub(super) fn withhold(&mut self, start: usize) {
        self.withheld = Some(self.output.split_off(start.min(self.output.len())));
        self.busy = None;
        if matches!(self.mode, Mode::Command) {
            self.release_held();
        }
    }
}

/// What a pushed frame is called among the faults of commands.
pub(super) const PUSH: &str = "PUSH";

fn is_socket_command(name: &str) -> bool {
    name.starts_with("QI") && name != "QIGETERROR" || name == "QPING" || name == "QNTP"
}
