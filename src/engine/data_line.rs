//! The UART as the data line of one connection (transparent access mode): what its beginning and its end mean to the others.

use super::access_mode::end_marker::EndMarker;
use super::access_mode::transparent::{Next, Transparent};
use super::exchange::job::Action;
use super::sockets::key::Key;
use super::sockets::slot::Phase;
use super::state::Engine;
use crate::at::AccessMode;
use crate::error::Error;
use crate::util::slices::front;

/// Bytes of the longest URC that matters after the end of data mode.
const LONGEST_URC: usize = 96;

impl Engine<'_> {
    /// Returns whether the slot may have its turn: not if its next transaction starts data mode and that is not possible now.
    /// It is possible when no result URC is outstanding, and no socket is in direct push mode, whose data could follow the `OK`
    /// that ends data mode. Sockets in direct push mode are asked to change to buffer mode.
    pub(super) fn prepare_line(&mut self, turn: usize) -> bool {
        if !self.sockets.at(turn).is_some_and(|slot| slot.wants_line()) {
            return true;
        }
        #[cfg(feature = "dns")]
        let mut is_ready = !self.dns.is_pending();
        #[cfg(not(feature = "dns"))]
        let mut is_ready = true;
        for slot in self.sockets.iter_mut() {
            is_ready &= slot.makes_way();
        }
        is_ready
    }

    /// `CONNECT`: from the next byte on everything is data.
    pub(super) fn begin_transparent(&mut self, key: Key) {
        if let Some(slot) = self.sockets.get_mut(key) {
            slot.on_opened();
            self.link.clear_context_errors();
            self.transparent = Some(Transparent::begin(slot));
        }
        self.link.on_occupied();
        self.wake_runner();
    }

    /// Takes bytes that came over a data line. Returns how many; `None` if the UART is no data line any more.
    pub(crate) fn stream_in(&mut self, epoch: u8, bytes: &[u8]) -> Option<usize> {
        if epoch != self.exchange.epoch {
            return None;
        }
        let line = self.transparent.as_mut()?;
        let key = line.key;
        let received = line.receive(self.sockets.get_mut(key), bytes);
        self.count_dropped_bytes(received.dropped);
        if received.stalls {
            self.push.stall(key);
        }
        if received.wakes {
            self.wake_runner();
        }
        Some(received.taken)
    }

    /// What to do for the connection that has the UART, if one has.
    pub(super) fn next_transparent(&mut self) -> Option<Action> {
        let has_dtr = self.link.has_dtr();
        let line = self.transparent.as_mut()?;
        let slot = self.sockets.get_mut(line.key);
        let next = line.next(slot, has_dtr, &self.env);
        Some(self.apply_transparent(next))
    }

    fn apply_transparent(&mut self, next: Next) -> Action {
        let Some(key) = self.transparent.as_ref().map(|line| line.key) else {
            return Action::Wait(self.env.now);
        };
        match next {
            Next::Act(action) => return action,
            Next::Escape(escape) => {
                self.push.wake_receiver();
                return Action::Escape(escape);
            }
            Next::Escaped => self.on_escaped(key),
            Next::Ended => self.on_data_ended(key),
            Next::Restarted => {
                let _ = self.on_restart();
            }
            Next::LineLost(error) => self.on_line_lost(key, error),
        }
        Action::Wait(self.env.now)
    }

    /// The runner has written `count` bytes to the data line, or could not for too long.
    pub(crate) fn written(&mut self, key: Key, count: usize, is_done: bool) {
        let Some(line) = &mut self.transparent else {
            return;
        };
        if !is_done {
            let next = Next::LineLost(Some(Error::TimedOut));
            self.apply_transparent(next);
        } else if let Some(slot) = self.sockets.get_mut(key) {
            line.on_written(slot, count, self.env.now);
        }
    }

    /// What the DCD line says about data mode, if it is wired.
    pub(crate) fn carrier(&mut self, carrier: Option<bool>) {
        let Some(line) = &self.transparent else {
            return;
        };
        let slot = self.sockets.get_mut(line.key);
        if let Some(next) = line.on_carrier(slot, carrier) {
            self.apply_transparent(next);
        }
    }

    // ---- the end of data mode ------------------------------------------------------------------------------------

    /// The module has left data mode; the connection is in buffer access mode.
    fn on_escaped(&mut self, key: Key) {
        if let Some(slot) = self.sockets.get_mut(key) {
            let wanted = slot.mode.wanted;
            let goes_on = slot.phase == Phase::Open && !slot.is_write_ended() && slot.has_handle();
            slot.set_mode(AccessMode::Buffer);
            slot.mode.wanted = match wanted {
                // It was left to find out what the newest bytes are: they were data.
                None if goes_on => Some(AccessMode::Transparent),
                Some(AccessMode::DirectPush) => wanted,
                _ => None,
            };
        }
        self.end_data_line();
        self.replay_missed_urcs(Some((key, EndMarker::Escaped)));
    }

    /// `NO CARRIER`: the module has left data mode, because the connection has ended.
    fn on_data_ended(&mut self, key: Key) {
        if let Some(slot) = self.sockets.get_mut(key) {
            slot.set_mode(AccessMode::Buffer);
            slot.on_closed_by_peer();
        }
        self.end_data_line();
        self.replay_missed_urcs(Some((key, EndMarker::Ended)));
        // `+++` may stand before the next command.
        self.link.start_check();
    }

    /// It is not known whether the module is in data mode: the connection fails, and the link is checked.
    fn on_line_lost(&mut self, key: Key, error: Option<Error>) {
        if let (Some(slot), Some(error)) = (self.sockets.get_mut(key), error) {
            slot.give_withheld();
            slot.fail(error);
        }
        self.end_data_line();
        self.replay_missed_urcs(None);
        self.link.expect_data_mode();
    }

    fn end_data_line(&mut self) {
        self.transparent = None;
        self.link.on_occupied();
        for slot in self.sockets.iter_mut() {
            slot.end_suspension();
        }
        self.give_up_payload();
        self.wake_runner();
    }

    /// In data mode no URC came through. Those after the marker that ended it, at the end of the data of a connection, are
    /// handled now; for everything else the module is asked.
    fn replay_missed_urcs(&mut self, end: Option<(Key, EndMarker)>) {
        for slot in self.sockets.iter_mut().filter(|slot| slot.is_open()) {
            if end.is_none_or(|(key, _)| key != slot.key) {
                slot.receive.mark_readable();
                slot.check_state();
            }
        }
        let Some((key, marker)) = end else { return };
        let mut offset = marker.text().len();
        let mut line = [0; LONGEST_URC];
        while let Some((length, behind)) = self
            .sockets
            .get(key)
            .and_then(|slot| slot.withheld_line(offset, &mut line))
        {
            offset = behind;
            let _ = self.on_line(front(&line, length));
        }
        let Some(slot) = self.sockets.get_mut(key) else {
            return;
        };
        let goes_on = slot.is_live() && slot.is_kept() && !slot.is_write_ended();
        if marker == EndMarker::Escaped && goes_on {
            // It may have been the peer's.
            self.exchange.escaped = Some(key);
        } else {
            slot.drop_withheld();
        }
    }

    /// The first transaction after an escape has ended. An `OK` too many has shown before that the one that ended data mode
    /// was data; without an answer the module is still in data mode, and the peer has got the command.
    pub(super) fn end_escape(&mut self, is_answered: bool) {
        let key = self.exchange.escaped.take();
        let Some(slot) = key.and_then(|key| self.sockets.get_mut(key)) else {
            return;
        };
        if is_answered {
            slot.drop_withheld();
        } else {
            slot.give_withheld();
            slot.fail(Error::DataLost);
            self.link.expect_data_mode();
        }
    }

    /// An `OK` that belongs to no transaction: after an escape it is the answer to that.
    pub(super) fn on_late_ok(&mut self) {
        let key = self.exchange.escaped.take();
        if let Some(slot) = key.and_then(|key| self.sockets.get_mut(key)) {
            slot.give_withheld();
        }
    }
}
