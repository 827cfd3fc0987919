//! What the end of a transaction means to whoever wanted it.

use embassy_time::Instant;

use crate::at::{AccessMode, ConnectId, ErrorCode, SocketState};
use crate::config::Config;
use crate::engine::exchange::job::{Action, Answer, Job, Key, Outcome, Reason};
use crate::engine::link::LinkState;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::engine::{CLOSE_ECHO, Engine, find};
use crate::error::{Error, LinkError};
use crate::util::time::after;

impl Engine<'_> {
    /// The runner has done what it was told, or has given it up. True if other tasks are to have their turn before the next
    /// action.
    pub(crate) fn performed(&mut self, action: Action, is_done: bool, now: Instant) -> bool {
        match action {
            Action::Run(job) => {
                let begun = self.in_flight.is_some();
                self.finish(now);
                // Those who wait for room in the ring fill it first: one large chunk goes out earliest than two small ones.
                return !begun || matches!(job, Job::Send { .. });
            }
            Action::Carry { key, length } => self.written(key, length.into(), is_done, now),
            Action::Escape(_) | Action::Reset | Action::AskCarrier | Action::Wait(_) => {}
        }
        false
    }

    /// The module was restarted through the user's hook.
    pub(crate) fn reset_done(&mut self, now: Instant) {
        self.link.reset_done(now);
    }

    /// The transaction is over, with a final result or without.
    pub(crate) fn finish(&mut self, now: Instant) {
        let Some(in_flight) = self.in_flight.take() else {
            return;
        };
        self.rest_until = after(now, self.config.command_gap);
        let outcome = &in_flight.outcome();
        if outcome.is_silence() {
            // Whatever comes now is late, and a half-read payload is lost.
            self.give_up_payload();
        }
        if matches!(in_flight.job, Job::LastError) {
            if let Some(job) = self.awaiting_reason.take() {
                let reason = match *outcome {
                    Outcome::Done(Answer::LastError(Some(code))) => Reason::Code(code),
                    _ => Reason::None,
                };
                self.done(job, &Outcome::Refused(reason), false, now);
            }
            if outcome.is_silence() {
                self.link.resync();
            }
            return;
        }
        let has_reason = match in_flight.job {
            Job::User => self.at.as_ref().is_some_and(|at| at.asks_reason),
            job => job.has_reason(),
        };
        if matches!(*outcome, Outcome::Refused(Reason::None)) && has_reason {
            self.awaiting_reason = Some(in_flight.job);
            return;
        }
        self.done(in_flight.job, outcome, in_flight.echoed, now);
        if let (Job::Read { key, .. }, true) = (in_flight.job, in_flight.damaged) {
            self.fail_if_corrupt(key);
        }
    }

    /// What a read brought cannot be relied on: the count of its bytes is right, and some of them are not its own.
    fn fail_if_corrupt(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else { return };
        match slot.part {
            None => slot.fail(Error::DataLost),
            Some(part) => {
                if part.drop_newest(slot) {
                    self.dropped_datagram();
                }
            }
        }
    }

    /// Payload has come that nobody wants.
    pub(crate) fn drop_bytes(&mut self, count: usize) {
        let dropped = &mut self.statistics.dropped_bytes;
        *dropped = dropped.wrapping_add(count as u32);
    }

    pub(crate) fn dropped_datagram(&mut self) {
        let dropped = &mut self.statistics.dropped_datagrams;
        *dropped = dropped.wrapping_add(1);
    }

    fn done(&mut self, job: Job, outcome: &Outcome, echoed: bool, now: Instant) {
        let was_up = self.link.is_up();
        match job {
            Job::Switch { key, .. } | Job::Resume(key) => {
                if let Some(part) = self.parts.modes {
                    part.switched(self, key, outcome);
                }
            }
            Job::Resolve => {
                if let Some(part) = self.parts.lookup {
                    part.done(&mut self.lookup, outcome);
                }
                if let Outcome::Refused(reason) = *outcome {
                    self.check_context(reason.code());
                }
            }
            Job::User => {
                if let Some(part) = self.parts.user {
                    part.done(self, outcome);
                }
                return;
            }
            Job::CloseOrphan(id) => self.orphan_done(id, outcome, now),
            _ => {
                if let Some(slot) = job.key().and_then(|key| find(self.slots, key)) {
                    let effect = slot.done(job, outcome, now, &self.config);
                    let id = slot.id;
                    self.take_effect(effect, id, now);
                }
            }
        }
        if was_up {
            if outcome.is_silence() {
                self.link.resync();
            }
            return;
        }
        let was_serving = self.link.is_serving();
        if was_serving && matches!((job, *outcome), (Job::Attention, Outcome::NoAnswer)) {
            // A module that still waits for payload takes the command for it, and the filler that follows:
            // its count would be right and its data wrong.
            for slot in self.slots().filter(|slot| slot.unconfirmed_send.is_some()) {
                slot.fail(Error::DataLost);
            }
        }
        self.link.done(job, outcome, echoed, now, &self.config);
        if let (true, false, LinkState::Down(error)) =
            (was_serving, self.link.is_serving(), self.link.state())
        {
            // The check after a command without an answer found the link gone.
            self.on_link_lost(error);
        }
    }

    /// Looks after the link when a code says that its context may be gone.
    pub(crate) fn check_context(&mut self, code: ErrorCode) {
        if matches!(Error::from_code(code), Error::Link(_)) {
            self.link.resync();
        }
    }

    /// What happened to the socket that has, or had, this connectID concerns others, too.
    fn take_effect(&mut self, effect: Effect, id: ConnectId, now: Instant) {
        match effect {
            Effect::None => {}
            Effect::Dropped => self.dropped_datagram(),
            Effect::ContextSuspect => self.link.resync(),
            Effect::LineSuspect => self.link.suspect_line(),
            Effect::Unanswered => self.on_link_lost(LinkError::NoAnswer),
            Effect::Freed | Effect::Orphaned => {
                self.note_close(id, now);
                self.queue.wake();
                if let Effect::Orphaned = effect {
                    self.link.orphan_ids |= 1 << id.get();
                }
            }
        }
    }

    /// A connection that no slot is for has been closed. Without an answer it may still be there, where nobody would miss
    /// its connectID: it is closed once more.
    #[inline(never)]
    fn orphan_done(&mut self, id: ConnectId, outcome: &Outcome, now: Instant) {
        let bit = 1 << id.get();
        let again = self.unanswered_orphans & bit != 0;
        self.unanswered_orphans &= !bit;
        self.note_close(id, now);
        if !outcome.is_silence() || !self.link.is_up() {
            return;
        }
        if again {
            return self.on_link_lost(LinkError::NoAnswer);
        }
        // Unless the module has given the connectID to another one since.
        if !self.uses(id) {
            self.unanswered_orphans |= bit;
            self.link.orphan_ids |= bit;
        }
    }

    /// A `closed` URC may still come for this connectID, and not be meant for its next user.
    fn note_close(&mut self, id: ConnectId, now: Instant) {
        self.set_pushing(id, false);
        self.closed_lately |= 1 << id.get();
        self.closed_until = after(now, CLOSE_ECHO);
    }
}

