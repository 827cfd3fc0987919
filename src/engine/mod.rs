//! The socket table: what every socket is doing, and which AT transaction comes next.
//!
//! Pure state. Nothing in here does I/O, awaits, or reads a clock: the runner asks [`Engine::next`] what to do and
//! reports with [`Engine::finish`] what came of it, the digester reports what the module says, users put their wishes.
//! So every race between them can be written down as a test.
//!
//! Comments cite two documents: "section 2.1.8" is a section of the note (Quectel's *LTE Standard TCP/IP Application
//! Note* V1.1), and "quirk 14" is entry 14 of `docs/quirks.md`, the list of what real modules do beyond the note.
//!
//! Functions with many callers are marked `#[inline(never)]`: a copy in each of them would take some kilobytes of flash.

mod access_mode;
mod dns;
mod exchange;
mod input;
mod link;
mod outcome;
mod part;
mod scheduler;
mod services;
pub(crate) mod shared;
mod sockets;
mod statistics;
mod user_command;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod rig;
#[cfg(test)]
mod tests;

use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};

pub(crate) use access_mode::escape_guard::PIECE;
use access_mode::push::PendingPush;
pub(crate) use access_mode::transparent::GUARD;
use access_mode::transparent::Transparent;
pub use dns::Addresses;
use dns::Lookup;
pub(crate) use exchange::encode::{encode, time_limit};
pub(crate) use exchange::in_flight::InFlight;
pub(crate) use exchange::job::{Action, Domain, Escape, Job, Key, Reason, Setting, Target};
pub(crate) use input::{LineKind, Payload};
use link::Link;
pub use link::LinkState;
use part::Parts;
pub(crate) use services::{Deferred, QueryId};
pub use services::{PingReply, PingSummary};
use services::{Pings, Reader};
pub(crate) use sockets::listener::UNKNOWN_PEER;
pub(crate) use sockets::request::{Attempt, Opening, PORT_TRIES, Request, check_peer};
pub(crate) use sockets::slot::Slot;
use sockets::slot::{Phase, Phases};
pub use statistics::Statistics;
pub(crate) use user_command::AtResult;
use user_command::UserCommand;

use crate::at::{ConnectId, DateTime};
use crate::config::Config;
use crate::error::{Error, LinkError};
use crate::util::wakers::{MultiWaker, OneWaker};
use crate::util::zeroed::Zeroed;

/// How many tasks can wait for the same thing before they begin to wake each other.
const WAITERS: usize = 8;
/// For how long after its close a connectID may still get a `closed` URC that is not for its next user.
const CLOSE_ECHO: Duration = Duration::from_secs(10);

/// Whether the module repeats payload that it is given (AT+QISDE, or ATE on some firmware).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadEcho {
    Off,
    /// Not known: the first payload that does not begin with a line end or a blank will tell.
    Unknown,
    On,
}

#[derive(Debug)]
#[repr(C)] // What is used most comes first, where instructions are shortest.
pub(crate) struct Engine<'d> {
    /// The runner has something to do.
    work: bool,
    payload_echo: PayloadEcho,
    /// Whether the user's own command had the last turn.
    user_turn: bool,
    /// Bytes were lost on the serial line, and may have been those of the line that comes next.
    line_damaged: bool,
    /// DTR is wired.
    has_dtr: bool,
    /// The connectID after the one given out last: ids are used in a circle, so that each rests as long as possible.
    next_id: u8,
    /// Counts resynchronisations: the digester forgets a half-read payload when it changes.
    pub(crate) epoch: u8,
    /// The connectIDs whose data the module pushes, a bit each.
    pushing: u16,
    /// The connectIDs closed lately, a bit each, and when that is over: a late `closed` may still come for them.
    closed_lately: u16,
    /// The orphan_ids whose close was not answered, a bit each.
    unanswered_orphans: u16,
    /// The next local port for those who do not care.
    next_port: u16,
    /// How many connections listeners have accepted.
    accept_counter: u16,
    slots: &'d mut [Zeroed<Slot<'d>>],
    /// What the program uses.
    parts: Parts,
    engine: OneWaker,
    /// Whoever reads the serial line.
    receiver: OneWaker,
    /// The transaction that the module is answering.
    pub(crate) in_flight: Option<InFlight>,
    /// Whose turn it is.
    turn: usize,
    /// A command that was refused without a reason: AT+QIGETERROR comes before anything else.
    awaiting_reason: Option<Job>,
    /// The socket whose full receive ring holds up the serial line.
    stall: Option<Key>,
    pub(crate) statistics: Statistics,
    /// Those who wait for a slot that is being closed.
    queue: MultiWaker<WAITERS>,
    closed_until: Instant,
    /// When the serial line was held up last.
    stalled_at: Instant,
    /// Since when the runner is at what it is doing, and how long that may take.
    deadline_start: (Instant, Duration),
    /// No command before this instant.
    rest_until: Instant,
    /// The socket whose pushed payload is not all here yet.
    arrival: Option<PendingPush>,
    /// The connection that owns the serial line.
    stream: Option<Transparent>,
    link: Link,
    pub(crate) config: Config<'d>,
    pub(crate) lookup: Lookup,
    /// The user's own commands.
    at: Zeroed<UserCommand>,
    /// The tools in use.
    readers: [Option<Reader>; 2],
    pings: Zeroed<Pings>,
    time: Zeroed<Deferred<DateTime>>,
}

