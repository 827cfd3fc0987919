//! Access modes: which sockets the module pushes data to, what a full ring does then, and changes on a live socket
//! (sections 1.2 and 2.1.10).

use core::fmt;
use core::net::SocketAddr;
use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};

use super::answer::{Final, Stage};
use super::datagram::DatagramPart;
use super::hear::{Heard, Payload};
use super::job::{Job, Key, Outcome};
use super::slot::{Phase, Slot};
use super::stream::Streams;
use super::turn::MAX_READ_LENGTH;
use super::{LinkState, Table};
use crate::clock::{NEVER, after, get_or_set};
use crate::command::{AccessMode, ConnectId, ServiceType};
use crate::error::Error;

/// What the table does for access modes other than the buffer mode, and for changes between them.
pub(super) trait ModePart: fmt::Debug + Sync {
    /// The header of data that follows at once.
    fn pushed(
        &self,
        table: &mut Table<'_>,
        id: ConnectId,
        length: u32,
        peer: Option<SocketAddr>,
    ) -> Heard;
    /// Looks after a payload that is coming, and says when to look again.
    fn watch(&self, table: &mut Table<'_>, now: Instant) -> Instant;
    /// The rest of it will not come.
    fn give_up(&self, table: &mut Table<'_>, key: Key);
    /// What to do next on the way to another access mode.
    fn switch(&self, slot: &mut Slot<'_>, key: Key, mode: AccessMode) -> Job;
    /// What came of that.
    fn switched(&self, table: &mut Table<'_>, key: Key, outcome: Outcome);
}

#[derive(Debug)]
struct Modes;

impl ModePart for Modes {
    fn pushed(
        &self,
        table: &mut Table<'_>,
        id: ConnectId,
        length: u32,
        peer: Option<SocketAddr>,
    ) -> Heard {
        table.pushed(id, length, peer)
    }

    fn watch(&self, table: &mut Table<'_>, now: Instant) -> Instant {
        table.watch_arrival(now)
    }

    fn give_up(&self, table: &mut Table<'_>, key: Key) {
        table.give_up_arrival(key);
    }

    fn switch(&self, slot: &mut Slot<'_>, key: Key, mode: AccessMode) -> Job {
        slot.switch(key, mode)
    }

    fn switched(&self, table: &mut Table<'_>, key: Key, outcome: Outcome) {
        table.switch_done(key, outcome);
    }
}

impl Table<'_> {
    /// Somebody wants this access mode.
    pub(crate) fn enable(&mut self, mode: AccessMode) {
        if mode != AccessMode::Buffer {
            self.parts.modes = Some(&Modes);
        }
        if mode == AccessMode::Transparent {
            self.parts.streams = Some(&Streams);
        }
    }

    /// Everything that some program may use.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn enable_all(&mut self) {
        self.enable(AccessMode::Transparent);
        self.enable_datagrams();
        self.enable_listeners();
        self.enable_lookups();
        self.enable_user();
    }

    // ---- pushed data (section 1.2) ---------------------------------------------------------------------------------

    /// Whether the data of this connectID comes unasked.
    pub(super) fn pushes(&self, id: ConnectId) -> bool {
        self.pushing & (1 << id.get()) != 0
    }

    pub(super) fn set_pushing(&mut self, id: ConnectId, pushes: bool) {
        let bit = 1 << id.get();
        self.pushing = self.pushing & !bit | if pushes { bit } else { 0 };
    }

    /// The header of data that follows at once.
    fn pushed(&mut self, id: ConnectId, length: u32, peer: Option<SocketAddr>) -> Heard {
        let damaged = self.line_damaged;
        let sink = self
            .slot_by_id(id, &[Phase::Opening, Phase::Open, Phase::Draining])
            .map(|(key, slot)| {
                slot.idle_rechecks = 0;
                let part = slot.part;
                let whole = |part: &dyn DatagramPart| !damaged && part.expect(slot, length, peer);
                (key, part.is_none_or(whole))
            });
        if let Some((_, false)) = sink {
            self.dropped_datagram();
        }
        let payload = Payload {
            sink: sink.map(|(key, _)| key),
            // No module pushes more at once; of one that did, the rest would be read as lines.
            length: length.min(u16::MAX.into()) as u16,
            pushed: true,
        };
        if length > 0 {
            self.arrival = payload.sink.map(Arrival::new);
            self.kick();
        } else {
            // An empty datagram.
            self.deliver(payload, &[]);
            return Heard::Nothing;
        }
        Heard::Payload(payload)
    }

    /// The payload under way does not end where its header said.
    pub(crate) fn mangled(&mut self, payload: Payload) {
        if payload.pushed {
            self.distrust_pushed();
        } else {
            self.damaged();
        }
    }

    /// Bytes were lost on the serial line, and may have been those of any stream whose data comes unasked.
    pub(super) fn distrust_pushed(&mut self) {
        for slot in self.slots() {
            if slot.takes_pushes() && slot.mode != AccessMode::Buffer && !slot.is_datagram() {
                slot.fail(Error::DataLost);
            }
        }
    }

    /// A payload that is half here is given up: what comes from now on is something else.
    pub(super) fn give_up_payload(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if let (Some(arrival), Some(part)) = (self.arrival.take(), self.parts.modes) {
            part.give_up(self, arrival.key);
        }
        self.stall = None;
        self.receiver.wake();
    }

    fn give_up_arrival(&mut self, key: Key) {
        let Some(slot) = self.slot(key) else { return };
        match slot.part {
            None => slot.fail(Error::DataLost),
            Some(part) => {
                if part.drop_partial(slot) {
                    self.dropped_datagram();
                }
            }
        }
    }

    /// Some of a pushed payload has come.
    pub(crate) fn arrived(&mut self, is_last: bool) {
        if is_last {
            self.arrival = None;
        } else if let Some(arrival) = &mut self.arrival {
            arrival.quiet_since = NEVER;
        }
    }

    /// A module sends what it pushes in one go: a payload that does not get on is never completed, and what comes next is
    /// something else.
    fn watch_arrival(&mut self, now: Instant) -> Instant {
        let Some(arrival) = &mut self.arrival else {
            return NEVER;
        };
        if self.stall.is_some() {
            arrival.quiet_since = NEVER;
            return NEVER;
        }
        let until = after(get_or_set(&mut arrival.quiet_since, now), LONGEST_GAP);
        if now < until {
            return until;
        }
        self.give_up_payload();
        NEVER
    }

    // ---- a full receive ring ---------------------------------------------------------------------------------------

    /// Whether a full receive ring holds up the serial line.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// While a full receive ring holds up the serial line, which began at `since`: when to look again, at the latest.
    /// `waker` is woken when there may be room again, or less time to wait for it. When the time is over the connection
    /// fails.
    pub(crate) fn poll_room(
        &mut self,
        since: Instant,
        now: Instant,
        waker: &Waker,
    ) -> Option<Instant> {
        self.stall?;
        self.stalled_at = now;
        let since = match &self.stream {
            // Nobody but the connection itself needs the line.
            Some(stream) => stream.escaped_at().map_or(NEVER, |at| at.max(since)),
            None => since,
        };
        let until = after(since, self.config.stall_time);
        if now >= until {
            self.overrun();
            return None;
        }
        self.receiver.register(waker);
        Some(until)
    }

    /// Somebody has taken something out of a receive ring, or does not want it any more.
    pub(super) fn ease(&mut self, key: Key) {
        if self.stall == Some(key) {
            self.stall = None;
            self.receiver.wake();
        }
    }

    /// The time that the serial line may be held up is over.
    fn overrun(&mut self) {
        if let Some(slot) = self.stall.take().and_then(|key| self.slot(key)) {
            if slot.is_datagram() {
                slot.crowded = true;
            } else {
                slot.fail(Error::Overrun);
            }
        }
        self.kick();
    }

    /// Until when to wait for what the runner is doing, if that is not over by `now`. An answer does not come through a line
    /// that is held up, nor before the end of what is being pushed.
    pub(crate) fn patience(&self, now: Instant) -> Instant {
        let (since, limit) = self.occupied;
        if self.stall.is_some() {
            return after(now, limit);
        }
        let until = after(since.max(self.stalled_at), limit);
        match self.arrival {
            Some(_) => after(until, ANSWER_TIME),
            None => until,
        }
    }

    // ---- changes on a live socket (section 2.1.10) -------------------------------------------------------------------

    pub(super) fn awaits_connect(&self) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.stage == Stage::Connect && !flight.is_concluded())
    }

