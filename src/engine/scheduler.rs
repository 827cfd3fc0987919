//! What comes next: the link first, then every socket in turn (round robin).

use embassy_time::{Duration, Instant};

use super::exchange::job::{Action, Job};
use super::exchange::transaction::{CommandBuffer, Transaction};
use super::round::Round;
use super::sockets::slot::{Phase, Slot};
use super::state::Engine;
use super::statistics::count;
use crate::at::ConnectId;
use crate::error::Error;
#[cfg(not(feature = "push"))]
use crate::util::time::NEVER;

/// How long the module may refuse to take bytes during an escape.
const ESCAPE_TIME: Duration = Duration::from_secs(10);

impl Engine<'_> {
    /// What the runner has to do now.
    pub(crate) fn next(&mut self) -> Action {
        if let Some(until) = self.exchange.pause_until(self.env.now) {
            return Action::Wait(until);
        }
        let action = self.choose();
        match action {
            #[cfg(feature = "at-client")]
            Action::Wait(_) if self.takes_user_command() => {
                self.user_command.take_turn();
                return Action::Run(Job::User);
            }
            #[cfg(feature = "transparent")]
            Action::WriteRaw { .. } => self
                .exchange
                .start_deadline(self.env.config.send_time, self.env.now),
            Action::Escape(_) => self.exchange.start_deadline(ESCAPE_TIME, self.env.now),
            _ => {}
        }
        action
    }

    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn choose(&mut self) -> Action {
        let now = self.env.now;
        self.ids.expire(now);
        if self.exchange.awaiting_reason.is_some() {
            return Action::Run(Job::LastError);
        }
        #[cfg(feature = "transparent")]
        if let Some(action) = self.next_transparent() {
            return action;
        }
        #[cfg(feature = "transparent")]
        if let Some(key) = self.exchange.escaped.filter(|_| self.link.is_up()) {
            if self.sockets.get(key).is_some_and(|slot| slot.is_live()) {
                return Action::Run(Job::CountReceived(key));
            }
            self.exchange.escaped = None;
        }
        #[cfg(feature = "at-client")]
        if let Some(action) = self.user_command.next(self.link.is_listening(), now) {
            return action;
        }
        #[cfg(feature = "push")]
        let mut wake_at = self.watch_payload();
        #[cfg(not(feature = "push"))]
        let mut wake_at = NEVER;
        let orphan = self.ids.next_orphan(now, &mut wake_at);
        #[cfg(feature = "link-control")]
        self.turn_link_off(orphan, &mut wake_at);
        if let Some(action) = self.link.next(orphan, &self.env) {
            if let Some(error) = self.link.idle_reason() {
                self.reject_waiting(error);
            }
            return action;
        }
        if let Some(id) = orphan {
            return Action::Run(Job::CloseOrphan(id));
        }
        self.next_round(wake_at)
    }

    /// One round over all sockets and the lookup.
    fn next_round(&mut self, mut wake_at: Instant) -> Action {
        let turns = self.sockets.count() + 1;
        let is_lossy = self.exchange.update_lossy(self.env.now);
        for offset in 0..turns {
            let turn = (self.next_turn + offset) % turns;
            if !self.prepare_turn(turn) {
                continue;
            }
            let mut round = Round {
                env: &self.env,
                is_lossy,
                #[cfg(feature = "keep-alive")]
                keep_alive: self.keep_alive,
                wake_at,
            };
            let job = if turn == self.sockets.count() {
                #[cfg(feature = "dns")]
                let job = self.dns.next(&mut round);
                #[cfg(not(feature = "dns"))]
                let job = None;
                job
            } else {
                let slot = self.sockets.at_mut(turn);
                slot.and_then(|slot| slot.next(&mut round))
            };
            wake_at = round.wake_at;
            if let Some(job) = job {
                self.next_turn = turn + 1;
                // The open that the setting is for comes next.
                #[cfg(feature = "keep-alive")]
                if matches!(job, Job::KeepAlive(_)) {
                    self.next_turn = turn;
                }
                return Action::Run(self.probe_payload_echo(job));
            }
        }
        // A slot may have become free.
        self.sockets.wake_waiters();
        Action::Wait(wake_at)
    }

    /// While it is not known whether the module echoes payload, what is sent has to show it.
    fn probe_payload_echo(&self, job: Job) -> Job {
        if let Job::Send { key, length } = job {
            if let Some(slot) = self.sockets.get(key) {
                let length = self.exchange.probe_length(slot, length);
                return Job::Send { key, length };
            }
        }
        job
    }

    /// Before the turn of a slot: a connectID for one that wants to open, and no close of a connectID that another
    /// connection has by now. Returns false if the slot has to pass.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn prepare_turn(&mut self, turn: usize) -> bool {
        // Nothing is begun that needs the context.
        #[cfg(feature = "link-control")]
        if self.link.is_outdated() && !self.sockets.at(turn).is_some_and(|slot| slot.uses_id()) {
            return false;
        }
        #[cfg(feature = "transparent")]
        if !self.prepare_line(turn) {
            return false;
        }
        let Some(slot) = self.sockets.at(turn) else {
            return true;
        };
        match slot.phase {
            Phase::Wanted => {
                // The second try is on the connectID that was just closed for it.
                let own = Some(slot.id).filter(|id| slot.is_reopening() && self.is_free(*id));
                let Some(id) = own.or_else(|| self.free_id()) else {
                    let is_kept = |slot: &&Slot<'_>| slot.uses_id() && slot.is_kept();
                    let kept = self.sockets.iter().filter(is_kept).count();
                    // Nobody gives one back.
                    if let Some(slot) = self
                        .sockets
                        .at_mut(turn)
                        .filter(|_| kept >= self.ids.count())
                    {
                        slot.fail(Error::NoFreeSocket);
                    }
                    return false;
                };
                if let Some(slot) = self.sockets.at_mut(turn) {
                    slot.id = id;
                }
            }
            Phase::Closing => {
                let id = slot.id;
                let is_taken = |slot: &Slot<'_>| slot.id == id && slot.is_live();
                if self.sockets.iter().any(is_taken) {
                    if let Some(slot) = self.sockets.at_mut(turn) {
                        slot.detach_id();
                    }
                    // It may want to open again, on another connectID.
                    return self.prepare_turn(turn);
                }
            }
            _ => {}
        }
        true
    }

    fn is_free(&self, id: ConnectId) -> bool {
        self.ids.exists(id) && !self.ids.orphans.contains(id) && !self.sockets.uses(id)
    }

    fn free_id(&self) -> Option<ConnectId> {
        #[cfg(feature = "server")]
        let listens = super::sockets::listener::Listeners::exist(&self.sockets);
        #[cfg(not(feature = "server"))]
        let listens = false;
        self.ids.free(listens, |id| self.sockets.uses(id))
    }

    // ---- the user's own commands ---------------------------------------------------------------------------------

    /// Whether a user's command runs because no other transaction is due.
    #[cfg(feature = "at-client")]
    fn takes_user_command(&self) -> bool {
        #[cfg(feature = "transparent")]
        if self.transparent.is_some() {
            return false;
        }
        self.link.is_listening() && self.user_command.is_ready()
    }

    // ---- the beginning of a transaction --------------------------------------------------------------------------

    /// Writes the command of a transaction into `buffer` and begins to wait for its answer. Returns the length of the
    /// command in bytes; `None` if the socket of the job is gone.
    pub(crate) fn begin(&mut self, job: Job, buffer: &mut [u8]) -> Option<usize> {
        let transaction = self.transaction(job, buffer)?;
        #[cfg(all(feature = "keep-alive", feature = "at-client"))]
        if job == Job::User && changes_keep_alive(buffer.get(..transaction.length)?) {
            self.keep_alive.forget();
        }
        count(&self.counters.transactions, 1);
        match job {
            // Once it is closed the module may give its connectID to the next connection, before the result is handled.
            Job::CloseOrphan(id) => self.ids.orphans.remove(id),
            #[cfg(feature = "keep-alive")]
            Job::Set(_) | Job::KeepAlive(_) => self.keep_alive.forget(),
            Job::Open(key) => {
                if let Some(slot) = self.sockets.get(key) {
                    self.ids.on_open(slot.id);
                }
            }
            #[cfg(any(feature = "ping", feature = "ntp"))]
            Job::User => {
                let owner = self.user_command.owner();
                #[cfg(feature = "ping")]
                self.ping.query.on_sent(owner);
                #[cfg(feature = "ntp")]
                self.ntp.on_sent(owner);
            }
            _ => {}
        }
        self.exchange.begin(job, &transaction, self.env.now);
        Some(transaction.length)
    }

    /// The part of the engine that a job belongs to writes its command, and says how long its answer may take and what it is.
    fn transaction(&mut self, job: Job, buffer: &mut [u8]) -> Option<Transaction> {
        let config = &self.env.config;
        let to = CommandBuffer::new(buffer, config.answer_time);
        let slot = job.key().and_then(|key| self.sockets.get(key));
        Some(match job {
            Job::Open(_) => slot?.open(config, to)?,
            #[cfg(feature = "keep-alive")]
            Job::KeepAlive(_) => self.keep_alive.write(slot?.keep_alive, config, to)?,
            Job::Close(_) => slot?.close(config, to),
            Job::Status(_) => slot?.status(to),
            Job::Read { length, .. } => slot?.read(length, to),
            Job::CountReceived(_) => slot?.count_received(to),
            Job::Send { length, .. } => slot?.send(length, to),
            Job::CountSent(_) => slot?.count_sent(to),
            #[cfg(feature = "push")]
            Job::Switch { mode, .. } => slot?.switch(mode, to),
            #[cfg(feature = "transparent")]
            Job::Resume(_) => slot.map(|_| Slot::resume(to))?,
            #[cfg(feature = "dns")]
            Job::Resolve => self.dns.resolve(config.context, to),
            #[cfg(feature = "at-client")]
            Job::User => self.user_command.begin(to),
            Job::LastError => self.exchange.last_error(to),
            _ => self.link.transaction(job, config, to)?,
        })
    }
}

/// Whether the user's command may change the module's setting.
#[cfg(all(feature = "keep-alive", feature = "at-client"))]
fn changes_keep_alive(command: &[u8]) -> bool {
    const KEY: &[u8] = b"tcp/keepalive";
    command.windows(KEY.len()).any(|part| part == KEY)
}

#[cfg(test)]
mod tests;
