//! Faults are armed, or happen at once.

use super::super::Core;
use super::{Blow, Damage, OfCommand, Reaction, Strikes};
use crate::fault::{Fault, When};
use crate::readings::Errors;

impl Core {
    /// Arms a fault, or lets it happen.
    pub fn inject(&mut self, fault: Fault) {
        self.remark(format!("fault: {fault:?}"));
        match fault {
            Fault::Scheduled { fault, when } => self.arm(*fault, Some(when)),
            fault => self.arm(fault, None),
        }
    }

    fn arm(&mut self, fault: Fault, when: Option<When>) {
        let faults = &mut self.faults;
        faults.forget_spent();
        let strikes = |count| Strikes::new(count, when);
        let chance = |probability, seed| Some((probability, fastrand::Rng::with_seed(seed)));
        match fault {
            Fault::Scheduled { fault, .. } => self.arm(*fault, when),
            Fault::Chop(chop) => self.chop = Some(chop),
            Fault::ForeignUrcs { probability, seed } => faults.foreign = chance(probability, seed),
            Fault::UnknownUrcs { probability, seed } => faults.unknown = chance(probability, seed),
            Fault::SmsLines { probability, seed } => faults.messages = chance(probability, seed),
            Fault::LineLoss { probability, seed } => faults.line_loss = chance(probability, seed),
            Fault::PingLoss { probability, seed } => faults.ping_loss = chance(probability, seed),
            Fault::LateRecv(delay) => faults.late_recv = delay,
            Fault::LostRecv(count) => faults.lost_recv = strikes(count),
            Fault::LostClosed(count) => faults.lost_closed = strikes(count),
            Fault::SendFail { count, taken } => {
                (faults.failing_sends, faults.failing_taken) = (strikes(count), taken)
            }
            Fault::SendFailRate { probability, taken } => {
                (faults.failing_rate, faults.failing_taken) = (probability, taken);
            }
            Fault::SendError(count) => faults.send_error = strikes(count),
            Fault::LateSendOk(delay) => faults.late_send_ok = delay,
            Fault::LostSendOk(count) => faults.lost_send_ok = strikes(count),
            Fault::SendOkBehind(count) => faults.send_ok_behind = strikes(count),
            Fault::PromptError(count) => faults.prompt_error = strikes(count),
            Fault::LostPrompt(count) => faults.lost_prompt = strikes(count),
            Fault::RefusePeer { address, code } => {
                faults.refused_peers.insert(address, code);
            }
            Fault::RefuseOpen { code, count } => faults.refused_opens = (code, strikes(count)),
            Fault::HangOpen(count) => faults.hang_open = strikes(count),
            Fault::LostOpenResult(count) => faults.lost_open_result = strikes(count),
            Fault::ResultFirst(count) => faults.result_first = strikes(count),
            Fault::PdpDeact { context, after: 0 } => self.lose_context(context),
            Fault::PdpDeact { context, after } => {
                let at = faults.payload.saturating_add(after);
                faults.blows.push((at, Blow::LoseContext(context)));
            }
            Fault::PdpDeactOnly(context) => {
                self.notice(format!("+QIURC: \"pdpdeact\",{context}"));
            }
            Fault::ContextDropped { context, listed } => self.drop_context(context, listed),
            Fault::ContextDrifts(context) => self.drift_context(context),
            Fault::LateAddress { delay, shows } => faults.late_address = Some((delay, shows)),
            Fault::DeactFails(count) => faults.deactivation = strikes(count),
            Fault::Functionality(level) => {
                self.settings.functionality = level;
                self.functionality = level.into();
            }
            Fault::Restart { after: 0 } => self.restart(),
            Fault::Restart { after } => {
                let at = faults.payload.saturating_add(after);
                faults.blows.push((at, Blow::Restart));
            }
            Fault::RestartInside {
                command,
                bytes,
                count,
            } => self.arm_command(command, Reaction::RestartInside(bytes), strikes(count)),
            Fault::Mute { command, count } => {
                self.arm_command(command, Reaction::Mute, strikes(count))
            }
            Fault::Swallow { command, count } => {
                self.arm_command(command, Reaction::Swallow, strikes(count))
            }
            Fault::Refuse {
                command,
                code,
                count,
            } => self.arm_command(command, Reaction::Refuse(code), strikes(count)),
            Fault::Silent(time) => self.fall_silent(time),
            Fault::LeftOpen(id) => self.leave_open(id, 0, &[]),
            Fault::EchoStays => faults.echo_stays = true,
            Fault::PayloadEcho => faults.payload_echo = true,
            Fault::OneBehind => faults.one_behind = true,
            Fault::BlackHole => faults.black_hole = true,
            Fault::Multiplexer => self.multiplexed = true,
            Fault::ViewMode => {
                self.settings.stored.view_mode = 1;
                self.config.view_mode = 1;
            }
            Fault::HexData => {
                self.settings.stored.data_format = (1, 1);
                self.config.data_format = (1, 1);
            }
            Fault::ShortReads(limit) => faults.short_reads = Some(limit.max(1)),
            Fault::LoseData {
                bytes,
                offset,
                count,
            } => {
                let damage = Damage::Lose(bytes, offset);
                faults.damages.push((damage, strikes(count)));
            }
            Fault::CutData { bytes, count } => {
                faults.damages.push((Damage::Cut(bytes), strikes(count)));
            }
            Fault::PauseData {
                time,
                offset,
                count,
            } => {
                let damage = Damage::Pause(time.as_micros() as u64, offset);
                faults.damages.push((damage, strikes(count)));
            }
            Fault::CountersLag(bytes) => faults.counters_lag = bytes,
            Fault::PeerCloses(bytes) => faults.peer_closes = Some(bytes),
            Fault::ClosedAfterClose => faults.closed_after_close = true,
            Fault::ResumeFails(count) => faults.resume_fails = strikes(count),
            Fault::CmeErrors { text } => {
                self.settings.readings.errors = if text { Errors::Text } else { Errors::Numeric };
            }
            Fault::DnsFails(count) => faults.dns_fails = strikes(count),
            Fault::DnsSilent(count) => faults.dns_silent = strikes(count),
            Fault::DnsLate(delay) => faults.dns_late = delay,
            Fault::NtpFails { code, count } => faults.refused_times = (code, strikes(count)),
            Fault::NtpLate(delay) => faults.ntp_late = delay,
            Fault::ReadLoss(count) => faults.read_loss = strikes(count),
            Fault::Slow { command, delay } => drop(faults.slow.insert(command, delay)),
            Fault::Reading(name) => {
                if let Err(error) = self.settings.readings.flip(&name) {
                    self.remark(error);
                }
            }
        }
    }

    fn arm_command(&mut self, command: String, reaction: Reaction, strikes: Strikes) {
        self.faults.of_commands.push(OfCommand {
            command,
            reaction,
            strikes,
        });
    }
}
