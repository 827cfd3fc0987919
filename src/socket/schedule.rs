//! What comes next: the link first, then everybody in turn.

use embassy_time::Instant;

use super::job::{Action, Escape, Job};
use super::slot::Phase;
use super::{PayloadEcho, Table};
use crate::command::ConnectId;

impl Table<'_> {
    /// What to do now.
    pub(crate) fn next(&mut self, now: Instant) -> Action {
        self.work = false;
        match self.choose(now) {
            // Nobody else wants the turn.
            Action::Wait(_)
                if self.stream.is_none() && self.at.is_ready() && self.link.is_listening() =>
            {
                self.user_turn = true;
                Action::Run(Job::User)
            }
            action => action,
        }
    }

    fn choose(&mut self, now: Instant) -> Action {
        if now >= self.closed_until {
            self.closed_lately = 0;
        }
        if self.blamed.is_some() {
            return Action::Run(Job::LastError);
        }
        if let Some(action) = self.next_stream(now) {
            return action;
        }
        if let Some(action) = self.user_command(now) {
            return action;
        }
        if let Some(action) = self.link.next(now, &self.config) {
            if let Some(error) = self.link.refusal() {
                self.refuse(error);
            }
            return action;
        }
        if let Some(id) = ConnectId::new(self.link.strays.trailing_zeros() as u8) {
            return Action::Run(Job::CloseStray(id));
        }
        let mut wake_at = None;
        self.watch_arrival(now, &mut wake_at);
        let turns = self.slots.len() + 1;
        for offset in 0..turns {
            let turn = (self.turn + offset) % turns;
            if !self.prepare(turn) {
                continue;
            }
            let job = match self.slots.get_mut(turn) {
                Some(Some(slot)) => slot.next(turn as u8, now, &self.config, &mut wake_at),
                Some(None) => None,
                None => self.lookup.next(now, &self.config, &mut wake_at),
            };
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

    /// A command of the user's, which takes turns with everything else as soon as the module listens.
    fn user_command(&mut self, now: Instant) -> Option<Action> {
        if let Some(until) = self.at.kept_until(now) {
            if self.at.is_ready() {
                return Some(Action::Run(Job::User));
            }
            if now < until {
                return Some(Action::Wait(Some(until)));
            }
            self.at.give_up_prompt();
            return Some(Action::Escape(Escape::Prompt));
        }
        if !self.at.is_ready() || !self.link.is_listening() {
            return None;
        }
        self.user_turn = !self.user_turn;
        self.user_turn.then_some(Action::Run(Job::User))
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
        let Some(Some(slot)) = self.slots.get(turn) else {
            return true;
        };
        let (phase, id, reopened) = (slot.phase, slot.id, slot.reopened);
        let wants_line = slot.wants_line();
        if wants_line && !self.prepares_line() {
            return false;
        }
        match phase {
            Phase::Wanted => {
                // The second try is on the connectID that was just closed for it.
                let retry = reopened && self.is_free(id);
                let Some(id) = Some(id).filter(|_| retry).or_else(|| self.free_id()) else {
                    return false;
                };
                if let Some(Some(slot)) = self.slots.get_mut(turn) {
                    slot.id = id;
                }
            }
            Phase::Closing if self.slots().any(|slot| slot.id == id && slot.is_live()) => {
                if let Some(Some(slot)) = self.slots.get_mut(turn) {
                    slot.released_by_module();
                }
                // It may want to open again: on another connectID.
                return self.prepare(turn);
            }
            _ => {}
        }
        true
    }

    /// A connectID that the module does not use: the one that has rested longest, or, while there is a listener, the
    /// lowest, because modules give the highest to incoming connections (field note 44).
    fn free_id(&self) -> Option<ConnectId> {
        let count = ConnectId::COUNT as u8;
        let listens = self
            .slots
            .iter()
            .flatten()
            .any(|slot| slot.is_listener() && slot.phase != Phase::Free);
        let first = if listens { 0 } else { self.next_id };
        (0..count)
            .filter_map(|offset| ConnectId::new((first + offset) % count))
            .find(|id| self.is_free(*id))
    }

    fn is_free(&self, id: ConnectId) -> bool {
        let mut slots = self.slots.iter().flatten();
        self.link.strays & (1 << id.get()) == 0
            && !slots.any(|slot| slot.id == id && slot.uses_id())
    }
}