impl<'d> Engine<'d> {
    pub(crate) fn new(slots: &'d mut [Zeroed<Slot<'d>>], config: Config<'d>) -> Self {
        Self {
            config,
            slots,
            link: Link::new(),
            lookup: Lookup::new(),
            at: Zeroed::Empty,
            readers: [None; 2],
            pings: Zeroed::Empty,
            time: Zeroed::Empty,
            in_flight: None,
            awaiting_reason: None,
            turn: 0,
            user_turn: false,
            line_damaged: false,
            next_id: 0,
            next_port: 0,
            accept_counter: 0,
            closed_lately: 0,
            closed_until: Instant::MIN,
            unanswered_orphans: 0,
            payload_echo: PayloadEcho::Unknown,
            pushing: 0,
            arrival: None,
            stall: None,
            stalled_at: Instant::MIN,
            stream: None,
            parts: Parts::NONE,
            has_dtr: false,
            receiver: OneWaker::new(),
            epoch: 0,
            statistics: Statistics::default(),
            deadline_start: (Instant::MIN, Duration::MIN),
            rest_until: Instant::MIN,
            work: false,
            engine: OneWaker::new(),
            queue: MultiWaker::new(),
        }
    }

    fn slots(&mut self) -> impl Iterator<Item = &mut Slot<'d>> {
        self.slots.iter_mut().filter_map(Zeroed::as_mut)
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<'d>> {
        find(self.slots, key)
    }

    #[inline(never)]
    fn slot_ref(&self, key: Key) -> Option<&Slot<'d>> {
        self.slots
            .get(key.index())?
            .as_ref()
            .filter(|slot| slot.key == key && slot.phase != Phase::Free)
    }

    /// The slot whose connection the module knows by this connectID, in one of the phases asked for.
    #[inline(never)]
    fn slot_by_id(&mut self, id: ConnectId, phases: Phases) -> Option<(Key, &mut Slot<'d>)> {
        self.slots()
            .find(|slot| slot.id == id && phases & slot.phase.bit() != 0)
            .map(|slot| (slot.key, slot))
    }

    /// Whether a slot has this connectID in use.
    #[inline(never)]
    fn uses(&self, id: ConnectId) -> bool {
        let mut slots = self.slots.iter().filter_map(Zeroed::as_ref);
        slots.any(|slot| slot.id == id && slot.uses_id())
    }

    // ---- the runner's side --------------------------------------------------------------------------------------

    /// The runner begins: everything that the module may still hold is unknown.
    pub(crate) fn start(&mut self, can_reset: bool, has_dtr: bool) {
        self.has_dtr = has_dtr;
        self.forget_module();
        self.fail_all(LinkError::NotRunning);
        self.link.start(can_reset, has_dtr);
        if let Some(invalid) = self.config.invalid {
            self.disable(LinkError::InvalidConfig(invalid));
        }
    }

    /// The runner ends: it can be run again, unless the serial line has failed under it.
    pub(crate) fn stop(&mut self, for_good: bool) {
        self.forget_module();
        self.stop_commands(false);
        self.link.on_link_lost(LinkError::NotRunning);
        self.fail_all(LinkError::NotRunning);
        if for_good {
            self.disable(LinkError::NotRunning);
        }
    }

    fn disable(&mut self, error: LinkError) {
        self.link.disable(error);
        self.reject_waiting(error);
    }

    /// No connection survives.
    #[inline(never)]
    fn fail_all(&mut self, error: LinkError) {
        let error = Error::Link(error);
        self.slots().for_each(|slot| slot.fail_all(error));
        if let Some(part) = self.parts.lookup {
            part.reject_waiting(&mut self.lookup, error, false);
        }
        self.read_report(None);
        self.queue.wake();
        self.wake_runner();
    }

    /// Whether a line is one of a tool in use. Without a line they learn that no more will come.
    #[inline(never)]
    fn read_report(&mut self, line: Option<&[u8]>) -> bool {
        let mut readers = self.readers.into_iter().flatten();
        readers.any(|reader| reader(self, line) && line.is_some())
    }

    /// What was known of the module's state, and of what it is about to say, is no longer true.
    #[inline(never)]
    fn forget_module(&mut self) {
        self.in_flight = None;
        self.answered();
        self.awaiting_reason = None;
        self.stop_commands(true);
        self.payload_echo = PayloadEcho::Unknown;
        self.closed_lately = 0;
        self.stream = None;
        self.give_up_payload();
        self.unanswered_orphans = 0;
    }

    /// The link went down after it had been up.
    #[inline(never)]
    fn on_link_lost(&mut self, error: LinkError) {
        self.statistics.link_losses = self.statistics.link_losses.wrapping_add(1);
        // After the loss of its context the module still answers what it was asked.
        if error != LinkError::ContextLost {
            self.forget_module();
        }
        if self.stream.take().is_some() {
            self.give_up_payload();
        }
        let ours = self.slots().filter(|slot| slot.uses_id());
        let ours = ours.fold(0, |ids, slot| ids | 1 << slot.id.get());
        self.link.on_link_lost(error);
        if error != LinkError::Restarted {
            // Closed even if the module's list of them does not come through whole.
            self.link.orphan_ids = ours;
        }
        self.fail_all(error);
    }

    /// Nothing is being done about the link for a while: those who wait learn why.
    #[inline(never)]
    fn reject_waiting(&mut self, error: LinkError) {
        let error = Error::Link(error);
        for slot in self.slots() {
            if slot.phase == Phase::Wanted {
                slot.fail(error);
                slot.on_id_freed();
            }
        }
        if let Some(part) = self.parts.lookup {
            part.reject_waiting(&mut self.lookup, error, true);
        }
        if !self.link.is_listening() {
            self.stop_commands(false);
        }
        self.queue.wake();
    }

    /// The command is about to be written to the serial line: whether `CONNECT` is to end it.
    pub(crate) fn begin(&mut self, job: Job) -> bool {
        self.statistics.transactions = self.statistics.transactions.wrapping_add(1);
        if let Job::CloseOrphan(id) = job {
            // Once it is closed the module may give its id to the next connection, before the result is looked at.
            self.link.orphan_ids &= !(1 << id.get());
        }
        let connects = self.parts.modes.is_some_and(|part| part.begin(self, job));
        self.in_flight = Some(InFlight::new(job, connects));
        connects
    }

    /// The prompt has come, and the payload with it is about to be written: bytes from `offset` on.
    pub(crate) fn peek(&mut self, key: Key, offset: usize, into: &mut [u8]) -> usize {
        self.slot(key)
            .map_or(0, |slot| slot.tx.peek(slot.payload_offset() + offset, into))
    }

    /// The runner begins something that may take this long.
    pub(crate) fn start_deadline(&mut self, limit: Duration, now: Instant) {
        self.deadline_start = (now, limit);
    }

    /// Whether the module has given the prompt, or the final result, of the transaction in flight.
    fn is_answered(&self) -> bool {
        self.in_flight.as_ref().is_none_or(|in_flight| {
            in_flight.is_answered()
                || matches!(in_flight.job, Job::User) && self.at.as_ref().is_some_and(|at| at.mute)
        })
    }

    /// Ready when there is something for the runner to go on with: with its work, while it is idle, or else with the
    /// transaction in flight.
    pub(crate) fn poll_event(&mut self, is_idle: bool, waker: &Waker) -> Poll<()> {
        let is_ready = if is_idle {
            self.work
        } else {
            self.is_answered()
        };
        if is_ready {
            return Poll::Ready(());
        }
        self.engine.register(waker);
        Poll::Pending
    }

    /// What was waited for has come.
    fn answered(&mut self) {
        self.engine.wake();
    }

    /// Whether payload is to be written now, and the final result is to follow.
    pub(crate) fn begin_payload(&mut self, now: Instant) -> bool {
        self.start_deadline(self.config.send_time, now);
        match &mut self.in_flight {
            Some(in_flight) => in_flight.begin_payload(),
            None => false,
        }
    }

    /// Whether the module is waiting for payload.
    pub(crate) fn wants_payload(&self) -> bool {
        self.stream.is_some() || self.in_flight.as_ref().is_some_and(InFlight::wants_payload)
    }

    /// The UART driver reported an error while receiving.
    pub(crate) fn serial_error(&mut self) {
        self.statistics.serial_errors = self.statistics.serial_errors.wrapping_add(1);
        self.damaged();
        self.line_damaged = true;
        // Whoever is being read for is not to see what comes behind the gap.
        let job = self.in_flight.as_ref().map(|in_flight| in_flight.job);
        if let Some(Job::Read { key, .. }) = job {
            if let Some(slot) = self.slot(key).filter(|slot| !slot.is_datagram()) {
                slot.fail(Error::DataLost);
            }
        }
        // Nor is a datagram to be filled up with it.
        if let Some(part) = self.parts.datagrams {
            part.drop_all_partial(self);
        }
        self.distrust_pushed();
    }

    /// What is being answered has lost bytes on its way, or may have.
    pub(crate) fn damaged(&mut self) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.damaged = true;
        }
    }

    // ---- shared --------------------------------------------------------------------------------------------------

    /// The runner has to look again.
    #[inline(never)]
    pub(crate) fn wake_runner(&mut self) {
        self.work = true;
        self.engine.wake();
    }

    /// Whether a `closed` URC for this connectID may be meant for its last user.
    fn was_closed_lately(&self, id: ConnectId) -> bool {
        self.closed_lately & (1 << id.get()) != 0
    }
}

/// The slot of a socket, unless the socket is gone.
#[inline(never)]
fn find<'s, 'd>(slots: &'s mut [Zeroed<Slot<'d>>], key: Key) -> Option<&'s mut Slot<'d>> {
    slots
        .get_mut(key.index())?
        .as_mut()
        .filter(|slot| slot.key == key && slot.phase != Phase::Free)
}
