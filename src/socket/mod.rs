//! The socket table: what every socket is doing, and which AT transaction comes next.
//!
//! Pure state. Nothing in here does I/O, awaits, or reads a clock: the runner asks [`Table::next`] what to do and
//! reports with [`Table::finish`] what came of it, the digester reports what the module says, users put their wishes.
//! So every race between them can be written down as a test.

mod answer;
mod at;
mod datagram;
mod hear;
mod job;
mod link;
mod listen;
mod lookup;
mod report;
mod slot;
mod turn;
mod user;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod rig;
#[cfg(test)]
mod tests;

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use embassy_time::{Duration, Instant};

pub(crate) use answer::Flight;
pub(crate) use at::AtResult;
use at::UserCommand;
pub(crate) use hear::Heard;
pub(crate) use job::Reason;
pub(crate) use job::{Action, Domain, Escape, Job, Key, Setting, Target};
use job::{Answer, Outcome};
use link::Link;
pub use link::LinkState;
pub(crate) use listen::UNKNOWN_PEER;
pub use lookup::Addresses;
use lookup::Lookup;
use report::{Outstanding, Pings};
pub use report::{PingReply, PingSummary};
use slot::Phase;
pub(crate) use slot::Slot;
pub(crate) use user::{Attempt, Opening, PORT_TRIES, Request};

use crate::command::{ConnectId, DateTime, ErrorCode, SocketState};
use crate::config::Config;
use crate::error::{Error, LinkError};

/// For how long after its close a connectID may still get a `closed` URC that is not for its next user.
const CLOSE_ECHO: Duration = Duration::from_secs(10);

/// What was noticed on the serial line and is nobody's fault in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Statistics {
    /// AT transactions that were started.
    pub transactions: u32,
    /// Final results that no command was waiting for.
    pub late_results: u32,
    /// Lines that are not part of this crate's language and no answer to a command in flight.
    pub foreign_lines: u32,
    /// Bytes of lines too long to be kept.
    pub skipped_bytes: u32,
    /// Payload bytes for a socket that is gone, or that had not asked for them.
    pub dropped_bytes: u32,
    /// Errors that the UART driver reported while receiving; each may have cost bytes.
    pub serial_errors: u32,
    /// Datagrams that were dropped whole, because the receive ring had no room or their bytes did not come.
    pub dropped_datagrams: u32,
    /// Replies to a ping that nobody fetched in time.
    pub dropped_replies: u32,
    /// Connections to a listener that were closed or refused, because there was no slot or no room in the module.
    pub refused_connections: u32,
    /// Times the link went down after it had been up.
    pub link_losses: u32,
}

/// Whether the module repeats payload that it is given (AT+QISDE, or ATE on some firmware).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadEcho {
    Off,
    /// Not known: the first payload that does not begin with a line end or a blank will tell.
    Unknown,
    On,
}

#[derive(Debug)]
pub(crate) struct Table<'d> {
    pub(crate) config: Config<'d>,
    slots: &'d mut [Option<Slot<'d>>],
    link: Link,
    pub(crate) lookup: Lookup,
    /// The user's own commands.
    pub(crate) at: UserCommand,
    pub(crate) pings: Pings,
    pub(crate) time: Outstanding<DateTime>,
    /// The transaction that the module is answering.
    pub(crate) flight: Option<Flight>,
    /// A command that was refused without a reason: AT+QIGETERROR comes before anything else.
    blamed: Option<Job>,
    /// Whose turn it is.
    turn: usize,
    /// Whether the user's own command had the last turn.
    user_turn: bool,
    /// The connectID after the one given out last: ids are used in a circle, so that each rests as long as possible.
    next_id: u8,
    /// The next local port for those who do not care.
    next_port: u16,
    /// How many connections listeners have accepted.
    arrivals: u16,
    /// The connectIDs closed lately, a bit each, and when that is over: a late `closed` may still come for them.
    closed_lately: u16,
    closed_until: Instant,
    payload_echo: PayloadEcho,
    /// Counts resynchronisations: the digester forgets a half-read payload when it changes.
    pub(crate) epoch: u8,
    pub(crate) statistics: Statistics,
    /// The runner has something to do.
    work: bool,
    engine: WakerRegistration,
    /// Those who wait for a slot that is being closed.
    queue: MultiWakerRegistration<4>,
}

