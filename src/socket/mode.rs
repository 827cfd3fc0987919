//! Access modes: which sockets the module pushes data to, what a full ring does then, and changes on a live socket
//! (sections 1.2 and 2.1.10).

use core::net::SocketAddr;
use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};

use super::answer::{Final, Stage};
use super::hear::{Heard, Payload};
use super::job::{Job, Key, Outcome};
use super::slot::{Phase, Slot};
use super::turn::sooner;
use super::{LinkState, Table};
use crate::command::{AccessMode, ConnectId, ServiceType};
use crate::error::Error;

impl Table<'_> {
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
    pub(super) fn pushed(&mut self, id: ConnectId, length: u32, peer: Option<SocketAddr>) -> Heard {
        let sink = self
            .slot_by_id(id, |phase| {
                matches!(phase, Phase::Opening | Phase::Open | Phase::Draining)
            })
            .map(|(key, slot)| {
                slot.idle_rechecks = 0;
                (key, slot.expect_pushed(length, peer))
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
        if let Some(slot) = self
            .arrival
            .take()
            .and_then(|arrival| self.slot(arrival.key))
        {
            if !slot.is_datagram() {
                slot.fail(Error::DataLost);
            } else if slot.drop_partial_datagram() {
                self.dropped_datagram();
            }
        }
        self.stall = None;
        self.receiver.wake();
    }

    /// Some of a pushed payload has come.
    pub(crate) fn arrived(&mut self, is_last: bool) {
        if is_last {
            self.arrival = None;
        } else if let Some(arrival) = &mut self.arrival {
            arrival.quiet_since = None;
        }
    }

    /// A module sends what it pushes in one go: a payload that does not get on is never completed, and what comes next is
    /// something else.
    pub(super) fn watch_arrival(&mut self, now: Instant, wake_at: &mut Option<Instant>) {
        let Some(arrival) = &mut self.arrival else {
            return;
        };
        if self.stall.is_some() {
            arrival.quiet_since = None;
            return;
        }
        let until = *arrival.quiet_since.get_or_insert(now) + LONGEST_GAP;
        if now >= until {
            self.give_up_payload();
        } else {
            sooner(wake_at, until);
        }
    }

    // ---- a full receive ring ---------------------------------------------------------------------------------------

    /// Whether a full receive ring holds up the serial line.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// Whether a full receive ring holds up the serial line, and until when it may, if that began at `since`.
    pub(crate) fn stalled(&mut self, since: Instant, now: Instant) -> Option<Option<Instant>> {
        self.stall?;
        self.stalled_at = now;
        let since = match &self.stream {
            // Nobody but the connection itself needs the line.
            Some(stream) => stream.escaped_at().map(|at| at.max(since)),
            None => Some(since),
        };
        Some(since.map(|since| since + self.config.stall_time))
    }

    /// `waker` is woken when there may be room again, or less time to wait for it.
    pub(crate) fn watch_stall(&mut self, waker: &Waker) {
        self.receiver.register(waker);
    }

    /// Somebody has taken something out of a receive ring, or does not want it any more.
    pub(super) fn ease(&mut self, key: Key) {
        if self.stall == Some(key) {
            self.stall = None;
            self.receiver.wake();
        }
    }

    /// The time that the serial line may be held up is over.
    pub(crate) fn overrun(&mut self, now: Instant) {
        self.stalled_at = now;
        if let Some(slot) = self.stall.take().and_then(|key| self.slot(key)) {
            if slot.is_datagram() {
                slot.crowded = true;
            } else {
                slot.fail(Error::Overrun);
            }
        }
        self.kick();
    }

    /// How long to wait in all for an answer that has not come by `now` and may take `limit`: it does not come through a
    /// line that is held up, nor before the end of what is being pushed.
    pub(crate) fn deadline(&self, start: Instant, limit: Duration, now: Instant) -> Instant {
        if self.stall.is_some() {
            return now + limit;
        }
        let grace = match self.arrival {
            Some(_) => ANSWER_TIME,
            None => Duration::MIN,
        };
        start.max(self.stalled_at) + limit + grace
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
                self.begin_stream(key);
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

    pub(super) fn switch_done(&mut self, key: Key, outcome: Outcome) {
        let Some(slot) = self.slot(key) else { return };
        match outcome {
            Outcome::Done(_) | Outcome::SendFail => {}
            // In which mode it is now, and whose the bytes on the line are, is anybody's guess.
            Outcome::NoAnswer => {
                slot.fail(Error::DataLost);
                self.link.doubt_line();
            }
            Outcome::Refused(reason) => {
                let error = Error::from_code(reason.code());
                let to_line = slot.wanted_mode == Some(AccessMode::Transparent);
                if to_line && !slot.resume && slot.was_transparent {
                    slot.resume = true;
                    return;
                }
                slot.resume = false;
                slot.wanted_mode = None;
                slot.mode_refused = Some(error);
                // It may be closed.
                slot.doubted = true;
                slot.writer.wake();
                self.check_context(reason.code());
            }
        }
    }

    /// Asks for another access mode.
    pub(crate) fn want_mode(&mut self, key: Key, mode: AccessMode) -> Result<(), Error> {
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
        if let Some(error) = slot.mode_refused.take() {
            return Poll::Ready(Err(error));
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
    quiet_since: Option<Instant>,
}

impl Arrival {
    fn new(key: Key) -> Self {
        Self {
            key,
            quiet_since: None,
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

    /// What follows is so long, and comes from there. False for a datagram that is of no use to anyone.
    fn expect_pushed(&mut self, length: u32, peer: Option<SocketAddr>) -> bool {
        if !self.is_datagram() {
            return true;
        }
        // One whose bytes never came.
        let cut = self.drop_partial_datagram();
        let useful = self.service != ServiceType::UdpService || peer.is_some();
        self.arriving = u16::try_from(length)
            .ok()
            .filter(|_| useful)
            .map(|length| (length, peer));
        useful && !cut
    }

    /// Takes in pushed bytes of a datagram: how many of these were kept, and whether a datagram is lost. `None` while there
    /// is no room for it.
    pub(super) fn take_in_pushed(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        let mut lost = false;
        if let Some((length, peer)) = self.arriving {
            let begun = self.begin_datagram(length, peer);
            if !begun && !self.crowded && length > 0 && self.can_hold(length) {
                return None;
            }
            self.arriving = None;
            lost = !begun;
        }
        Some((self.extend_datagram(bytes), lost))
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
