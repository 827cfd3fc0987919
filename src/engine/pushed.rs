//! Pushed data (1.2): its headers, a payload that stops, and bytes that were lost.

use core::net::SocketAddr;

use embassy_time::Instant;

use super::line::{LineKind, Payload};
use super::sockets::key::Key;
use super::state::Engine;
use crate::at::{AccessMode, ConnectId};
use crate::error::Error;
use crate::util::time::NEVER;

impl Engine<'_> {
    /// The header of pushed data, which follows at once.
    pub(super) fn on_pushed_header(
        &mut self,
        id: ConnectId,
        length: u32,
        peer: Option<SocketAddr>,
    ) -> LineKind {
        let is_damaged = self.exchange.line_damaged;
        let slot = self
            .sockets
            .by_id(id, |slot| slot.is_opening() || slot.is_live());
        let sink = slot.as_ref().map(|slot| slot.key);
        if let Some(slot) = slot {
            slot.receive.recheck.reset_fruitless();
            #[cfg(feature = "udp")]
            if slot.is_datagram() && (is_damaged || !slot.on_pushed_datagram_header(length, peer)) {
                self.count_dropped_datagrams(1);
            }
        }
        #[cfg(not(feature = "udp"))]
        let _ = (is_damaged, peer);
        let payload = Payload {
            sink,
            // No module pushes more at once. Of one that did, the rest would be taken for lines.
            length: length.min(u16::MAX.into()) as u16,
            pushed: true,
        };
        if length == 0 {
            // An empty datagram.
            self.deliver(payload, &[]);
            return LineKind::Handled;
        }
        self.push.begin(payload.sink);
        self.wake_runner();
        LineKind::Header(payload)
    }

    /// Some of a pushed payload has come.
    pub(crate) const fn arrived(&mut self, is_last: bool) {
        self.push.on_bytes(is_last);
    }

    /// Looks after a pushed payload that is not complete. Returns when to look again.
    pub(super) fn watch_pushed(&mut self, now: Instant) -> Instant {
        let until = self.push.watch(now);
        if now < until {
            return until;
        }
        self.give_up_payload();
        NEVER
    }

    /// The rest of a pushed payload will not come.
    pub(super) fn give_up_pushed(&mut self, key: Key) {
        let Some(slot) = self.sockets.get_mut(key) else {
            return;
        };
        #[cfg(feature = "udp")]
        if slot.is_datagram() {
            if slot.drop_partial_datagram() {
                self.count_dropped_datagrams(1);
            }
            return;
        }
        slot.fail(Error::DataLost);
    }

    /// Bytes were lost that may have belonged to any stream whose data comes unasked.
    pub(super) fn fail_pushed_streams(&mut self) {
        for slot in self.sockets.iter_mut() {
            let is_stream = slot.access_mode() != AccessMode::Buffer && !slot.is_datagram();
            if is_stream && slot.takes_pushed() {
                slot.fail(Error::DataLost);
            }
        }
    }

    /// The connection does not hold up the UART any more.
    pub(super) fn release_stall(&mut self, key: Key) {
        self.push.release_stall(key);
    }
}
