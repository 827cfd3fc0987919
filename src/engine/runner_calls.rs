//! What the runner has to know of the UART: time limits, a receive ring that holds it up, payload to be written.

use embassy_time::{Duration, Instant};

use super::sockets::key::Key;
use super::state::Engine;
use crate::util::slices::behind_mut;
#[cfg(feature = "sleep")]
use crate::util::time::NEVER;
use crate::util::time::after;

/// Modules have been seen to stop for 12 s within a payload (quirk 129).
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl Engine<'_> {
    /// How long the module has to stay awake, if nothing is to be done any more; `NEVER` if it may not sleep.
    #[cfg(feature = "sleep")]
    pub(crate) fn awake_until(&self) -> Instant {
        #[cfg(feature = "transparent")]
        if self.transparent.is_some() {
            return NEVER;
        }
        if self.link.may_sleep() && !self.incoming.is_coming() {
            after(self.env.now, self.env.config.awake_time)
        } else {
            NEVER
        }
    }

    /// When that has to be over. The time in which the module cannot be heard does not count, so that the instant can move.
    pub(crate) fn deadline(&self) -> Instant {
        #[cfg(feature = "push")]
        let until = self
            .push
            .deadline(self.exchange.started, self.exchange.limit, self.env.now);
        #[cfg(not(feature = "push"))]
        let until = after(self.exchange.started, self.exchange.limit);
        #[cfg(feature = "push")]
        if self.push.is_stalled() {
            return until;
        }
        if self.incoming.is_coming() {
            after(until, LONGEST_PAUSE)
        } else {
            until
        }
    }

    // ---- payload to be written -----------------------------------------------------------------------------------

    /// The payload of the transaction in flight is about to be written. Returns whether the module takes it.
    pub(crate) fn begin_payload(&mut self) -> bool {
        let limit = self.env.config.send_time;
        self.exchange.begin_payload(limit, self.env.now)
    }

    /// Whether the module takes payload.
    pub(crate) fn wants_payload(&self) -> bool {
        #[cfg(feature = "transparent")]
        if self.transparent.is_some() {
            return true;
        }
        self.exchange.wants_payload()
    }

    /// Fills `piece` with the payload that is being written, from `offset` on. Returns false if the module takes none.
    pub(crate) fn payload_piece(&self, key: Key, offset: usize, piece: &mut [u8]) -> bool {
        if !self.wants_payload() {
            return false;
        }
        let count = self.peek(key, offset, piece);
        // If the socket is gone the module still counts bytes.
        behind_mut(piece, count).fill(0);
        true
    }

    /// Copies bytes of the payload that is being written, from `offset` on. Returns how many.
    pub(crate) fn peek(&self, key: Key, offset: usize, into: &mut [u8]) -> usize {
        self.sockets
            .get(key)
            .map_or(0, |slot| slot.tx.peek(slot.payload_offset() + offset, into))
    }

    /// Whether the next `count` bytes are the last ones that the socket has to send for now.
    #[cfg(feature = "transparent")]
    pub(crate) fn is_last(&self, key: Key, count: usize) -> bool {
        let slot = self.sockets.get(key);
        slot.is_none_or(|slot| slot.tx.len() <= count)
    }

    // ---- a full receive ring -------------------------------------------------------------------------------------

    /// While a full receive ring holds up the UART, which began at `since`: when to look again, at the latest. The receiving
    /// half of the runner is woken when there may be room, or less time. When the time is over the connection fails.
    #[cfg(feature = "push")]
    pub(crate) fn stall_deadline(&mut self, since: Instant) -> Option<Instant> {
        if !self.push.is_stalled() {
            return None;
        }
        #[cfg(feature = "transparent")]
        let since = match &self.transparent {
            // In data mode only this connection uses the UART.
            Some(line) => line
                .escaped_at()
                .map_or(crate::util::time::NEVER, |at| at.max(since)),
            None => since,
        };
        let until = after(since, self.env.config.stall_time);
        if let Err(key) = self.push.stall_deadline(until, self.env.now) {
            self.overrun(key);
        }
        Some(until)
    }

    /// The time that a receive ring may hold up the UART is over.
    #[cfg(feature = "push")]
    fn overrun(&mut self, key: Option<Key>) {
        if let Some(slot) = key.and_then(|key| self.sockets.get_mut(key)) {
            #[cfg(feature = "udp")]
            if slot.is_datagram() {
                slot.datagrams.drop_until_room = true;
                return self.wake_runner();
            }
            slot.fail(crate::error::Error::Overrun);
        }
        self.wake_runner();
    }
}
