//! Data that the module sends without being asked (section 1.2), and what a full receive ring does then.

use core::net::SocketAddr;
use core::task::Waker;

use embassy_time::{Duration, Instant};

use crate::at::{AccessMode, ConnectId};
use crate::engine::Engine;
use crate::engine::exchange::job::Key;
use crate::engine::input::{LineKind, Payload};
use crate::engine::sockets::datagram::DatagramPart;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;
use crate::util::time::{NEVER, after, get_or_set};

/// Longer than any answer takes that the module gives at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// The longest pause within what a module pushes, unless the host holds it back.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// A pushed payload on its way.
#[derive(Debug)]
pub(crate) struct PendingPush {
    key: Key,
    /// Since when nothing of it has come, as far as that was looked at.
    quiet_since: Instant,
}

impl PendingPush {
    fn new(key: Key) -> Self {
        Self {
            key,
            quiet_since: NEVER,
        }
    }
}

impl Engine<'_> {
    // ---- pushed data (section 1.2) ---------------------------------------------------------------------------------

    /// Whether the data of this connectID comes unasked.
    pub(crate) fn pushes(&self, id: ConnectId) -> bool {
        self.pushing & (1 << id.get()) != 0
    }

    pub(crate) fn set_pushing(&mut self, id: ConnectId, pushes: bool) {
        let bit = 1 << id.get();
        self.pushing = self.pushing & !bit | if pushes { bit } else { 0 };
    }

    /// The header of data that follows at once.
    pub(crate) fn pushed(
        &mut self,
        id: ConnectId,
        length: u32,
        peer: Option<SocketAddr>,
    ) -> LineKind {
        let damaged = self.line_damaged;
        let sink = self
            .slot_by_id(
                id,
                Phase::Opening.bit() | Phase::Open.bit() | Phase::Draining.bit(),
            )
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
            self.arrival = payload.sink.map(PendingPush::new);
            self.wake_runner();
        } else {
            // An empty datagram.
            self.deliver(payload, &[]);
            return LineKind::Nothing;
        }
        LineKind::Payload(payload)
    }

    /// The payload under way does not end where its header said.
    pub(crate) fn on_framing_error(&mut self, payload: Payload) {
        if payload.pushed {
            self.distrust_pushed();
        } else {
            self.damaged();
        }
    }

    /// Bytes were lost on the serial line, and may have been those of any stream whose data comes unasked.
    pub(crate) fn distrust_pushed(&mut self) {
        if let Some(part) = self.parts.modes {
            part.fail_if_corrupt(self);
        }
    }

    pub(crate) fn distrust_streams(&mut self) {
        for slot in self.slots() {
            if slot.takes_pushes() && slot.mode != AccessMode::Buffer && !slot.is_datagram() {
                slot.fail(Error::DataLost);
            }
        }
    }

    /// A payload that is half here is given up: what comes from now on is something else.
    pub(crate) fn give_up_payload(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if let (Some(arrival), Some(part)) = (self.arrival.take(), self.parts.modes) {
            part.give_up(self, arrival.key);
        }
        self.stall = None;
        self.receiver.wake();
    }

    pub(crate) fn give_up_arrival(&mut self, key: Key) {
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
    pub(crate) fn watch_arrival(&mut self, now: Instant) -> Instant {
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
    #[cfg(test)]
    pub(crate) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// While a full receive ring holds up the serial line, which began at `since`: when to look again, at the latest.
    /// `waker` is woken when there may be room again, or less time to wait for it. When that time has come the connection
    /// fails.
    pub(crate) fn poll_room(
        &mut self,
        since: Instant,
        now: Instant,
        waker: &Waker,
    ) -> Option<Instant> {
        self.stall?;
        self.parts.modes?.poll_room(self, since, now, waker)
    }

    pub(crate) fn wait_for_room(
        &mut self,
        since: Instant,
        now: Instant,
        waker: &Waker,
    ) -> Option<Instant> {
        self.stalled_at = now;
        let since = match &self.stream {
            // Nobody but the connection itself needs the line.
            Some(stream) => stream.escaped_at().map_or(NEVER, |at| at.max(since)),
            None => since,
        };
        let until = after(since, self.config.stall_time);
        if now >= until {
            self.overrun();
            return Some(until);
        }
        self.receiver.register(waker);
        Some(until)
    }

    /// Somebody has taken something out of a receive ring, or does not want it any more.
    pub(crate) fn release_stall(&mut self, key: Key) {
        if self.stall == Some(key) {
            self.stall = None;
            self.receiver.wake();
        }
    }

    /// The time that the serial line may be held up is over.
    fn overrun(&mut self) {
        if let Some(slot) = self.stall.take().and_then(|key| self.slot(key)) {
            if slot.is_datagram() {
                slot.drop_until_room = true;
            } else {
                slot.fail(Error::Overrun);
            }
        }
        self.wake_runner();
    }

    /// Until when to wait for what the runner is doing, if that is not over by `now`.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        let (since, limit) = self.deadline_start;
        match self.parts.modes {
            Some(part) => part.deadline(self, now),
            None => after(since, limit),
        }
    }

    /// An answer does not come through a line that is held up, nor before the end of what is being pushed.
    pub(crate) fn pushed_patience(&self, now: Instant) -> Instant {
        let (since, limit) = self.deadline_start;
        if self.stall.is_some() {
            return after(now, limit);
        }
        let until = after(since.max(self.stalled_at), limit);
        match self.arrival {
            Some(_) => after(until, ANSWER_TIME),
            None => until,
        }
    }
}

impl Slot<'_> {
    /// Whether what comes unasked has a place here.
    pub(crate) fn takes_pushes(&self) -> bool {
        self.is_kept()
            && matches!(self.phase, Phase::Opening | Phase::Open | Phase::Draining)
            && self.fault.is_none()
    }

    /// Whether payload has a place here.
    pub(crate) fn takes(&self, pushed: bool) -> bool {
        if pushed {
            self.takes_pushes()
        } else {
            self.is_live() && (self.is_kept() || self.is_datagram())
        }
    }

    /// Takes in bytes of a stream, as many as there is room for.
    pub(crate) fn take_in(&mut self, bytes: &[u8]) -> usize {
        let taken = self.rx.push(bytes);
        self.received = self.received.wrapping_add(taken as u32);
        self.awaited = false;
        self.reader.wake();
        taken
    }
}