/// What the end of a socket's transaction means to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// A datagram is lost.
    Dropped,
    /// The context may be gone.
    ContextSuspect,
    /// The line may be in data mode.
    LineSuspect,
    /// The module does not answer where it has to.
    Unanswered,
    /// The module has let go of the connectID.
    Freed,
    /// It has not, but the socket has: a stray, which is closed before the connectID is used again.
    Orphaned,
}

impl Slot<'_> {
    fn done(&mut self, job: Job, outcome: &Outcome, now: Instant, config: &Config<'_>) -> Effect {
        match job {
            Job::Open(_) => self.open_done(outcome, now),
            Job::Close(_) => self.close_done(outcome),
            Job::Status(_) => self.status_done(outcome),
            Job::Read { length, .. } => self.read_done(length, outcome),
            Job::Send { length, .. } => self.send_done(length, outcome, now, config),
            Job::CountSent(_) => self.count_done(outcome, now),
            Job::CountReceived(_) => self.count_received_done(outcome),
            _ => Effect::None,
        }
    }

    fn open_done(&mut self, outcome: &Outcome, now: Instant) -> Effect {
        match *outcome {
            Outcome::Done(_) => Effect::None,
            Outcome::NoAnswer if self.mode == AccessMode::Transparent => {
                self.open_failed(Error::TimedOut, false);
                Effect::LineSuspect
            }
            // It may have been heard all the same.
            Outcome::NoAnswer | Outcome::SendFail => {
                self.ask_state(now);
                Effect::None
            }
            Outcome::Refused(reason) => self.open_refused(reason.code()),
        }
    }

    /// The open failed with this code.
    #[inline(never)]
    pub(crate) fn open_refused(&mut self, code: ErrorCode) -> Effect {
        let passing = matches!(code, ErrorCode::ID_IN_USE | ErrorCode::BUSY);
        let error = Error::from_code(code);
        self.open_failed(error, passing);
        Effect::of(error)
    }

    fn close_done(&mut self, outcome: &Outcome) -> Effect {
        match *outcome {
            Outcome::Done(_) | Outcome::SendFail => self.freed(),
            // Unused, or really refused? The list of sockets knows.
            Outcome::Refused(_) => {
                self.state_check_due = true;
                Effect::None
            }
            Outcome::NoAnswer => Effect::Unanswered,
        }
    }

    fn freed(&mut self) -> Effect {
        self.on_id_freed();
        Effect::Freed
    }

    fn status_done(&mut self, outcome: &Outcome) -> Effect {
        if outcome.is_silence() {
            // Asked again when the module is back.
            return Effect::None;
        }
        self.state_check_due = false;
        let state = match *outcome {
            Outcome::Done(Answer::Socket(state)) => Some(state),
            Outcome::Done(_) => None,
            // No help: the close stands as it was answered.
            _ if self.phase == Phase::Closing => return self.freed(),
            _ => return Effect::None,
        };
        match (self.phase, state) {
            // Quirk 30: 2 and 3 of a client are both usable.
            (Phase::Opening, Some(SocketState::Connected | SocketState::Listening)) => {
                self.opened();
                // What got lost together with the result may be the notice of data.
                self.notice(None);
            }
            // Opened and closed, and the host heard of neither.
            (Phase::Opening, Some(SocketState::Closing)) => {
                self.opened();
                self.closed_by_peer();
            }
            (Phase::Opening, None) => {
                self.open_failed(Error::Module(ErrorCode::UNSPECIFIED), false)
            }
            // The module has forgotten it without a word. A close makes sure.
            (Phase::Open, None) => self.fail(Error::ConnectionReset),
            (Phase::Open, Some(SocketState::Closing)) => self.closed_by_peer(),
            (Phase::Closing, None) => return self.freed(),
            (Phase::Closing, Some(_)) if self.gives_up_closing() => {
                self.on_id_freed();
                return Effect::Orphaned;
            }
            _ => {}
        }
        Effect::None
    }

    #[inline(never)]
    fn read_done(&mut self, asked: u16, outcome: &Outcome) -> Effect {
        match *outcome {
            Outcome::Done(Answer::Received { more, length }) => {
                self.on_read_done(more, length, asked)
            }
            Outcome::Done(_) | Outcome::SendFail => {}
            Outcome::NoAnswer => match self.part {
                None => self.read_unconfirmed = true,
                Some(part) => {
                    if part.drop_partial(self) {
                        return Effect::Dropped;
                    }
                }
            },
            // In another access mode there may be nothing to be read.
            Outcome::Refused(_) if self.mode != AccessMode::Buffer && self.phase == Phase::Open => {
                self.may_have_data = false;
                self.state_check_due = true;
            }
            Outcome::Refused(reason) => match self.phase {
                // Quirk 73: a read on a dead id is an error at once.
                Phase::Draining => self.end(),
                _ => self.fail(match Error::from_code(reason.code()) {
                    error @ Error::Link(_) => error,
                    _ => Error::ConnectionReset,
                }),
            },
        }
        Effect::None
    }

    /// A read was not answered: has the module let go of bytes that never came here? Its own count says (section 2.1.8).
    fn count_received_done(&mut self, outcome: &Outcome) -> Effect {
        let recount = core::mem::take(&mut self.recount_received);
        match *outcome {
            Outcome::Done(Answer::HandedOver(count)) if recount && !self.read_unconfirmed => {
                self.received = count;
            }
            Outcome::Refused(_) if recount && self.phase == Phase::Draining => {}
            // Quirk 69: the count can lag, but it does not run ahead.
            Outcome::Done(Answer::HandedOver(count))
                if count.wrapping_sub(self.received) as i32 <= 0 =>
            {
                self.read_unconfirmed = false;
                self.notice(None);
            }
            Outcome::Done(_) | Outcome::SendFail => self.fail(Error::DataLost),
            Outcome::Refused(_) => self.fail(Error::ConnectionReset),
            Outcome::NoAnswer => {}
        }
        Effect::None
    }

    fn send_done(
        &mut self,
        length: u16,
        outcome: &Outcome,
        now: Instant,
        config: &Config<'_>,
    ) -> Effect {
        let error = match *outcome {
            Outcome::Done(_) => {
                self.on_sent(length, now);
                return Effect::None;
            }
            // Full for now, but the chunk may have left the module all the same (quirk 56). Without an answer it
            // may have been heard or not: the count tells, if the module answers the next command.
            Outcome::SendFail | Outcome::NoAnswer => {
                self.unconfirmed_send = Some(length);
                None
            }
            // The peer has closed: what it sent before can still be read.
            Outcome::Refused(_) if self.phase == Phase::Draining => return Effect::None,
            Outcome::Refused(reason) => match reason.code() {
                ErrorCode::OUT_OF_MEMORY
                | ErrorCode::BUSY
                | ErrorCode::NOT_ALLOWED
                | ErrorCode::BLOCKED
                | ErrorCode::SEND_CANCELLED => None,
                // Is the connection still there? If the peer has closed it, what it sent before can still be read.
                ErrorCode::UNSPECIFIED
                | ErrorCode::INVALID_PARAMETERS
                | ErrorCode::WRITE
                | ErrorCode::SOCKET_CLOSED => {
                    self.state_check_due = true;
                    self.unconfirmed_send = Some(length);
                    None
                }
                code => Some(Error::from_code(code)),
            },
        };
        match error {
            None => {
                self.send_later(now, config);
                Effect::None
            }
            Some(error) => {
                self.fail(error);
                Effect::of(error)
            }
        }
    }

    /// How much of a chunk did the module take, and how much has the peer? Its own count says (section 2.1.7).
    fn count_done(&mut self, outcome: &Outcome, now: Instant) -> Effect {
        match *outcome {
            Outcome::Done(Answer::Sent {
                total,
                acknowledged,
            }) => {
                if core::mem::take(&mut self.recount_sent) && self.unconfirmed_send.is_none() {
                    self.accepted = total;
                }
                self.counted(total, now);
                if self.ack_wanted && self.tx.is_empty() {
                    self.counted_acknowledged(acknowledged, now);
                }
            }
            Outcome::Refused(_) if self.phase == Phase::Draining => self.unconfirmed_send = None,
            Outcome::Refused(_) => self.fail(Error::ConnectionReset),
            Outcome::NoAnswer | Outcome::Done(_) | Outcome::SendFail => {}
        }
        Effect::None
    }
}

impl Effect {
    /// Of an error on what it says of the context.
    fn of(error: Error) -> Self {
        match error {
            Error::Link(_) => Self::ContextSuspect,
            _ => Self::None,
        }
    }
}
