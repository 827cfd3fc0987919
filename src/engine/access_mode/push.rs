//! Data that the module sends unasked (1.2), and a full receive ring that holds up the UART.

use embassy_time::{Duration, Instant};

use crate::engine::sockets::key::Key;
use crate::engine::wakes::{Room, Signal, WakeSet};
use crate::util::time::{NEVER, after, get_or_set};

/// Longer than the module takes to any answer that it gives at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// The longest pause within a pushed payload, unless the host holds it up.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// A pushed payload that is not complete.
#[derive(Debug)]
struct PendingPush {
    key: Key,
    /// Since when nothing of it has come, as far as the scheduler has looked.
    quiet_since: Instant,
}

#[derive(Debug)]
pub(crate) struct Push<'d> {
    pending: Option<PendingPush>,
    /// The socket whose full receive ring holds up the UART.
    stall: Option<Key>,
    /// When the UART was held up last.
    stalled_at: Instant,
    /// The receiving half of the runner.
    receiver: Signal<'d>,
}

impl<'d> Push<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            pending: None,
            stall: None,
            stalled_at: Instant::MIN,
            receiver: Signal::new(wakes, Room::Receiver),
        }
    }

    /// The header of a payload for this socket has come.
    pub(crate) fn begin(&mut self, sink: Option<Key>) {
        self.pending = sink.map(|key| PendingPush {
            key,
            quiet_since: NEVER,
        });
    }

    /// Some of the payload has come.
    pub(crate) const fn on_bytes(&mut self, is_last: bool) {
        if is_last {
            self.pending = None;
        } else if let Some(pending) = &mut self.pending {
            pending.quiet_since = NEVER;
        }
    }

    /// The payload is given up. Returns the socket that it was for.
    pub(crate) fn give_up(&mut self) -> Option<Key> {
        self.stall = None;
        self.receiver.wake();
        self.pending.take().map(|pending| pending.key)
    }

    /// A module sends a pushed payload in one go: one that stops is never completed, and what comes next is something else.
    /// Returns when to look again; an instant that is not after `now` means that the payload has to be given up.
    pub(crate) fn watch(&mut self, now: Instant) -> Instant {
        let Some(pending) = &mut self.pending else {
            return NEVER;
        };
        if self.stall.is_some() {
            pending.quiet_since = NEVER;
            return NEVER;
        }
        after(get_or_set(&mut pending.quiet_since, now), LONGEST_GAP)
    }

    // ---- a full receive ring -------------------------------------------------------------------------------------

    /// The receive ring of this socket has no room for what comes.
    pub(crate) const fn stall(&mut self, key: Key) {
        self.stall = Some(key);
    }

    pub(crate) const fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// There is room in the receive ring of this socket, or its data is dropped from now on.
    pub(crate) fn release_stall(&mut self, key: Key) {
        if self.stall == Some(key) {
            self.stall = None;
            self.receiver.wake();
        }
    }

    /// The stalled UART may wait until `until`. `Err`: the time is over for this socket.
    pub(crate) fn poll_room(&mut self, until: Instant, now: Instant) -> Result<(), Option<Key>> {
        self.stalled_at = now;
        if now >= until {
            return Err(self.stall.take());
        }
        Ok(())
    }

    /// The receiving half of the runner has to look at the time again.
    pub(crate) fn wake_receiver(&mut self) {
        self.receiver.wake();
    }

    /// When the transaction in flight has to be over: no answer comes through a UART that is held up, nor in front of the
    /// end of a pushed payload.
    pub(crate) fn deadline(&self, started: Instant, limit: Duration, now: Instant) -> Instant {
        if self.stall.is_some() {
            return after(now, limit);
        }
        let until = after(started.max(self.stalled_at), limit);
        match self.pending {
            Some(_) => after(until, ANSWER_TIME),
            None => until,
        }
    }
}
