//! The socket table: what every socket is doing, and which AT transaction comes next.
//!
//! Pure state. Nothing in here does I/O, awaits, or reads a clock: the runner asks [`Table::next`] what to do and
//! reports with [`Table::finish`] what came of it, the digester reports what the module says, users put their wishes.
//! So every race between them can be written down as a test.
//!
//! Functions with many callers are marked `#[inline(never)]`: a copy in each of them would take some kilobytes of flash.

mod answer;
mod at;
mod claim;
mod datagram;
mod echo;
mod hear;
mod job;
mod link;
mod listen;
mod lookup;
mod mode;
mod outcome;
mod part;
mod plus;
mod push;
mod report;
mod schedule;
mod slot;
mod statistics;
mod stream;
mod transfer;
mod turn;
mod user;
mod word;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod rig;
#[cfg(test)]
mod tests;

use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};

pub(crate) use answer::Flight;
pub(crate) use at::AtResult;
use at::UserCommand;
pub(crate) use hear::{Heard, Payload};
pub(crate) use job::Reason;
pub(crate) use job::{Action, Domain, Escape, Job, Key, Setting, Target};
use link::Link;
pub use link::LinkState;
pub(crate) use listen::UNKNOWN_PEER;
pub use lookup::Addresses;
use lookup::Lookup;
use part::Parts;
pub(crate) use plus::PIECE;
use push::Arrival;
pub(crate) use report::{Outstanding, Ticket};
pub use report::{PingReply, PingSummary};
use report::{Pings, Reader};
pub(crate) use slot::Slot;
use slot::{Phase, Phases};
pub use statistics::Statistics;
pub(crate) use stream::GUARD;
use stream::Stream;
pub(crate) use user::{Attempt, Opening, PORT_TRIES, Request, check_peer};

use crate::command::{ConnectId, DateTime};
use crate::config::Config;
use crate::error::{Error, LinkError};
use crate::place::Place;
use crate::waiting::{Crowd, Waiting};

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
pub(crate) struct Table<'d> {
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
    /// The strays whose close was not answered, a bit each.
    unanswered_strays: u16,
    /// The next local port for those who do not care.
    next_port: u16,
    /// How many connections listeners have accepted.
    arrivals: u16,
    slots: &'d mut [Place<Slot<'d>>],
    /// What the program uses.
    parts: Parts,
    engine: Waiting,
    /// Whoever reads the serial line.
    receiver: Waiting,
    /// The transaction that the module is answering.
    pub(crate) flight: Option<Flight>,
    /// Whose turn it is.
    turn: usize,
    /// A command that was refused without a reason: AT+QIGETERROR comes before anything else.
    blamed: Option<Job>,
    /// The socket whose full receive ring holds up the serial line.
    stall: Option<Key>,
    pub(crate) statistics: Statistics,
    /// Those who wait for a slot that is being closed.
    queue: Crowd<WAITERS>,
    closed_until: Instant,
    /// When the serial line was held up last.
    stalled_at: Instant,
    /// Since when the runner is at what it is doing, and how long that may take.
    occupied: (Instant, Duration),
    /// No command before this instant.
    rest_until: Instant,
    /// The socket whose pushed payload is not all here yet.
    arrival: Option<Arrival>,
    /// The connection that owns the serial line.
    stream: Option<Stream>,
    link: Link,
    pub(crate) config: Config<'d>,
    pub(crate) lookup: Lookup,
    /// The user's own commands.
    at: Place<UserCommand>,
    /// The tools in use.
    readers: [Option<Reader>; 2],
    pings: Place<Pings>,
    time: Place<Outstanding<DateTime>>,
}

