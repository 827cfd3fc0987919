//! The next transaction of one socket.

use embassy_time::Instant;

use super::slot::{Phase, Slot};
use crate::engine::exchange::job::Job;
use crate::engine::round::Round;
use crate::error::Error;

impl Slot<'_> {
    /// The transaction that is due for this socket.
    pub(crate) fn next(&mut self, round: &mut Round<'_>) -> Option<Job> {
        self.expire(round.now);
        let key = self.key;
        match self.phase {
            Phase::Free | Phase::Closed => None,
            Phase::Wanted => self.next_open(round),
            Phase::Opening => {
                round.look_again(self.deadline);
                // The result may be lost (quirk 28).
                let asks = self.receive.recheck.is_due(round);
                asks.then_some(Job::Status(key))
            }
            Phase::Open | Phase::Draining => self.next_transfer(round),
            Phase::Closing if self.state_check_due => Some(Job::Status(key)),
            Phase::Closing => Some(Job::Close(key)),
        }
    }

    fn next_transfer(&mut self, round: &mut Round<'_>) -> Option<Job> {
        let key = self.key;
        if self.state_check_due {
            return Some(Job::Status(key));
        }
        // No user reads what the module still holds: the connection can be closed at once.
        if self.phase == Phase::Draining && (!self.is_kept() || self.closes_when_sent()) {
            self.phase = Phase::Closing;
            return Some(Job::Close(key));
        }
        if self.receive.is_count_due() && round.is_due(self.reads_not_before()) {
            return Some(Job::CountReceived(key));
        }
        if self.send.unconfirmed.is_some() {
            return Some(Job::CountSent(key));
        }
        #[cfg(feature = "push")]
        if let Some(mode) = self.mode.wanted.filter(|_| self.phase == Phase::Open) {
            return self.next_switch(mode, round);
        }
        let read = self.read_due(round);
        let send = self.send_due(round);
        match (read, send) {
            // Reads and sends take turns.
            (Some(length), None) => Some(self.begin_read(length)),
            (Some(length), Some(_)) if !self.yields_to_send() => Some(self.begin_read(length)),
            (_, Some(length)) => Some(self.begin_send(length)),
            (None, None) => {
                if self.closes_when_sent() && self.tx.is_empty() && self.phase == Phase::Open {
                    self.phase = Phase::Closing;
                    return Some(Job::Close(key));
                }
                self.is_acknowledge_due(round)
                    .then_some(Job::CountSent(key))
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        self.deadline = crate::util::time::NEVER;
        match self.phase {
            Phase::Opening => {
                self.phase = Phase::Closing;
                self.fail(Error::TimedOut);
            }
            Phase::Open => self.fail(Error::TimedOut),
            Phase::Free | Phase::Wanted | Phase::Draining | Phase::Closing | Phase::Closed => {}
        }
    }
}
