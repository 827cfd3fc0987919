//! Unsolicited result codes (2.2): what each of them changes. They take effect at once.

use embassy_time::Instant;

use super::effect::Effect;
use super::exchange::MessageText;
use super::exchange::in_flight::{FinalResult, InFlight};
use super::exchange::job::{Domain, Job};
use super::exchange::outcome::Reason;
use super::ids::IdSet;
use super::line::LineKind;
use super::sockets::slot::Slot;
use super::state::Engine;
use super::statistics::{count, count_loss};
#[cfg(not(feature = "udp"))]
use crate::at::NotRead as Peer;
#[cfg(feature = "udp")]
use crate::at::Peer;
use crate::at::{
    ConnectId, ContextId, ErrorCode, Fields, IndicationType, Opened, Prefix, Received,
    Registration, ResultCode, read,
};
use crate::error::LinkError;

/// What announces a short message.
const MESSAGE_HEADERS: [&[u8]; 3] = [b"+CMT:", b"+CDS:", b"+CBM:"];

impl Engine<'_> {
    /// Handles a URC. `None` if the line is not a URC of the stack.
    pub(super) fn on_urc(&mut self, prefix: Option<Prefix>, line: &[u8]) -> Option<LineKind> {
        match prefix {
            Some(Prefix::Indication) => {
                count(&self.counters.urcs, 1);
                return self.on_indication(line);
            }
            Some(Prefix::Opened) => {
                let Opened { connect_id, result } = read(line)?;
                return Some(self.on_opened(connect_id, result.err()));
            }
            Some(Prefix::PowerSaving) => return Some(self.on_power_down()),
            // The line is the user's as well.
            Some(Prefix::Lte) => self.on_registration(Domain::Lte, line)?,
            Some(Prefix::Packet) => self.on_registration(Domain::Packet, line)?,
            Some(Prefix::Circuit) => self.on_registration(Domain::Circuit, line)?,
            _ => {}
        }
        match ResultCode::of(line) {
            Some(ResultCode::Ready) => Some(self.on_restart()),
            Some(code) if code.is_power_down() => Some(self.on_power_down()),
            _ => self.on_service_line(line),
        }
    }

    /// `+QIURC: <type>,…`. `None` if the fields are others.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn on_indication(&mut self, line: &[u8]) -> Option<LineKind> {
        let (kind, mut fields) = IndicationType::of_line(line)?;
        match kind {
            IndicationType::Received => return Some(self.on_received(&fields.last()?)),
            IndicationType::Closed => self.on_peer_closed(fields.last()?),
            IndicationType::ContextLost => self.on_context_lost(fields.last()?),
            IndicationType::Resolution => self.on_resolved(fields)?,
            IndicationType::Incoming => self.on_incoming(fields)?,
            IndicationType::IncomingFull => {
                fields.end()?;
                self.count_refused_connections(1);
            }
        }
        Some(LineKind::Handled)
    }

    // ---- short messages ------------------------------------------------------------------------------------------

    /// The lines after the header of a short message are its text, and change nothing, whatever they say (quirk 125).
    pub(super) fn on_message_text(&mut self, line: &[u8]) -> Option<LineKind> {
        if line.is_empty() {
            return None;
        }
        match self.exchange.message_text {
            MessageText::None => {
                if MESSAGE_HEADERS
                    .iter()
                    .any(|header| line.starts_with(header))
                {
                    self.exchange.message_text = MessageText::Foreign;
                }
                #[cfg(feature = "at-client")]
                if self.runs_user_command() && self.user_command.announces_text(line) {
                    self.exchange.message_text = MessageText::Answer;
                }
                return None;
            }
            #[cfg(feature = "at-client")]
            MessageText::Answer if self.runs_user_command() => {
                self.user_command.on_text(line);
                return Some(LineKind::Handled);
            }
            _ => {}
        }
        count(&self.counters.foreign_lines, 1);
        Some(LineKind::Foreign)
    }

    // ---- sockets -------------------------------------------------------------------------------------------------

    /// `"recv",<connectID>[,<length>[,<remoteIP>,<remote_port>]]`.
    fn on_received(&mut self, received: &Received<Peer>) -> LineKind {
        let (id, length) = (received.connect_id, received.length.0);
        let was_closed = self.ids.was_closed_recently(id);
        let is_used = self.sockets.uses(id);
        // Data can come before the result of the open.
        let is_live = self
            .sockets
            .iter()
            .any(|slot| slot.id == id && slot.is_live());
        let is_meant = |slot: &Slot<'_>| slot.is_live() || !is_live && slot.uses_id();
        let slot = self.sockets.by_id(id, is_meant);
        if !is_used && !was_closed {
            // Left open by an earlier program.
            self.ids.orphans.insert(id);
        }
        // A length alone does not make it a header of pushed data: the access mode does (quirk 70).
        #[cfg(feature = "push")]
        if let Some(length) = length {
            use super::access_mode::mode::Meaning;
            let meaning = match &slot {
                Some(slot) => slot.meaning_of_length(was_closed),
                None if was_closed => Meaning::Notice,
                None => Meaning::Unknown,
            };
            if meaning != Meaning::Notice {
                let may_be_notice = meaning == Meaning::Unknown;
                return self.on_pushed_header(id, length, received.peer.address(), may_be_notice);
            }
        }
        if let Some(slot) = slot.filter(|slot| slot.is_live() || slot.is_opening()) {
            slot.receive.on_notice(length);
        }
        self.wake_runner();
        LineKind::Handled
    }

    /// `"closed",<connectID>`.
    fn on_peer_closed(&mut self, id: ConnectId) {
        let may_be_late = self.ids.was_closed_recently(id);
        if let Some(slot) = self.sockets.by_id(id, Slot::is_open) {
            if may_be_late {
                slot.check_state();
            } else {
                slot.on_closed_by_peer();
            }
            self.wake_runner();
        }
    }

    /// `+QIOPEN: <connectID>,<err>`: the result of an open, and why it failed if it did.
    fn on_opened(&mut self, id: ConnectId, failure: Option<ErrorCode>) -> LineKind {
        let asking = match self.exchange.in_flight() {
            Some(flight) if matches!(flight.job, Job::Open(_)) => flight.job.key(),
            _ => None,
        };
        let Some(slot) = self.sockets.by_id(id, Slot::is_opening) else {
            if failure.is_none() && !self.sockets.uses(id) {
                // Another connectID than the one that was asked for (quirk 43).
                self.orphan(id);
            }
            return LineKind::Handled;
        };
        let is_early = asking == Some(slot.key);
        #[cfg(feature = "transparent")]
        if is_early
            && self
                .exchange
                .in_flight()
                .is_some_and(InFlight::awaits_connect)
        {
            // In transparent access mode this line is the only report of a failure.
            return match failure {
                Some(code) => self.conclude(FinalResult::Error(Reason::Code(code))),
                None => LineKind::Handled,
            };
        }
        if is_early && self.ids.was_closed_recently(id) {
            // Before the OK it can be the late result of an earlier open on this connectID: AT+QISTATE shows it.
            slot.receive.recheck.start(Instant::MIN);
            return LineKind::Handled;
        }
        let effect = match failure {
            None => {
                slot.on_opened();
                self.ids.on_opened(id);
                self.link.clear_context_errors();
                Effect::None
            }
            Some(code) => slot.on_open_refused(code, &self.env.config),
        };
        if let Effect::ContextSuspect = effect {
            self.link.count_context_error();
        }
        self.wake_runner();
        LineKind::Handled
    }

    /// The module holds a connectID that no socket uses.
    fn orphan(&mut self, id: ConnectId) {
        self.ids.orphans.insert(id);
        self.wake_runner();
    }

    /// `"incoming",<connectID>,<serverID>,<remoteIP>,<remote_port>`: the module has accepted a connection. Without a socket for
    /// it, it is closed.
    fn on_incoming(&mut self, mut fields: Fields<'_>) -> Option<()> {
        #[cfg(feature = "server")]
        let (id, is_kept) = {
            let incoming: crate::at::Incoming = fields.last()?;
            let (id, server_id) = (incoming.connect_id, incoming.server_id);
            // The module gives no connectID to two connections: the line is an old one, or the connection is gone.
            if let Some(slot) = self.sockets.by_id(id, Slot::is_live) {
                if slot.is_open() {
                    slot.check_state();
                }
                self.count_refused_connections(1);
                self.wake_runner();
                return Some(());
            }
            // The module has given this connectID away, whatever was known of it.
            self.ids.orphans.remove(id);
            let is_kept = self.listeners.on_incoming(
                &mut self.sockets,
                &self.env.config,
                id,
                server_id,
                incoming.peer.0,
            );
            (id, is_kept)
        };
        #[cfg(not(feature = "server"))]
        let (id, is_kept) = (fields.next()?, false);
        if !is_kept {
            self.ids.orphans.insert(id);
            self.count_refused_connections(1);
        }
        self.wake_runner();
        Some(())
    }

    // ---- services ------------------------------------------------------------------------------------------------

    /// `"dnsgip",…`: a line of the answer to a lookup. `None` if the fields are others.
    fn on_resolved(&mut self, mut fields: Fields<'_>) -> Option<()> {
        #[cfg(feature = "dns")]
        {
            use crate::at::Resolution;
            // Before the OK to its own AT+QIDNSGIP it may belong to an earlier lookup.
            let is_early = self.exchange.job() == Some(Job::Resolve);
            if is_early && self.dns.distrusts_early() {
                return Some(());
            }
            match fields.last()? {
                Resolution::Address(address) => self.dns.on_address(address),
                Resolution::Result { result, count, .. } => {
                    self.dns.on_result(result, count);
                    if let Err(code) = result {
                        self.check_context(code);
                    }
                }
            }
            self.wake_runner();
        }
        let _ = &mut fields;
        Some(())
    }

    /// `+QPING: …` and `+QNTP: …`. `None` if it is neither.
    #[cfg_attr(not(feature = "at-client"), allow(clippy::unused_self))]
    fn on_service_line(&mut self, line: &[u8]) -> Option<LineKind> {
        #[cfg(feature = "ping")]
        if line.starts_with(b"+QPING:") {
            if !self.ping.report(read(line)?) {
                count_loss("dropped ping replies", &self.counters.dropped_replies, 1);
            }
            return Some(LineKind::Handled);
        }
        #[cfg(feature = "ntp")]
        if line.starts_with(b"+QNTP:") {
            self.ntp.on_line(read(line)?);
            return Some(LineKind::Handled);
        }
        let _ = line;
        None
    }

    // ---- the module ----------------------------------------------------------------------------------------------

    /// `+CEREG: <stat>` and the like. `None` if the fields are others.
    fn on_registration(&mut self, domain: Domain, line: &[u8]) -> Option<()> {
        let registration: Registration = read(line)?;
        self.link.on_registration_urc(domain, registration.status);
        self.wake_runner();
        Some(())
    }

    /// `"pdpdeact",<contextID>`.
    fn on_context_lost(&mut self, context: ContextId) {
        if context != self.env.config.context {
            return;
        }
        if self.link.is_serving() {
            self.on_link_lost(LinkError::ContextLost);
        } else {
            // Before the activation it is about the time before (quirk 20).
            self.link.recheck_context_before_up();
        }
    }

    /// `RDY`: the module has restarted.
    pub(super) fn on_restart(&mut self) -> LineKind {
        if self.link.restart_may_be_data() {
            return LineKind::Handled;
        }
        let ends_transaction = self.exchange.in_flight().is_some();
        if self.link.is_serving() {
            self.on_link_lost(LinkError::Restarted);
        } else {
            self.forget_module();
            self.ids.orphans = IdSet::EMPTY;
            self.link.on_restarted();
            self.wake_runner();
        }
        ended(ends_transaction)
    }

    /// The module goes to sleep, or off: no socket survives (quirks 111 and 123).
    fn on_power_down(&mut self) -> LineKind {
        let ends_transaction = self.exchange.in_flight().is_some();
        let was_serving = self.link.is_serving();
        if was_serving {
            self.on_link_lost(LinkError::NoAnswer);
        }
        #[cfg(feature = "link-control")]
        if self.link.on_power_down() {
            self.forget_module();
            self.wake_runner();
            return ended(ends_transaction);
        }
        ended(ends_transaction && was_serving)
    }
}

/// The transaction in flight, if there was one, will never be answered.
const fn ended(ends_transaction: bool) -> LineKind {
    if ends_transaction {
        LineKind::Final
    } else {
        LineKind::Handled
    }
}

#[cfg(test)]
mod tests;
