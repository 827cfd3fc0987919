//! What the end of a transaction means to whoever wanted it.

use embassy_time::Instant;

use super::job::{Action, Answer, Job, Key, Outcome, Reason};
use super::link::LinkState;
use super::slot::Phase;
use super::{CLOSE_ECHO, Table};
use crate::clock::after;
use crate::command::{AccessMode, ConnectId, ErrorCode, SocketState};
use crate::error::{Error, LinkError};

impl Table<'_> {
    /// The runner has done what it was told, or has given it up. True if other tasks are to have their turn before the next
    /// action.
    pub(crate) fn performed(&mut self, action: Action, is_done: bool, now: Instant) -> bool {
        match action {
            Action::Run(job) => {
                let begun = self.flight.is_some();
                self.finish(now);
                // Those who wait for room in the ring fill it first: one large chunk goes out sooner than two small ones.
                return !begun || matches!(job, Job::Send { .. });
            }
            Action::Carry { key, length } => self.written(key, length.into(), is_done, now),
            Action::Reset => self.link.reset_done(now),
            Action::Escape(_) | Action::AskCarrier | Action::Wait(_) => {}
        }
        false
    }

    /// The transaction is over, with a final result or without.
    pub(crate) fn finish(&mut self, now: Instant) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.rest_until = after(now, self.config.command_gap);
        let outcome = flight.outcome();
        if outcome == Outcome::NoAnswer {
            // Whatever comes now is late, and a half-read payload is lost.
            self.give_up_payload();
        }
        if flight.job == Job::LastError {
            if let Some(job) = self.blamed.take() {
                let reason = match outcome {
                    Outcome::Done(Answer::LastError(Some(code))) => Reason::Code(code),
                    _ => Reason::None,
                };
                self.done(job, Outcome::Refused(reason), false, now);
            }
            if outcome == Outcome::NoAnswer {
                self.link.resync();
            }
            return;
        }
        let has_reason = match flight.job {
            Job::User => self.at.asks_reason,
            job => job.has_reason(),
        };
        if outcome == Outcome::Refused(Reason::None) && has_reason {
            self.blamed = Some(flight.job);
            return;
        }
        self.done(flight.job, outcome, flight.echoed, now);
        if let (Job::Read { key, .. }, true) = (flight.job, flight.damaged) {
            self.distrust(key);
        }
    }

    /// What a read brought cannot be relied on: the count of its bytes is right, and some of them are not its own.
    fn distrust(&mut self, key: Key) {
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
    pub(super) fn drop_bytes(&mut self, count: usize) {
        let dropped = &mut self.statistics.dropped_bytes;
        *dropped = dropped.wrapping_add(count as u32);
    }

    pub(super) fn dropped_datagram(&mut self) {
        let dropped = &mut self.statistics.dropped_datagrams;
        *dropped = dropped.wrapping_add(1);
    }

    fn done(&mut self, job: Job, outcome: Outcome, echoed: bool, now: Instant) {
        let was_up = self.link.is_up();
        match job {
            Job::Open(key) => self.open_done(key, outcome, now),
            Job::Close(key) => self.close_done(key, outcome, now),
            Job::Status(key) => self.status_done(key, outcome, now),
            Job::Read { key, length } => self.read_done(key, length, outcome),
            Job::Switch { key, .. } | Job::Resume(key) => {
                if let Some(part) = self.parts.modes {
                    part.switched(self, key, outcome);
                }
            }
            Job::Send { key, length } => self.send_done(key, length, outcome, now),
            Job::CountSent(key) => self.count_done(key, outcome, now),
            Job::CountReceived(key) => self.gap_done(key, outcome),
            Job::Resolve => {
                if let Some(part) = self.parts.lookup {
                    part.done(&mut self.lookup, outcome);
                }
                if let Outcome::Refused(reason) = outcome {
                    self.check_context(reason.code());
                }
            }
            Job::User => {
                if let Some(part) = self.parts.user {
                    part.done(self, outcome);
                }
                return;
            }
            Job::CloseStray(id) => self.stray_done(id, outcome, now),
            _ => {}
        }
        if was_up {
            if outcome == Outcome::NoAnswer {
                self.link.resync();
            }
            return;
        }
        let was_serving = self.link.is_serving();
        if was_serving && job == Job::Attention && outcome == Outcome::NoAnswer {
            // A module that still waits for payload takes the command for it, and the filler that follows:
            // its count would be right and its data wrong.
            for slot in self.slots().filter(|slot| slot.unsure.is_some()) {
                slot.fail(Error::DataLost);
            }
        }
        self.link.done(job, outcome, echoed, now, &self.config);
        if let (true, false, LinkState::Down(error)) =
            (was_serving, self.link.is_serving(), self.link.state())
        {
            // The check after a command without an answer found the link gone.
            self.lose(error);
        }
    }

    /// Looks after the link when a code says that its context may be gone.
    pub(super) fn check_context(&mut self, code: ErrorCode) {
        if matches!(Error::from_code(code), Error::Link(_)) {
            self.link.resync();
        }
    }

    fn open_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        let context_lost = {
            let Some(slot) = self.slot(key) else { return };
            match outcome {
                Outcome::Done(_) => false,
                // The line may be in data mode by now.
                Outcome::NoAnswer if slot.mode == AccessMode::Transparent => {
                    slot.open_failed(Error::TimedOut, false);
                    self.link.doubt_line();
                    false
                }
                // It may have been heard all the same.
                Outcome::NoAnswer | Outcome::SendFail => {
                    slot.ask_state(now);
                    false
                }
                Outcome::Refused(reason) => self.open_refused(key, reason.code()),
            }
        };
        if context_lost {
            self.link.resync();
        }
    }

    /// The open failed with this code: true when the context may be gone.
    pub(super) fn open_refused(&mut self, key: Key, code: ErrorCode) -> bool {
        let Some(slot) = self.slot(key) else {
            return false;
        };
        let passing = matches!(code, ErrorCode::IdInUse | ErrorCode::Busy);
        let error = Error::from_code(code);
        slot.open_failed(error, passing);
        matches!(error, Error::Link(_))
    }

    fn close_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Done(_) | Outcome::SendFail => self.freed(key, now),
            // Unused, or really refused? The list of sockets knows.
            Outcome::Refused(_) => {
                if let Some(slot) = self.slot(key) {
                    slot.doubted = true;
                }
            }
            Outcome::NoAnswer => self.lose(LinkError::NoAnswer),
        }
    }

    /// The module has let go of a socket's connectID.
    fn freed(&mut self, key: Key, now: Instant) {
        let Some(slot) = self.slot(key) else { return };
        let id = slot.id;
        slot.released_by_module();
        self.note_close(id, now);
        self.queue.wake();
    }

    /// A connection that no slot is for has been closed. Without an answer it may still be there, where nobody would miss
    /// its connectID: it is closed once more.
    fn stray_done(&mut self, id: ConnectId, outcome: Outcome, now: Instant) {
        let bit = 1 << id.get();
        let again = self.unanswered_strays & bit != 0;
        self.unanswered_strays &= !bit;
        self.note_close(id, now);
        if outcome != Outcome::NoAnswer || !self.link.is_up() {
            return;
        }
        if again {
            return self.lose(LinkError::NoAnswer);
        }
        // Unless the module has given the connectID to another one since.
        if !self.uses(id) {
            self.unanswered_strays |= bit;
            self.link.strays |= bit;
        }
    }

    /// A `closed` URC may still come for this connectID, and not be meant for its next user.
    #[inline(never)]
    fn note_close(&mut self, id: ConnectId, now: Instant) {
        self.set_pushing(id, false);
        self.closed_lately |= 1 << id.get();
        self.closed_until = after(now, CLOSE_ECHO);
    }

    fn status_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        let Some(slot) = self.slot(key) else { return };
        if outcome == Outcome::NoAnswer {
            // Asked again when the module is back.
            return;
        }
        slot.doubted = false;
        let state = match outcome {
            Outcome::Done(Answer::Socket(state)) => Some(state),
            Outcome::Done(_) => None,
            // No help: the close stands as it was answered.
            _ if slot.phase == Phase::Closing => return self.freed(key, now),
            _ => return,
        };
        match (slot.phase, state) {
            // Field note 30: 2 and 3 of a client are both usable.
            (Phase::Opening, Some(SocketState::Connected | SocketState::Listening)) => {
                slot.opened();
                // What got lost together with the result may be the notice of data.
                slot.notice(None);
            }
            // Opened and closed, and the host heard of neither.
            (Phase::Opening, Some(SocketState::Closing)) => {
                slot.opened();
                slot.closed_by_peer();
            }
            (Phase::Opening, None) => {
                slot.open_failed(Error::Module(ErrorCode::Unspecified), false)
            }
            // The module has forgotten it without a word. A close makes sure.
            (Phase::Open, None) => slot.fail(Error::ConnectionReset),
            (Phase::Open, Some(SocketState::Closing)) => slot.closed_by_peer(),
            (Phase::Closing, None) => self.freed(key, now),
            (Phase::Closing, Some(_)) => {
                let id = slot.id;
                if slot.gives_up_closing() {
                    self.freed(key, now);
                    // It stays taken: a stray that is closed before the id is used again.
                    self.link.strays |= 1 << id.get();
                }
            }
            _ => {}
        }
    }

    fn read_done(&mut self, key: Key, asked: u16, outcome: Outcome) {
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(Answer::Received { more, length }) => slot.read_done(more, length, asked),
            Outcome::Done(_) | Outcome::SendFail => {}
            Outcome::NoAnswer => match slot.part {
                None => slot.gap = true,
                Some(part) => {
                    if part.drop_partial(slot) {
                        self.dropped_datagram();
                    }
                }
            },
            // In another access mode there may be nothing to be read.
            Outcome::Refused(_) if slot.mode != AccessMode::Buffer && slot.phase == Phase::Open => {
                slot.unread = false;
                slot.doubted = true;
            }
            Outcome::Refused(reason) => match slot.phase {
                // Field note 73: a read on a dead id is an error at once.
                Phase::Draining => slot.end(),
                _ => slot.fail(match Error::from_code(reason.code()) {
                    error @ Error::Link(_) => error,
                    _ => Error::ConnectionReset,
                }),
            },
        }
    }

    /// A read was not answered: has the module let go of bytes that never came here? Its own count says (section 2.1.8).
    fn gap_done(&mut self, key: Key, outcome: Outcome) {
        let Some(slot) = self.slot(key) else { return };
        let recount = core::mem::take(&mut slot.recount_received);
        match outcome {
            Outcome::Done(Answer::HandedOver(count)) if recount && !slot.gap => {
                slot.received = count;
            }
            Outcome::Refused(_) if recount && slot.phase == Phase::Draining => {}
            // Field note 69: the count can lag, but it does not run ahead.
            Outcome::Done(Answer::HandedOver(count))
                if count.wrapping_sub(slot.received) as i32 <= 0 =>
            {
                slot.gap = false;
                slot.notice(None);
            }
            Outcome::Done(_) | Outcome::SendFail => slot.fail(Error::DataLost),
            Outcome::Refused(_) => slot.fail(Error::ConnectionReset),
            Outcome::NoAnswer => {}
        }
    }

    fn send_done(&mut self, key: Key, length: u16, outcome: Outcome, now: Instant) {
        let config = self.config;
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(_) => slot.send_done(length, now),
            // Full for now, but the chunk may have left the module all the same (field note 56).
            Outcome::SendFail => {
                slot.unsure = Some(length);
                slot.send_later(now, &config);
            }
            // Heard or not: the count tells, if the module answers the next command.
            Outcome::NoAnswer => {
                slot.unsure = Some(length);
                slot.send_later(now, &config);
            }
            // The peer has closed: what it sent before can still be read.
            Outcome::Refused(_) if slot.phase == Phase::Draining => {}
            Outcome::Refused(reason) => match reason.code() {
                ErrorCode::OutOfMemory
                | ErrorCode::Busy
                | ErrorCode::NotAllowed
                | ErrorCode::Blocked
                | ErrorCode::SendCancelled => slot.send_later(now, &config),
                // Is the connection still there? If the peer has closed it, what it sent before can still be read.
                ErrorCode::Unspecified
                | ErrorCode::InvalidParameters
                | ErrorCode::Write
                | ErrorCode::SocketClosed => {
                    slot.doubted = true;
                    slot.unsure = Some(length);
                    slot.send_later(now, &config);
                }
                code => {
                    let error = Error::from_code(code);
                    slot.fail(error);
                    if matches!(error, Error::Link(_)) {
                        self.link.resync();
                    }
                }
            },
        }
    }

    /// How much of a chunk did the module take, and how much has the peer? Its own count says (section 2.1.7).
    fn count_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(Answer::Sent {
                total,
                acknowledged,
            }) => {
                if core::mem::take(&mut slot.recount_sent) && slot.unsure.is_none() {
                    slot.accepted = total;
                }
                slot.counted(total, now);
                if slot.ack_wanted && slot.tx.is_empty() {
                    slot.counted_acknowledged(acknowledged, now);
                }
            }
            Outcome::Refused(_) if slot.phase == Phase::Draining => slot.unsure = None,
            Outcome::Refused(_) => slot.fail(Error::ConnectionReset),
            Outcome::NoAnswer | Outcome::Done(_) | Outcome::SendFail => {}
        }
    }
}
