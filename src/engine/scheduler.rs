//! What comes next: the link first, then everybody in turn.

use embassy_time::Instant;

use crate::at::ConnectId;
use crate::engine::exchange::job::{Action, Job};
use crate::engine::sockets::slot::Phase;
use crate::engine::sockets::turn::Round;
use crate::engine::{Engine, PayloadEcho};
use crate::util::time::NEVER;
use crate::util::zeroed::Zeroed;

impl Engine<'_> {
    /// What to do now.
    #[inline(never)]
    pub(crate) fn next(&mut self, now: Instant) -> Action {
        self.work = false;
        if now < self.rest_until {
            return Action::Wait(self.rest_until);
        }
        match self.choose(now) {
            // Nobody else wants the turn.
            Action::Wait(_)
                if self.stream.is_none()
                    && self.link.is_listening()
                    && self.parts.user.is_some_and(|part| part.is_ready(self)) =>
            {
                self.user_turn = true;
                Action::Run(Job::User)
            }
            action => action,
        }
    }

    #[inline(never)]
    fn choose(&mut self, now: Instant) -> Action {
        if now >= self.closed_until {
            self.closed_lately = 0;
        }
        if self.awaiting_reason.is_some() {
            return Action::Run(Job::LastError);
        }
        if let Some(part) = self.stream_part() {
            if let Some(action) = part.next(self, now) {
                return action;
            }
        }
        if let Some(action) = self.parts.user.and_then(|part| part.next(self, now)) {
            return action;
        }
        if let Some(action) = self.link.next(now, &self.config) {
            if let Some(error) = self.link.refusal() {
                self.reject_waiting(error);
            }
            return action;
        }
        if let Some(id) = ConnectId::new(self.link.orphan_ids.trailing_zeros() as u8) {
            return Action::Run(Job::CloseOrphan(id));
        }
        let mut wake_at = NEVER;
        if let (Some(_), Some(part)) = (&self.arrival, self.parts.modes) {
            wake_at = part.watch(self, now);
        }
        let turns = self.slots.len() + 1;
        for offset in 0..turns {
            let turn = (self.turn + offset) % turns;
            if !self.prepare(turn) {
                continue;
            }
            let mut round = Round {
                now,
                config: &self.config,
                modes: self.parts.modes,
                wake_at,
            };
            let job = match self.slots.get_mut(turn) {
                Some(Zeroed::Full(slot)) => slot.next(&mut round),
                Some(Zeroed::Empty) => None,
                None => self
                    .parts
                    .lookup
                    .and_then(|part| part.next(&mut self.lookup, &mut round)),
            };
            wake_at = round.wake_at;
            if let Some(job) = job {
                self.turn = turn + 1;
                if let Job::Open(key) = job {
                    self.next_id = self.id(key).map_or(0, |id| id.get() + 1);
                }
                return Action::Run(self.cut_to_probe(job));
            }
        }
        // A slot may have come free.
        self.queue.wake();
        Action::Wait(wake_at)
    }

    /// While it is not known whether the module echoes payload, what is sent has to tell.
    fn cut_to_probe(&mut self, job: Job) -> Job {
        match job {
            Job::Send { key, length } if self.payload_echo == PayloadEcho::Unknown => {
                let probe = self.slot(key).and_then(|slot| slot.probe_length());
                Job::Send {
                    key,
                    length: probe.map_or(length, |probe| length.min(probe)),
                }
            }
            other => other,
        }
    }

    /// Before the turn of a slot: a connectID for one that wants to open, and no close of an id that is another's by now.
    /// False if the slot has to pass.
    fn prepare(&mut self, turn: usize) -> bool {
        let Some(Zeroed::Full(slot)) = self.slots.get(turn) else {
            return true;
        };
        let (key, phase, id, reopened) = (slot.key, slot.phase, slot.id, slot.reopened);
        if self
            .parts
            .streams
            .is_some_and(|part| !part.prepare(self, key))
        {
            return false;
        }
        match phase {
            Phase::Wanted => {
                // The second try is on the connectID that was just closed for it.
                let retry = reopened && self.is_free(id);
                let Some(id) = Some(id).filter(|_| retry).or_else(|| self.free_id()) else {
                    return false;
                };
                if let Some(Zeroed::Full(slot)) = self.slots.get_mut(turn) {
                    slot.id = id;
                }
            }
            Phase::Closing if self.slots().any(|slot| slot.id == id && slot.is_live()) => {
                if let Some(Zeroed::Full(slot)) = self.slots.get_mut(turn) {
                    slot.on_id_freed();
                }
                // It may want to open again: on another connectID.
                return self.prepare(turn);
            }
            _ => {}
        }
        true
    }

    /// A connectID that the module does not use: the one that has rested longest, or, while there is a listener, the
    /// lowest, because modules give the highest to incoming connections (quirk 44).
    fn free_id(&self) -> Option<ConnectId> {
        let count = ConnectId::COUNT as u8;
        let listens = self
            .parts
            .listen
            .is_some_and(|part| part.is_listening(self));
        let first = if listens { 0 } else { self.next_id };
        (0..count)
            .filter_map(|offset| ConnectId::new((first + offset) % count))
            .find(|id| self.is_free(*id))
    }

    #[inline(never)]
    fn is_free(&self, id: ConnectId) -> bool {
        self.link.orphan_ids & (1 << id.get()) == 0 && !self.uses(id)
    }
}
