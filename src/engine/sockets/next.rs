//! The next transaction of one socket.

use super::slot::{Phase, Slot, StateCheck};
use crate::engine::exchange::job::Job;
use crate::engine::round::Round;

impl Slot<'_> {
    /// The transaction that is due for this socket.
    pub(crate) fn next(&mut self, round: &mut Round<'_>) -> Option<Job> {
        if round.env.now >= self.deadline {
            self.on_deadline();
        }
        let key = self.key;
        match self.phase {
            Phase::Free | Phase::Closed => None,
            Phase::Wanted => self.next_open(round),
            Phase::Opening => {
                round.look_again(self.deadline);
                // The result may be lost (quirk 28).
                let asks = self.receive.recheck.poll_due(None, round);
                asks.then_some(Job::Status(key))
            }
            Phase::Open | Phase::Draining => self.next_transfer(round),
            // The connectID is needed to learn what the peer has acknowledged.
            Phase::Closing if self.may_query_ack() => {
                self.is_ack_query_due(round).then_some(Job::CountSent(key))
            }
            Phase::Closing if self.state_check != StateCheck::NotDue => Some(Job::Status(key)),
            Phase::Closing => Some(Job::Close(key)),
        }
    }

    fn next_transfer(&mut self, round: &mut Round<'_>) -> Option<Job> {
        let key = self.key;
        if self.state_check != StateCheck::NotDue {
            return Some(Job::Status(key));
        }
        // Not needed for a dropped socket.
        if self.send.unconfirmed.is_some() && self.is_kept() && round.is_due(self.send.count_at) {
            return Some(Job::CountSent(key));
        }
        // No user reads what the module still holds: the connection can be closed at once.
        if self.phase == Phase::Draining && (!self.is_kept() || self.is_write_ended()) {
            return Some(self.begin_close());
        }
        if self.receive.is_count_due() && round.is_due(self.reads_not_before()) {
            return Some(Job::CountReceived(key));
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
                let is_sent = self.tx.is_empty() && !self.may_query_ack();
                if self.is_write_ended() && is_sent && self.phase == Phase::Open {
                    return Some(self.begin_close());
                }
                self.is_ack_query_due(round).then_some(Job::CountSent(key))
            }
        }
    }

    /// Nothing more is received: a reader that waits learns it.
    fn begin_close(&mut self) -> Job {
        self.phase = Phase::Closing;
        self.wake_readers();
        Job::Close(self.key)
    }
}
