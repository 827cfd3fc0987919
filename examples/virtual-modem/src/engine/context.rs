//! PDP contexts (sections 2.1.1 to 2.1.3 and 2.2.5).

use super::socket::Link;
use super::{Core, Reply, wrong_form};
use crate::code;
use crate::fault::NoAddress;
use crate::syntax::{Argument, Arguments, Form};
use core::net::IpAddr;
use core::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Activity {
    #[default]
    Inactive,
    Active,
    /// Taken down by the network; AT+QIDEACT must come first.
    Lost,
    /// Taken down by the network without a word. AT+QIACT? may still show it.
    Dropped {
        listed: bool,
    },
}

/// One PDP context.
#[derive(Clone, Debug, Default)]
pub(super) struct ContextState {
    activity: Activity,
    configured: bool,
    kind: u32,
    apn: String,
    user: String,
    password: String,
    authentication: u32,
    pub dns: Vec<String>,
    /// No address is shown before this time.
    address_at: u64,
    /// The bearer is on another context.
    drifted: bool,
}

impl Core {
    pub(super) fn is_active(&self, context: u8) -> bool {
        self.contexts[usize::from(context) - 1].activity == Activity::Active
    }

    pub(super) fn active_contexts(&self) -> impl Iterator<Item = u8> {
        (1..=16).filter(|context| self.is_active(*context))
    }

    pub(super) fn local_address(&self, context: u8) -> String {
        let kind = self.contexts[usize::from(context) - 1].kind;
        let addresses = self.settings.addresses_of(context, kind);
        addresses
            .first()
            .map_or_else(String::new, IpAddr::to_string)
    }