impl<'d> Table<'d> {
    pub(crate) fn new(slots: &'d mut [Option<Slot<'d>>], config: Config<'d>) -> Self {
        Self {
            config,
            slots,
            link: Link::new(),
            lookup: Lookup::new(),
            at: UserCommand::new(),
            pings: Pings::new(),
            time: Outstanding::new(),
            flight: None,
            blamed: None,
            turn: 0,
            user_turn: false,
            next_id: 0,
            next_port: 0,
            arrivals: 0,
            closed_lately: 0,
            closed_until: Instant::MIN,
            payload_echo: PayloadEcho::Unknown,
            epoch: 0,
            statistics: Statistics::default(),
            work: false,
            engine: WakerRegistration::new(),
            queue: MultiWakerRegistration::new(),
        }
    }

    fn slots(&mut self) -> impl Iterator<Item = &mut Slot<'d>> {
        self.slots.iter_mut().flatten()
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<'d>> {
        self.slots
            .get_mut(usize::from(key.index))?
            .as_mut()
            .filter(|slot| slot.generation == key.generation && slot.phase != Phase::Free)
    }

    /// The slot whose connection the module knows by this connectID, in one of the phases asked for.
    fn slot_by_id(
        &mut self,
        id: ConnectId,
        of_phase: impl Fn(Phase) -> bool,
    ) -> Option<(Key, &mut Slot<'d>)> {
        self.slots
            .iter_mut()
            .enumerate()
            .filter_map(|(index, slot)| Some((index, slot.as_mut()?)))
            .find(|(_, slot)| slot.id == id && of_phase(slot.phase))
            .map(|(index, slot)| {
                let generation = slot.generation;
                (
                    Key {
                        index: index as u8,
                        generation,
                    },
                    slot,
                )
            })
    }

    // ---- the runner's side --------------------------------------------------------------------------------------

    /// The runner begins: everything that the module may still hold is unknown.
    pub(crate) fn start(&mut self, can_reset: bool) {
        self.forget_module();
        self.cut(LinkError::NotRunning);
        self.link.start(can_reset);
        if let Err(invalid) = self.config.check() {
            self.die(LinkError::InvalidConfig(invalid));
        }
    }

    /// The runner ends.
    pub(crate) fn stop(&mut self) {
        self.forget_module();
        self.link.lose(LinkError::NotRunning);
        self.cut(LinkError::NotRunning);
    }

    fn die(&mut self, error: LinkError) {
        self.link.die(error);
        self.refuse(error);
    }

    /// No connection survives.
    fn cut(&mut self, error: LinkError) {
        let error = Error::Link(error);
        self.slots().for_each(|slot| slot.cut(error));
        self.lookup.cut(error);
        self.pings.outstanding.end(Err(ErrorCode::ContextLost));
        self.time.end(Err(ErrorCode::ContextLost));
        self.queue.wake();
        self.kick();
    }

    /// What was known of the module's state, and of what it is about to say, is no longer true.
    fn forget_module(&mut self) {
        self.flight = None;
        self.blamed = None;
        self.at.abort();
        self.payload_echo = PayloadEcho::Unknown;
        self.closed_lately = 0;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// The link went down after it had been up.
    fn lose(&mut self, error: LinkError) {
        self.statistics.link_losses += 1;
        // After the loss of its context the module still answers what it was asked.
        if error != LinkError::ContextLost {
            self.forget_module();
        }
        self.link.lose(error);
        self.cut(error);
    }

    /// Nothing is being done about the link for a while: those who wait learn why.
    fn refuse(&mut self, error: LinkError) {
        let error = Error::Link(error);
        for slot in self.slots() {
            if slot.phase == Phase::Wanted {
                slot.fail(error);
                slot.released_by_module();
            }
        }
        self.lookup.refuse(error);
        self.queue.wake();
    }

    /// What to do now.
    pub(crate) fn next(&mut self, now: Instant) -> Action {
        self.work = false;
        if now >= self.closed_until {
            self.closed_lately = 0;
        }
        if self.blamed.is_some() {
            return Action::Run(Job::LastError);
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

    /// While it is not known whether the module echoes payload, line ends and blanks at the start of it are sent on
    /// their own: whether they come back or not makes no difference, and what follows them tells.
    fn cut_to_probe(&mut self, job: Job) -> Job {
        match job {
            Job::Send { key, length } if self.payload_echo == PayloadEcho::Unknown => {
                let blanks = self.slot(key).map_or(0, |slot| slot.leading_blanks());
                Job::Send {
                    key,
                    length: if blanks == 0 {
                        length
                    } else {
                        length.min(blanks)
                    },
                }
            }
            other => other,
        }
    }

    /// The command is about to be written to the serial line.
    pub(crate) fn begin(&mut self, job: Job) {
        self.statistics.transactions = self.statistics.transactions.wrapping_add(1);
        self.flight = Some(Flight::new(job));
    }

    /// The prompt has come, and the payload with it is about to be written: bytes from `offset` on.
    pub(crate) fn peek(&mut self, key: Key, offset: usize, into: &mut [u8]) -> usize {
        self.slot(key)
            .map_or(0, |slot| slot.tx.peek(slot.payload_offset() + offset, into))
    }

    /// Whether the module is waiting for payload.
    pub(crate) fn wants_payload(&self) -> bool {
        self.flight.as_ref().is_some_and(Flight::wants_payload)
    }

    /// The UART driver reported an error while receiving.
    pub(crate) fn serial_error(&mut self) {
        self.statistics.serial_errors = self.statistics.serial_errors.wrapping_add(1);
    }

    /// The transaction is over, with a final result or without.
    pub(crate) fn finish(&mut self, now: Instant) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let outcome = flight.outcome();
        if outcome == Outcome::NoAnswer {
            // Whatever comes now is late, and a half-read payload is lost.
            self.epoch = self.epoch.wrapping_add(1);
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
        if outcome == Outcome::Refused(Reason::None) && flight.job.has_reason() {
            self.blamed = Some(flight.job);
            return;
        }
        self.done(flight.job, outcome, flight.echoed, now);
    }

    /// The user's hook has restarted the module.
    pub(crate) fn reset_done(&mut self, now: Instant) {
        self.link.reset_done(now);
    }

    fn done(&mut self, job: Job, outcome: Outcome, echoed: bool, now: Instant) {
        match job {
            Job::Open(key) => self.open_done(key, outcome, now),
            Job::Close(key) => self.close_done(key, outcome, now),
            Job::Status(key) => self.status_done(key, outcome, now),
            Job::Read { key, .. } => self.read_done(key, outcome),
            Job::Send { key, length } => self.send_done(key, length, outcome, now),
            Job::CountSent(key) => self.count_done(key, outcome, now),
            Job::CountReceived(key) => self.gap_done(key, outcome),
            Job::Resolve => self.lookup.done(outcome),
            Job::User => return self.user_done(outcome),
            Job::CloseStray(id) => {
                self.link.strays &= !(1 << id.get());
                self.closed_lately |= 1 << id.get();
                self.closed_until = now + CLOSE_ECHO;
            }
            _ => {}
        }
        if self.link.is_up() {
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

    fn user_done(&mut self, outcome: Outcome) {
        let mute = self.at.mute;
        self.at.done(outcome);
        if outcome == Outcome::NoAnswer && !mute {
            self.link.resync();
        }
    }

    fn open_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        let context_lost = {
            let Some(slot) = self.slot(key) else { return };
            match outcome {
                Outcome::Done(_) => false,
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
    fn open_refused(&mut self, key: Key, code: ErrorCode) -> bool {
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
        self.closed_lately |= 1 << id.get();
        self.closed_until = now + CLOSE_ECHO;
        self.queue.wake();
    }

    fn status_done(&mut self, key: Key, outcome: Outcome, now: Instant) {
        let Some(slot) = self.slot(key) else { return };
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
                slot.notice();
            }
            // Opened and closed, and the host heard of neither.
            (Phase::Opening, Some(SocketState::Closing)) => {
                slot.opened();
                slot.closed_by_peer();
            }
            (Phase::Opening, None) => {
                slot.open_failed(Error::Module(ErrorCode::Unspecified), false)
            }
            (Phase::Open, None) => {
                // The module has forgotten it without a word.
                slot.fail(Error::ConnectionReset);
                self.freed(key, now);
            }
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

    fn read_done(&mut self, key: Key, outcome: Outcome) {
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(Answer::Received { more }) => slot.read_done(more),
            Outcome::Done(_) | Outcome::SendFail => {}
            Outcome::NoAnswer if slot.is_datagram() => {
                if slot.drop_partial_datagram() {
                    self.statistics.dropped_datagrams += 1;
                }
            }
            Outcome::NoAnswer => slot.gap = true,
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
        match outcome {
            // Field note 69: the count can lag, but it does not run ahead.
            Outcome::Done(Answer::HandedOver(count))
                if count.wrapping_sub(slot.received) as i32 <= 0 =>
            {
                slot.gap = false;
                slot.notice();
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
            Outcome::Done(_) => slot.send_done(length),
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
                slot.counted(total);
                if slot.ack_wanted && slot.tx.is_empty() {
                    slot.counted_acknowledged(acknowledged, now);
                }
            }
            Outcome::Refused(_) if slot.phase == Phase::Draining => slot.unsure = None,
            Outcome::Refused(_) => slot.fail(Error::ConnectionReset),
            Outcome::NoAnswer | Outcome::Done(_) | Outcome::SendFail => {}
        }
    }

    // ---- shared --------------------------------------------------------------------------------------------------

    /// The runner has to look again.
    pub(crate) fn kick(&mut self) {
        self.work = true;
        self.engine.wake();
    }

    /// Whether there is something to do for the runner; if not, `waker` is woken when there is.
    pub(crate) fn poll_work(&mut self, waker: &core::task::Waker) -> bool {
        if !self.work {
            self.engine.register(waker);
        }
        self.work
    }

    /// Before the turn of a slot: a connectID for one that wants to open, and no close of an id that is another's by now.
    /// False if the slot has to pass.
    fn prepare(&mut self, turn: usize) -> bool {
        let Some(Some(slot)) = self.slots.get(turn) else {
            return true;
        };
        let (phase, id) = (slot.phase, slot.id);
        match phase {
            Phase::Wanted => {
                // The second try is on the connectID that was just closed for it.
                let retry = slot.reopened && self.is_free(id);
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

    /// Whether a `closed` URC for this connectID may be meant for its last user.
    fn was_closed_lately(&self, id: ConnectId) -> bool {
        self.closed_lately & (1 << id.get()) != 0
    }
}