impl<'d> Table<'d> {
    pub(crate) fn new(slots: &'d mut [Place<Slot<'d>>], config: Config<'d>) -> Self {
        Self {
            config,
            slots,
            link: Link::new(),
            lookup: Lookup::new(),
            at: Place::Empty,
            readers: [None; 2],
            pings: Place::Empty,
            time: Place::Empty,
            flight: None,
            blamed: None,
            turn: 0,
            user_turn: false,
            line_damaged: false,
            next_id: 0,
            next_port: 0,
            arrivals: 0,
            closed_lately: 0,
            closed_until: Instant::MIN,
            unanswered_strays: 0,
            payload_echo: PayloadEcho::Unknown,
            pushing: 0,
            arrival: None,
            stall: None,
            stalled_at: Instant::MIN,
            stream: None,
            parts: Parts::NONE,
            has_dtr: false,
            receiver: Waiting::new(),
            epoch: 0,
            statistics: Statistics::default(),
            occupied: (Instant::MIN, Duration::MIN),
            rest_until: Instant::MIN,
            work: false,
            engine: Waiting::new(),
            queue: Crowd::new(),
        }
    }

    fn slots(&mut self) -> impl Iterator<Item = &mut Slot<'d>> {
        self.slots.iter_mut().filter_map(Place::as_mut)
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
        let mut slots = self.slots.iter().filter_map(Place::as_ref);
        slots.any(|slot| slot.id == id && slot.uses_id())
    }

    // ---- the runner's side --------------------------------------------------------------------------------------

    /// The runner begins: everything that the module may still hold is unknown.
    pub(crate) fn start(&mut self, can_reset: bool, has_dtr: bool) {
        self.has_dtr = has_dtr;
        self.forget_module();
        self.cut(LinkError::NotRunning);
        self.link.start(can_reset, has_dtr);
        if let Some(invalid) = self.config.invalid {
            self.die(LinkError::InvalidConfig(invalid));
        }
    }

    /// The runner ends: it can be run again, unless the serial line has failed under it.
    pub(crate) fn stop(&mut self, for_good: bool) {
        self.forget_module();
        self.stop_commands(false);
        self.link.lose(LinkError::NotRunning);
        self.cut(LinkError::NotRunning);
        if for_good {
            self.die(LinkError::NotRunning);
        }
    }

    fn die(&mut self, error: LinkError) {
        self.link.die(error);
        self.refuse(error);
    }

    /// No connection survives.
    #[inline(never)]
    fn cut(&mut self, error: LinkError) {
        let error = Error::Link(error);
        self.slots().for_each(|slot| slot.cut(error));
        if let Some(part) = self.parts.lookup {
            part.refuse(&mut self.lookup, error, false);
        }
        self.read_report(None);
        self.queue.wake();
        self.kick();
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
        self.flight = None;
        self.answered();
        self.blamed = None;
        self.stop_commands(true);
        self.payload_echo = PayloadEcho::Unknown;
        self.closed_lately = 0;
        self.stream = None;
        self.give_up_payload();
        self.unanswered_strays = 0;
    }

    /// The link went down after it had been up.
    #[inline(never)]
    fn lose(&mut self, error: LinkError) {
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
        self.link.lose(error);
        if error != LinkError::Restarted {
            // Closed even if the module's list of them does not come through whole.
            self.link.strays = ours;
        }
        self.cut(error);
    }

    /// Nothing is being done about the link for a while: those who wait learn why.
    #[inline(never)]
    fn refuse(&mut self, error: LinkError) {
        let error = Error::Link(error);
        for slot in self.slots() {
            if slot.phase == Phase::Wanted {
                slot.fail(error);
                slot.released_by_module();
            }
        }
        if let Some(part) = self.parts.lookup {
            part.refuse(&mut self.lookup, error, true);
        }
        if !self.link.is_listening() {
            self.stop_commands(false);
        }
        self.queue.wake();
    }

    /// The command is about to be written to the serial line: whether `CONNECT` is to end it.
    pub(crate) fn begin(&mut self, job: Job) -> bool {
        self.statistics.transactions = self.statistics.transactions.wrapping_add(1);
        if let Job::CloseStray(id) = job {
            // Once it is closed the module may give its id to the next connection, before the result is looked at.
            self.link.strays &= !(1 << id.get());
        }
        let connects = self.parts.modes.is_some_and(|part| part.begin(self, job));
        self.flight = Some(Flight::new(job, connects));
        connects
    }

    /// The prompt has come, and the payload with it is about to be written: bytes from `offset` on.
    pub(crate) fn peek(&mut self, key: Key, offset: usize, into: &mut [u8]) -> usize {
        self.slot(key)
            .map_or(0, |slot| slot.tx.peek(slot.payload_offset() + offset, into))
    }

    /// The runner begins something that may take this long.
    pub(crate) fn occupy(&mut self, limit: Duration, now: Instant) {
        self.occupied = (now, limit);
    }

    /// Whether the module has given the prompt, or the final result, of the transaction in flight.
    fn is_answered(&self) -> bool {
        self.flight.as_ref().is_none_or(|flight| {
            flight.is_answered()
                || matches!(flight.job, Job::User) && self.at.as_ref().is_some_and(|at| at.mute)
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
        self.occupy(self.config.send_time, now);
        match &mut self.flight {
            Some(flight) => flight.begin_payload(),
            None => false,
        }
    }

    /// Whether the module is waiting for payload.
    pub(crate) fn wants_payload(&self) -> bool {
        self.stream.is_some() || self.flight.as_ref().is_some_and(Flight::wants_payload)
    }

    /// The UART driver reported an error while receiving.
    pub(crate) fn serial_error(&mut self) {
        self.statistics.serial_errors = self.statistics.serial_errors.wrapping_add(1);
        self.damaged();
        self.line_damaged = true;
        // Whoever is being read for is not to see what comes behind the gap.
        let job = self.flight.as_ref().map(|flight| flight.job);
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
        if let Some(flight) = &mut self.flight {
            flight.damaged = true;
        }
    }

    // ---- shared --------------------------------------------------------------------------------------------------

    /// The runner has to look again.
    #[inline(never)]
    pub(crate) fn kick(&mut self) {
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
fn find<'s, 'd>(slots: &'s mut [Place<Slot<'d>>], key: Key) -> Option<&'s mut Slot<'d>> {
    slots
        .get_mut(key.index())?
        .as_mut()
        .filter(|slot| slot.key == key && slot.phase != Phase::Free)
}