    /// The transaction in flight has ended with this line. A change of mode holds from its line end on.
    pub(super) fn switched(&mut self, line: Final) -> Heard {
        let Some(job) = self.flight.as_ref().map(|flight| flight.job) else {
            return Heard::Final;
        };
        match (job, line) {
            (Job::Open(key) | Job::Switch { key, .. } | Job::Resume(key), Final::Connect) => {
                if let Some(slot) = self.slot(key) {
                    slot.opened();
                }
                if let Some(part) = self.parts.streams {
                    part.begin(self, key);
                }
                Heard::Connected
            }
            (Job::Switch { key, mode }, Final::Ok) => {
                let Some(slot) = self.slot(key) else {
                    return Heard::Final;
                };
                slot.set_mode(mode);
                let id = slot.id;
                self.set_pushing(id, mode == AccessMode::DirectPush);
                Heard::Final
            }
            _ => Heard::Final,
        }
    }

    fn switch_done(&mut self, key: Key, outcome: Outcome) {
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(_) | Outcome::SendFail => {}
            // In which mode it is now, and whose the bytes on the line are, is anybody's guess.
            Outcome::NoAnswer => {
                slot.fail(Error::DataLost);
                self.link.doubt_line();
            }
            Outcome::Refused(reason) => {
                let to_line = slot.wanted_mode == Some(AccessMode::Transparent);
                if to_line && !slot.resume && slot.was_transparent {
                    slot.resume = true;
                    return;
                }
                slot.resume = false;
                slot.wanted_mode = None;
                slot.mode_refused = Some(reason.code());
                // It may be closed.
                slot.doubted = true;
                slot.writer.wake();
                self.check_context(reason.code());
            }
        }
    }

    /// Asks for another access mode.
    pub(crate) fn want_mode(&mut self, key: Key, mode: AccessMode) -> Result<(), Error> {
        self.enable(mode);
        let Some(slot) = self.slot(key) else {
            return Err(Error::Closed);
        };
        if mode == AccessMode::Transparent
            && !matches!(slot.service, ServiceType::Tcp | ServiceType::TcpIncoming)
        {
            return Err(Error::Unsupported);
        }
        slot.mode_refused = None;
        slot.suspended = false;
        slot.wanted_mode = Some(mode).filter(|_| mode != slot.mode);
        let transparent = slot.mode == AccessMode::Transparent;
        if slot.wanted_mode.is_some() {
            if transparent {
                self.receiver.wake();
            }
            self.kick();
        }
        Ok(())
    }

    /// Ready when the module has taken up the access mode that was asked for last.
    pub(crate) fn poll_mode(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(code) = slot.mode_refused.take() {
            return Poll::Ready(Err(Error::from_code(code)));
        }
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        if slot.wanted_mode.is_none() {
            return Poll::Ready(Ok(()));
        }
        slot.writer.register(waker);
        Poll::Pending
    }

    pub(crate) fn mode(&mut self, key: Key) -> AccessMode {
        self.slot(key).map_or(AccessMode::Buffer, |slot| slot.mode)
    }

    /// The link, as users see it.
    pub(crate) fn link_state(&self) -> LinkState {
        match self.link.state() {
            LinkState::Up if self.stream.is_some() => LinkState::Occupied,
            state => state,
        }
    }

    // ---- transparent access mode -------------------------------------------------------------------------------------

    /// Takes in what came over a line that belongs to a connection, and says how much of it. `None`: the line is the
    /// module's again.
    pub(crate) fn stream_in(&mut self, epoch: u8, bytes: &[u8]) -> Option<usize> {
        let part = self.stream.as_ref().filter(|_| epoch == self.epoch)?.part;
        part.take_in(self, bytes)
    }

    /// Whether what goes out over a line that belongs to a connection has to leave the UART driver before anything else
    /// can: nothing waits behind the next `count` bytes.
    pub(crate) fn is_last(&mut self, key: Key, count: usize) -> bool {
        self.stream.is_none() || self.slot(key).is_none_or(|slot| slot.tx.len() <= count)
    }

    /// The runner has written to a line that belongs to a connection, or could not.
    pub(crate) fn written(&mut self, key: Key, count: usize, is_done: bool, now: Instant) {
        let Some(part) = self.stream.as_ref().map(|stream| stream.part) else {
            return;
        };
        if is_done {
            part.carried(self, key, count, now);
        } else {
            part.stuck(self);
        }
    }

    /// What the DCD line says about data mode, if it is wired.
    pub(crate) fn carrier(&mut self, carrier: Option<bool>) {
        if let Some(part) = self.stream.as_ref().map(|stream| stream.part) {
            part.carrier(self, carrier);
        }
    }

    /// Whether the serial line may be given to one connection: nobody waits for a word of the module, and nobody's data
    /// would follow the word that gives the line back.
    pub(super) fn prepares_line(&mut self) -> bool {
        let mut ready = !self.lookup.is_asked();
        for slot in self.slots() {
            ready &= slot.phase != Phase::Opening;
            if slot.phase == Phase::Open
                && slot.mode == AccessMode::DirectPush
                && !slot.is_listener()
            {
                ready = false;
                slot.wanted_mode.get_or_insert(AccessMode::Buffer);
                slot.suspended = true;
            }
        }
        ready
    }

    /// The line is the module's again: it may push as before.
    pub(super) fn resume_pushes(&mut self) {
        for slot in self.slots() {
            if core::mem::take(&mut slot.suspended) && slot.phase == Phase::Open {
                slot.wanted_mode = Some(AccessMode::DirectPush);
            }
        }
    }
}

