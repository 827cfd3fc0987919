//! Payload of the module on its way into the receive rings, and what the loss of bytes on the UART means.

use super::exchange::job::Job;
use super::line::Payload;
use super::sockets::slot::{Phase, Slot};
use super::state::Engine;
use crate::error::Error;

impl Engine<'_> {
    /// Takes payload bytes. Returns how many: of pushed payload less than all, or none, while there is no room.
    pub(crate) fn deliver(&mut self, payload: Payload, bytes: &[u8]) -> usize {
        let Some(slot) = payload
            .sink
            .and_then(|key| self.sockets.get_mut(key))
            .filter(|slot| slot.takes(payload.pushed))
        else {
            self.count_dropped_bytes(bytes.len());
            return bytes.len();
        };
        #[cfg(feature = "udp")]
        if slot.is_datagram() {
            return self.deliver_datagram(payload, bytes);
        }
        let taken = slot.take_in(bytes);
        if taken == bytes.len() {
            return taken;
        }
        #[cfg(feature = "push")]
        if payload.pushed {
            self.push.stall(slot.key);
            return taken;
        }
        // More than was asked for.
        slot.fail(Error::DataLost);
        self.count_dropped_bytes(bytes.len() - taken);
        bytes.len()
    }

    #[cfg(feature = "udp")]
    fn deliver_datagram(&mut self, payload: Payload, bytes: &[u8]) -> usize {
        let Some(slot) = payload.sink.and_then(|key| self.sockets.get_mut(key)) else {
            return bytes.len();
        };
        #[cfg(feature = "push")]
        if payload.pushed {
            use super::sockets::datagram::Pushed;
            match slot.take_in_pushed(bytes) {
                Pushed::Waits => {
                    self.push.stall(slot.key);
                    return 0;
                }
                Pushed::Taken { count, is_lost } => {
                    self.count_dropped_datagrams(is_lost.into());
                    self.count_dropped_bytes(bytes.len() - count);
                    return bytes.len();
                }
            }
        }
        let taken = slot.extend_datagram(bytes);
        self.count_dropped_bytes(bytes.len() - taken);
        bytes.len()
    }

    /// Bytes of an overlong line were skipped.
    pub(crate) fn skipped(&mut self, count: usize) {
        self.statistics.skipped_bytes = self.statistics.skipped_bytes.wrapping_add(count as u32);
    }

    /// The user's URC channel had no room for a line.
    pub(crate) fn dropped_urc(&mut self) {
        self.statistics.dropped_urcs = self.statistics.dropped_urcs.wrapping_add(1);
    }

    // ---- echo ----------------------------------------------------------------------------------------------------

    /// Returns how many bytes at the start of `bytes` are the echo of the payload that is being written.
    pub(crate) fn payload_echo(&mut self, bytes: &[u8]) -> usize {
        self.exchange.payload_echo(bytes, &self.sockets)
    }

    /// While it is not known whether the module echoes payload: whether this line is the first line of the payload.
    pub(crate) fn is_echo_line(&mut self, line: &[u8]) -> bool {
        self.exchange.is_echo_line(line, &self.sockets)
    }

    // ---- lost bytes ----------------------------------------------------------------------------------------------

    /// The UART driver has reported an error while receiving.
    pub(crate) fn serial_error(&mut self) {
        self.statistics.serial_errors = self.statistics.serial_errors.wrapping_add(1);
        self.exchange.mark_damaged();
        self.exchange.line_damaged = true;
        // The reader must not see what comes behind the gap.
        if let Some(Job::Read { key, .. }) = self.exchange.job() {
            if let Some(slot) = self.sockets.get_mut(key).filter(|slot| !slot.is_datagram()) {
                slot.fail(Error::DataLost);
            }
        }
        // Nor must a datagram be completed with it.
        #[cfg(feature = "udp")]
        {
            let slots = self.sockets.iter_mut().filter(|slot| slot.is_datagram());
            let dropped = slots
                .map(|slot| u32::from(slot.drop_partial_datagram()))
                .sum();
            self.count_dropped_datagrams(dropped);
        }
        #[cfg(feature = "push")]
        self.fail_pushed_streams();
    }

    /// Bytes of the answer were lost, or may have been.
    #[cfg(test)]
    pub(crate) fn damaged(&mut self) {
        self.exchange.mark_damaged();
    }

    /// The payload under way does not end where its header said.
    pub(crate) fn on_framing_error(&mut self, payload: Payload) {
        #[cfg(feature = "push")]
        if payload.pushed {
            return self.fail_pushed_streams();
        }
        let _ = payload;
        self.exchange.mark_damaged();
    }
}

impl Slot<'_> {
    /// Whether payload that comes unasked has a place in the ring.
    pub(super) fn takes_pushed(&self) -> bool {
        self.is_kept()
            && matches!(self.phase, Phase::Opening | Phase::Open | Phase::Draining)
            && self.fault.is_none()
    }

    /// Whether payload has a place in the ring.
    fn takes(&self, pushed: bool) -> bool {
        if pushed {
            self.takes_pushed()
        } else {
            self.is_live() && (self.is_kept() || self.is_datagram())
        }
    }
}
