//! The end of a transaction: its result goes to the part of the engine that asked for it, and the effect on the others is applied here.

use embassy_time::{Duration, Instant};

use super::effect::Effect;
use super::exchange::in_flight::FinalResult;
use super::exchange::job::{Action, Job};
use super::exchange::outcome::{Outcome, Reason};
use super::link::LinkState;
use super::sockets::slot::Phase;
use super::state::Engine;
use super::statistics::count_loss;
use crate::at::{ConnectId, ErrorCode};
use crate::error::Error;
use crate::util::time::after;

/// How long AT+QICLOSE can take at worst: newer manuals allow 120 s (quirk 35). Nothing else is answered meanwhile.
const SLOWEST_CLOSE: Duration = Duration::from_secs(125);

impl Engine<'_> {
    /// The runner has done this action, or has stopped it because its time limit was over. Returns whether other tasks get a
    /// turn before the next action.
    pub(crate) fn finish_action(&mut self, action: Action, in_time: bool) -> bool {
        match action {
            Action::Run(job) => {
                // Without a final result code it is still in flight.
                self.finish(None);
                // Tasks that wait for space in the transmit ring fill it first: one large chunk goes out sooner than two small
                // ones.
                return matches!(job, Job::Send { .. });
            }
            #[cfg(feature = "transparent")]
            Action::WriteRaw { key, length } => self.written(key, length.into(), in_time),
            Action::Reset => {
                self.ids.orphans = super::ids::IdSet::EMPTY;
                self.link.on_reset(self.env.now);
            }
            _ => {}
        }
        let _ = in_time;
        false
    }

    /// The transaction in flight is over, with a final result code or without.
    pub(crate) fn finish(&mut self, result: Option<FinalResult>) {
        let Some(flight) = self
            .exchange
            .take(self.env.config.command_gap, self.env.now)
        else {
            return;
        };
        let outcome = flight.outcome(result);
        #[cfg(feature = "transparent")]
        self.end_escape(result.is_some());
        #[cfg(feature = "push")]
        self.settle_pushed(!outcome.is_no_answer());
        let is_read = flight.is_read();
        let mut is_damaged = flight.damaged;
        let reader = self.exchange.reader(&flight);
        if outcome.is_no_answer() {
            if self.link.is_serving() {
                self.exchange.on_loss();
            }
            let is_late = !is_read && reader.is_some();
            is_damaged |= (flight.has_payload() || is_late) && self.may_be_cut();
            self.exchange.late_header_allowed |= is_read;
            // Whatever comes now is late, and a half-read payload is lost.
            self.give_up_payload();
        }
        if let Job::Send { key, .. } = flight.job {
            if let Some(slot) = self.sockets.get_mut(key) {
                slot.send.is_unwritten = !flight.is_behind_prompt();
            }
        }
        self.exchange.expect_late_read(&flight, &outcome);
        if matches!(flight.job, Job::LastError) {
            if let Some((job, refusal)) = self.exchange.last_error_done(&outcome) {
                self.done(job, &refusal, false);
            }
            if outcome.is_no_answer() {
                self.link.start_check_until(self.silent_until(flight.job));
            }
            return;
        }
        if flight.asks_reason && matches!(outcome, Outcome::Refused(Reason::None)) {
            self.exchange.awaiting_reason = Some(flight.job);
            return;
        }
        self.done(flight.job, &outcome, flight.command_echoed);
        if is_damaged {
            self.exchange.late_reader = None;
        }
        if let Some(key) = reader {
            self.end_read(key, &outcome, is_damaged, flight.has_unknown_line);
        }
    }

    /// Passes the result to the part of the engine that asked for it.
    fn done(&mut self, job: Job, outcome: &Outcome, echoed: bool) {
        let was_up = self.link.is_up();
        match job {
            #[cfg(feature = "dns")]
            Job::Resolve => {
                self.dns.resolve_done(outcome);
                if let Outcome::Refused(reason) = *outcome {
                    self.check_context(reason.code());
                }
            }
            #[cfg(feature = "at-client")]
            Job::User => {
                if self.user_command.done(outcome) {
                    self.link.start_check();
                    #[cfg(feature = "link-control")]
                    self.link.check_turned_off();
                }
                return;
            }
            Job::CloseOrphan(id) => self.orphan_done(id, outcome),
            _ => self.socket_done(job, outcome),
        }
        if was_up {
            if outcome.is_no_answer() {
                self.link.start_check_until(self.silent_until(job));
            }
            return;
        }
        self.link_done(job, outcome, echoed);
    }

    /// Until when the module may be silent after the start of this transaction.
    #[inline(never)] // Many callers.
    fn silent_until(&self, job: Job) -> Instant {
        let limit = match job {
            Job::Close(_) | Job::CloseOrphan(_) => self.env.config.silence_time.max(SLOWEST_CLOSE),
            _ => self.env.config.silence_time,
        };
        after(self.exchange.started, limit)
    }

    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn socket_done(&mut self, job: Job, outcome: &Outcome) {
        let env = &self.env;
        let Some(slot) = job.key().and_then(|key| self.sockets.get_mut(key)) else {
            return;
        };
        let effect = match job {
            #[cfg(feature = "keep-alive")]
            Job::KeepAlive(_) => {
                self.keep_alive.done(slot.keep_alive, &env.config, outcome);
                Effect::None
            }
            Job::Open(_) => slot.open_done(outcome, env),
            Job::Close(_) => slot.close_done(outcome),
            Job::Status(_) => slot.status_done(outcome),
            Job::Read { length, .. } => slot.read_done(length, outcome, env),
            Job::CountReceived(key) => {
                let was_count_due = slot.receive.is_count_due();
                slot.count_received_done(outcome, env);
                if was_count_due && !self.incoming.is_pushed_to(key) {
                    slot.confirm_payload();
                }
                Effect::None
            }
            Job::Send { length, .. } => slot.send_done(length, outcome, env),
            Job::CountSent(_) => slot.count_sent_done(outcome, env),
            #[cfg(feature = "push")]
            Job::Switch { .. } => slot.switch_done(outcome),
            #[cfg(feature = "transparent")]
            Job::Resume(_) => slot.switch_done(outcome),
            _ => Effect::None,
        };
        if matches!(slot.fault, Some(Error::DataLost)) {
            self.exchange.on_loss();
        }
        let effect = slot.after_transaction(!outcome.is_no_answer(), effect);
        let id = slot.id;
        // No URC has said why: the peer has closed, unless the context is lost.
        let is_end_unexplained = slot.phase == Phase::Draining && matches!(job, Job::Status(_));
        let is_over = matches!(effect, Effect::IdFreed | Effect::IdOrphaned);
        if is_over && !slot.has_opened && slot.phase != Phase::Wanted {
            self.link.on_open_failed();
        }
        if is_end_unexplained {
            self.link.start_check();
        }
        self.apply(effect, id);
    }

    /// The one place where the end of a socket's transaction affects the rest of the engine. `id` is the connectID that the
    /// socket has, or had.
    pub(super) fn apply(&mut self, effect: Effect, id: ConnectId) {
        match effect {
            Effect::None => {}
            Effect::Loss => self.exchange.on_loss(),
            Effect::DatagramDropped => self.count_dropped_datagrams(1),
            Effect::ContextSuspect => self.link.count_context_error(),
            #[cfg(feature = "push")]
            Effect::LineSuspect => self.link.expect_data_mode(),
            Effect::IdRefused => self.ids.on_refused(),
            Effect::IdFreed => {
                self.ids.on_freed(id, self.env.now);
                self.sockets.wake_waiters();
            }
            Effect::IdOrphaned => {
                self.ids.on_freed(id, self.env.now);
                if self.ids.exists(id) {
                    self.ids.orphans.insert(id);
                }
                self.sockets.wake_waiters();
            }
        }
    }

    /// The AT+QICLOSE of a connectID without a socket has ended. Without an answer, or refused once, the module may still hold the
    /// connectID.
    fn orphan_done(&mut self, id: ConnectId, outcome: &Outcome) {
        self.ids.on_freed(id, self.env.now);
        match outcome {
            // The module has given the connectID to another connection since.
            _ if self.sockets.uses(id) => self.ids.on_orphan_closed(id),
            Outcome::NoAnswer => self.ids.retry_orphan(id, self.env.now),
            Outcome::Refused(_) => self.ids.on_orphan_refused(id, self.env.now),
            _ => self.ids.on_orphan_closed(id),
        }
    }

    /// A transaction has ended while the link was not up, or was being checked.
    fn link_done(&mut self, job: Job, outcome: &Outcome, echoed: bool) {
        let was_serving = self.link.is_serving();
        if was_serving && matches!((job, *outcome), (Job::Attention, Outcome::NoAnswer)) {
            // A module that still waits for payload takes the command, and the filler that follows, for payload: its count
            // would be right, and its data wrong.
            for slot in self.sockets.iter_mut() {
                if slot.send.unconfirmed.is_some() {
                    slot.fail(Error::DataLost);
                }
            }
        }
        let orphans = &mut self.ids.orphans;
        self.link.done(job, outcome, echoed, orphans, &self.env);
        if let (true, false, LinkState::Down(error)) =
            (was_serving, self.link.is_serving(), self.link.state())
        {
            // The link check has failed.
            self.on_link_lost(error);
        }
    }

    /// Checks the link if a code says that its context may be down.
    pub(super) fn check_context(&mut self, code: ErrorCode) {
        if matches!(Error::from_code(code), Error::Link(_)) {
            self.link.count_context_error();
        }
    }

    // ---- losses that are counted ---------------------------------------------------------------------------------

    /// Counts payload bytes that no socket takes.
    pub(super) fn count_dropped_bytes(&mut self, more: usize) {
        count_loss("dropped bytes", &self.counters.dropped_bytes, more as u32);
    }

    pub(super) fn count_dropped_datagrams(&mut self, more: u32) {
        count_loss("dropped datagrams", &self.counters.dropped_datagrams, more);
    }

    pub(super) fn count_refused_connections(&mut self, more: u32) {
        let counter = &self.counters.refused_connections;
        count_loss("refused connections", counter, more);
    }
}