    pub(super) fn configure_context(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => {
                return Ok(self.ranges(
                    "+QICSGP: (1-{contexts}),(1-3),<APN>,<username>,<password>,(0-{authentication}),(0-1)",
                ));
            }
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=7)?;
        let index = usize::from(self.context_argument(&arguments)?) - 1;
        if arguments.0.len() == 1 {
            let context = &self.contexts[index];
            return Ok(Reply::line(format!(
                "+QICSGP: {},\"{}\",\"{}\",\"{}\",{}",
                context.kind.max(1),
                context.apn,
                context.user,
                context.password,
                context.authentication
            )));
        }
        if self.settings.readings.active_context_is_fixed && self.is_active(index as u8 + 1) {
            return Ok(Reply::Fail(code::NOT_ALLOWED));
        }
        let kind = arguments.number(1, 1..=3)?;
        let apn = arguments.string(2)?.to_string();
        // The example of section 3.1.1 leaves one string out, so that the authentication comes fifth.
        let short = self.settings.readings.context_strings_optional
            && arguments.0.len() == 5
            && matches!(arguments.0[4], Argument::Bare(_));
        let text = |index: usize| match arguments.has(index) {
            true => arguments.string(index).map(String::from),
            false => Ok(String::new()),
        };
        let user = text(3)?;
        let password = if short { String::new() } else { text(4)? };
        let authentication = arguments.number_or(if short { 4 } else { 5 }, 0..=3, 0)?;
        arguments.number_or(6, 0..=1, 0)?;
        if user.len() > 127 || password.len() > 127 {
            return Err(Reply::Wrong(
                "user name or password longer than 127 bytes".into(),
            ));
        }
        if authentication > self.settings.limits.authentication {
            return Ok(Reply::Fail(code::INVALID_PARAMETERS));
        }
        let context = &mut self.contexts[index];
        *context = ContextState {
            activity: context.activity,
            dns: core::mem::take(&mut context.dns),
            configured: true,
            kind,
            apn,
            user,
            password,
            authentication,
            address_at: context.address_at,
            drifted: context.drifted,
        };
        Ok(Reply::ok())
    }

    pub(super) fn activate(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QIACT: (1-{contexts})")),
            Form::Read => {
                let rows = (1..=16).filter_map(|context| self.context_row(context));
                return Ok(Reply::Lines(rows.collect()));
            }
            Form::Write(arguments) => Arguments(arguments),
            Form::Execute => return Err(wrong_form(form)),
        };
        arguments.count(1..=1)?;
        let id = self.context_argument(&arguments)?;
        let context = &self.contexts[usize::from(id) - 1];
        if context.activity == Activity::Active {
            let is_fine = self.settings.readings.activate_active_is_ok;
            return Ok(if is_fine {
                Reply::ok()
            } else {
                Reply::Fail(code::NOT_ALLOWED)
            });
        }
        match context.activity {
            Activity::Lost => return Ok(Reply::Fail(code::OPEN_CONTEXT)),
            Activity::Dropped { .. } => return Ok(Reply::Fail(code::CONTEXT_LOST)),
            _ => {}
        }
        if !context.configured && !self.settings.readings.unconfigured_activates {
            return Ok(Reply::Fail(code::NO_APN));
        }
        let known = self
            .settings
            .apns
            .as_ref()
            .is_none_or(|apns| apns.contains(&context.apn));
        let allowed = known
            && self.attached
            && self.is_registered()
            && self.active_contexts().count() < self.settings.limits.active;
        let refusal = self
            .settings
            .activation_refused
            .or((!allowed).then_some(code::OPEN_CONTEXT));
        self.after(self.settings.activation_delay, move |core| {
            let reply = match refusal {
                Some(code) => Reply::Fail(code),
                None => {
                    core.set_active(id);
                    Reply::ok()
                }
            };
            core.finish(reply);
        });
        Ok(Reply::Later)
    }

    pub(super) fn set_active(&mut self, id: u8) {
        let context = &mut self.contexts[usize::from(id) - 1];
        context.activity = Activity::Active;
        context.kind = context.kind.max(1);
        context.dns = vec!["8.8.8.8".into(), "8.8.4.4".into()];
        context.drifted = false;
        let late = self
            .faults
            .late_address
            .map_or(Duration::ZERO, |late| late.0);
        context.address_at = self.now + late.as_micros() as u64;
    }

    fn context_row(&self, id: u8) -> Option<String> {
        let context = &self.contexts[usize::from(id) - 1];
        if !matches!(
            context.activity,
            Activity::Active | Activity::Dropped { listed: true }
        ) {
            return None;
        }
        let mut row = format!("+QIACT: {id},1,{}", context.kind);
        if self.now < context.address_at {
            return match self.faults.late_address?.1 {
                NoAddress::Empty => Some(row + ",\"\""),
                NoAddress::Zero => Some(row + ",\"0.0.0.0\""),
                NoAddress::Absent => None,
            };
        }
        for address in self.settings.addresses_of(id, context.kind) {
            row += &match address {
                IpAddr::V4(address) => format!(",\"{address}\""),
                IpAddr::V6(address) if self.settings.readings.ipv6_dotted => {
                    let octets = address.octets().map(|octet| octet.to_string());
                    format!(",\"{}\"", octets.join("."))
                }
                IpAddr::V6(address) => {
                    format!(",\"{}\"", address.to_string().to_ascii_uppercase())
                }
            };
        }
        Some(row)
    }

    pub(super) fn deactivate(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QIDEACT: (1-{contexts})")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=1)?;
        let id = self.context_argument(&arguments)?;
        let was = self.contexts[usize::from(id) - 1].activity;
        if was == Activity::Inactive {
            let is_fine = self.settings.readings.deactivate_inactive_is_ok;
            return Ok(if is_fine {
                Reply::ok()
            } else {
                Reply::Fail(code::CLOSE_CONTEXT)
            });
        }
        let fails = self.faults.deactivation.strikes();
        self.after(self.settings.deactivation_delay, move |core| {
            if fails {
                return core.finish(Reply::Fail(code::CLOSE_CONTEXT));
            }
            core.contexts[usize::from(id) - 1].activity = Activity::Inactive;
            for index in 0..core.sockets.len() {
                if core.sockets[index]
                    .as_ref()
                    .is_some_and(|socket| socket.context == id)
                {
                    core.sockets[index] = None;
                    core.excused[index] = true;
                }
            }
            core.finish(Reply::ok());
        });
        Ok(Reply::Later)
    }

    /// A contextID: wrong outside the note's range, refused outside the family's.
    pub(super) fn context_argument(&self, arguments: &Arguments<'_>) -> Result<u8, Reply> {
        let id = arguments.number(0, 1..=16)? as u8;
        if id > self.settings.limits.contexts {
            return Err(Reply::Fail(code::INVALID_PARAMETERS));
        }
        Ok(id)
    }

    /// A connectID at this place, likewise.
    pub(super) fn id_argument(&self, arguments: &Arguments<'_>, index: usize) -> Result<u8, Reply> {
        let id = arguments.number(index, 0..=11)? as u8;
        if id > self.settings.limits.ids {
            return Err(Reply::Fail(code::INVALID_PARAMETERS));
        }
        Ok(id)
    }

    /// What a test command answers, with the ranges of the family.
    pub(super) fn ranges(&self, line: &str) -> Reply {
        let limits = &self.settings.limits;
        Reply::line(
            line.replace("{contexts}", &limits.contexts.to_string())
                .replace("{ids}", &limits.ids.to_string())
                .replace("{read}", &limits.read.to_string())
                .replace("{send}", &limits.send.to_string())
                .replace("{authentication}", &limits.authentication.to_string()),
        )
    }

    /// AT+CGDCONT; type 0 takes the definition away.
    pub(super) fn define(&mut self, id: u8, kind: u32, apn: &str) {
        let context = &mut self.contexts[usize::from(id) - 1];
        context.configured = kind > 0;
        context.kind = kind;
        context.apn = apn.into();
    }

    /// The lines of AT+CGDCONT?.
    pub(super) fn definition_rows(&self) -> Vec<String> {
        let all = self.contexts.iter().enumerate();
        let defined = all.filter(|(_, context)| context.configured);
        let row = |(index, context): (usize, &ContextState)| {
            let kind = ["IP", "IPV6", "IPV4V6"][context.kind.clamp(1, 3) as usize - 1];
            let apn = &context.apn;
            format!(
                "+CGDCONT: {},\"{kind}\",\"{apn}\",\"0.0.0.0\",0,0,0,0",
                index + 1
            )
        };
        defined.map(row).collect()
    }

    pub(super) fn is_dropped(&self, context: u8) -> bool {
        let activity = self.contexts[usize::from(context) - 1].activity;
        matches!(activity, Activity::Dropped { .. })
    }

    /// The network takes a context down, and nobody hears of it.
    pub(super) fn drop_context(&mut self, id: u8, listed: bool) {
        if let Some(context) = self.contexts.get_mut(usize::from(id).wrapping_sub(1)) {
            context.activity = Activity::Dropped { listed };
        }
    }

    /// The bearer moves to another context (quirk 17).
    pub(super) fn drift_context(&mut self, id: u8) {
        if let Some(context) = self.contexts.get_mut(usize::from(id).wrapping_sub(1)) {
            context.drifted = true;
        }
    }

    /// Whether the context of this socket has no bearer.
    pub(super) fn has_drifted(&self, socket: u8) -> bool {
        let socket = self.sockets[usize::from(socket)].as_ref();
        socket.is_some_and(|socket| self.contexts[usize::from(socket.context) - 1].drifted)
    }

    /// The lines of AT+CGACT?.
    pub(super) fn activity_rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for id in self.active_contexts() {
            let drifted = self.contexts[usize::from(id) - 1].drifted;
            rows.push(format!("+CGACT: {id},{}", u32::from(!drifted)));
            rows.extend(drifted.then(|| "+CGACT: 9,1".into()));
        }
        rows
    }

    /// The network takes a context down (section 2.2.5).
    pub fn lose_context(&mut self, id: u8) {
        if !(1..=16).contains(&id) || !self.is_active(id) {
            return;
        }
        self.remark(format!("the network deactivates context {id}"));
        self.contexts[usize::from(id) - 1].activity = Activity::Lost;
        let mut answer_is_due = false;
        let mut lost = Vec::new();
        for socket in self
            .sockets
            .iter_mut()
            .flatten()
            .filter(|socket| socket.context == id)
        {
            answer_is_due |= core::mem::take(&mut socket.holds_answer);
            socket.link = Link::Gone;
            socket.state = 4;
            socket.ended = true;
            if !core::mem::replace(&mut socket.end_told, true) {
                lost.push(socket.id);
            }
        }
        if lost.iter().any(|id| self.is_in_data_mode(*id)) {
            self.leave_data_mode("NO CARRIER");
        }
        self.notice(format!("+QIURC: \"pdpdeact\",{id}"));
        if self.settings.readings.deactivation_closes {
            for id in lost {
                self.notice(format!("+QIURC: \"closed\",{id}"));
            }
        }
        if answer_is_due {
            self.finish(Reply::Fail(code::CONTEXT_LOST));
        }
    }
}