/// Longer than any answer takes that the module gives at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// The longest pause within what a module pushes, unless the host holds it back.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// A pushed payload on its way.
#[derive(Debug)]
pub(super) struct Arrival {
    key: Key,
    /// Since when nothing of it has come, as far as that was looked at.
    quiet_since: Instant,
}

impl Arrival {
    fn new(key: Key) -> Self {
        Self {
            key,
            quiet_since: NEVER,
        }
    }
}

impl Slot<'_> {
    /// Whether the next transaction may give the serial line to this socket.
    pub(super) fn wants_line(&self) -> bool {
        match self.phase {
            Phase::Wanted => self.mode == AccessMode::Transparent,
            _ => self.wanted_mode == Some(AccessMode::Transparent),
        }
    }

    /// Whether what comes unasked has a place here.
    pub(super) fn takes_pushes(&self) -> bool {
        self.is_kept()
            && matches!(self.phase, Phase::Opening | Phase::Open | Phase::Draining)
            && self.fault.is_none()
    }

    /// Whether payload has a place here.
    pub(super) fn takes(&self, pushed: bool) -> bool {
        if pushed {
            self.takes_pushes()
        } else {
            self.is_live() && (self.is_kept() || self.is_datagram())
        }
    }

    /// Takes in bytes of a stream, as many as there is room for.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> usize {
        let taken = self.rx.push(bytes);
        self.received = self.received.wrapping_add(taken as u32);
        self.awaited = false;
        self.reader.wake();
        taken
    }

    /// On the way to another access mode: first what the module holds in the present one, as far as there is room.
    fn switch(&mut self, key: Key, mode: AccessMode) -> Job {
        let room = self.rx.free().min(MAX_READ_LENGTH);
        let has_room = if self.is_datagram() {
            self.has_room()
        } else {
            room > 0
        };
        if self.mode == AccessMode::Buffer && self.unread && has_room {
            let length = if self.is_datagram() {
                MAX_READ_LENGTH
            } else {
                room
            };
            return self.read(key, length as u16);
        }
        if self.resume {
            return Job::Resume(key);
        }
        Job::Switch { key, mode }
    }

    /// The module has taken up another access mode, other than the transparent one.
    pub(super) fn set_mode(&mut self, mode: AccessMode) {
        self.recount_received |= self.mode != AccessMode::Buffer;
        self.recount_sent |= self.mode == AccessMode::Transparent;
        self.was_transparent |= self.mode == AccessMode::Transparent;
        self.mode = mode;
        self.wanted_mode = None;
        self.resume = false;
        // It may have kept something back, if that is still of use to anyone.
        if !self.shutdown {
            self.notice(None);
        }
        self.writer.wake();
    }
}
