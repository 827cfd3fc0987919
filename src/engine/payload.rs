//! Payload of the module on its way into the receive rings: whose it is, whether it is whole, and what the loss of bytes on the
//! UART means.
//!
//! A byte that was lost shifts what follows it into the payload. So the bytes of a read are the reader's only when its answer is
//! complete, and the last ones of a push only when the line end that has to follow them has come.

use embassy_time::{Duration, Instant};

use super::exchange::job::Job;
use super::exchange::outcome::Outcome;
use super::incoming::Stage;
use super::sockets::key::Key;
use super::sockets::slot::{Phase, Slot};
use super::state::Engine;
use super::statistics::count_loss;
use crate::at::AccessMode;
use crate::error::Error;
use crate::util::slices::front;
use crate::util::time::{NEVER, after, get_or_set};

/// Number of final bytes of a push that are withheld until the line end after the push is checked. If bytes were lost, that line
/// end lies among them: only what follows a carriage return is withheld.
const MAX_TRAILER: u16 = 8;
/// After a silence of this length nothing more belongs to a push that is complete.
const END_PAUSE: Duration = Duration::from_millis(60);
/// What comes after a longer pause within a push is not taken for the rest of it without proof.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// How lines of the module begin. One of them after a notice shows that it was no header (quirk 70).
const LINE_STARTS: [&[u8]; 10] = [
    b"\r\n+Q",
    b"\r\n+C",
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\nSEND ",
    b"\r\nCONNECT",
    b"\r\nRDY\r\n",
    b"\r\n> ",
    b"+QIURC: ",
    b"AT+Q",
];

impl<'d> Engine<'d> {
    /// Takes payload bytes. Returns how many: less than all, or none, if there is no space for pushed payload, or more bytes are
    /// needed to see whether it is payload.
    pub(crate) fn deliver(&mut self, bytes: &[u8]) -> usize {
        self.incoming.quiet_since = NEVER;
        #[cfg(feature = "push")]
        if let Stage::MayBeNotice(_) = self.incoming.stage {
            if LINE_STARTS.iter().any(|start| bytes.starts_with(start)) {
                self.on_notice_after_all();
                return 0;
            }
            if LINE_STARTS.iter().any(|start| start.starts_with(bytes)) {
                self.incoming.stage = Stage::MayBeNotice(bytes.len() as u16);
                // `watch_payload` begins its pause.
                self.wake_runner();
                return 0;
            }
            self.incoming.stage = Stage::Coming;
            #[cfg(feature = "udp")]
            if self.sink().is_some_and(|slot| slot.drops_pushed_datagram()) {
                self.count_dropped_datagrams(1);
            }
        }
        let bytes = front(bytes, self.incoming.left.into());
        let taken = self.store(bytes);
        self.incoming.left -= taken as u16;
        if self.incoming.left == 0 {
            self.incoming.stage = Stage::Complete(0);
            self.wake_runner();
        }
        taken
    }

    /// The socket that the payload is for.
    fn sink(&mut self) -> Option<&mut Slot<'d>> {
        self.sockets.get_mut(self.incoming.sink?)
    }

    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn store(&mut self, bytes: &[u8]) -> usize {
        let is_pushed = self.incoming.is_pushed();
        let slot = (self.incoming.sink).and_then(|key| self.sockets.get_mut(key));
        let Some(slot) = slot.filter(|slot| slot.takes(is_pushed)) else {
            self.count_dropped_bytes(bytes.len());
            return bytes.len();
        };
        #[cfg(feature = "udp")]
        if slot.is_datagram() {
            return self.store_datagram(bytes);
        }
        let taken = slot.rx.push(bytes);
        slot.receive.count = slot.receive.count.wrapping_add(taken as u32);
        if !is_pushed {
            slot.receive.withheld += taken as u16;
            if taken < bytes.len() {
                // More than was asked for.
                slot.fail(Error::DataLost);
                self.count_dropped_bytes(bytes.len() - taken);
            }
            return bytes.len();
        }
        let left = self.incoming.left - taken as u16;
        let has_paused = self.incoming.has_paused;
        if has_paused || slot.receive.is_count_due() || slot.receive.may_be_result {
            slot.receive.withheld += taken as u16;
        } else {
            let come = self.incoming.length.saturating_sub(left);
            slot.receive.withheld =
                slot.possible_trailer(MAX_TRAILER.saturating_sub(left).min(come));
        }
        if left > 0 && slot.rx.free() == 0 && !has_paused {
            // The ring is full: withheld bytes have to be released, or the connection fails.
            if slot.receive.is_loss_likely() {
                slot.fail(Error::DataLost);
                self.count_dropped_bytes(bytes.len() - taken);
                return bytes.len();
            }
            slot.receive.withheld = 0;
        }
        if slot.has_data() {
            slot.end_wait_for_data();
        }
        if taken < bytes.len() {
            #[cfg(feature = "push")]
            self.push.stall(slot.key);
        }
        taken
    }

    #[cfg(feature = "udp")]
    fn store_datagram(&mut self, bytes: &[u8]) -> usize {
        let Some(slot) = (self.incoming.sink).and_then(|key| self.sockets.get_mut(key)) else {
            return bytes.len();
        };
        #[cfg(feature = "push")]
        if self.incoming.is_pushed() {
            use super::sockets::datagram::Pushed;
            match slot.take_in_pushed(bytes) {
                Pushed::NoSpace => {
                    self.push.stall(slot.key);
                    return 0;
                }
                Pushed::Taken { count, is_lost } => {
                    if !self.incoming.has_paused
                        && slot.possible_trailer(MAX_TRAILER.min(self.incoming.length)) == 0
                    {
                        slot.confirm_datagram();
                    }
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

    // ---- the line ends after it -----------------------------------------------------------------------------------

    /// Takes a byte after payload. Returns true if it is part of the line ends there. Otherwise checks and ends the payload.
    pub(crate) fn take_payload_trailer(&mut self, byte: u8) -> bool {
        let Stage::Complete(count) = self.incoming.stage else {
            return false;
        };
        self.incoming.quiet_since = NEVER;
        let expected = if count.is_multiple_of(2) {
            b'\r'
        } else {
            b'\n'
        };
        if byte == expected {
            // From the second CRLF on only the parity matters.
            let count = if count > 4 { 4 } else { count + 1 };
            self.incoming.stage = Stage::Complete(count);
            return true;
        }
        let ends_with_line_feed = self.sink().is_some_and(|slot| slot.ends_with(b"\n"));
        let is_sound = self.incoming.is_sound(count, ends_with_line_feed);
        let doubles = &mut self.incoming.double_line_ends[usize::from(self.incoming.is_pushed())];
        match count {
            4.. => *doubles = doubles.saturating_add(1),
            _ if is_sound && !ends_with_line_feed => *doubles = 0,
            _ => {}
        }
        self.end_payload(is_sound);
        false
    }

    /// The payload is whole, or it is not.
    fn end_payload(&mut self, is_sound: bool) {
        self.incoming.stage = Stage::Idle;
        if !self.incoming.is_pushed() {
            if !is_sound {
                self.exchange.mark_damaged();
                // A late answer belongs to no transaction.
                if let Some(key) = self.incoming.sink {
                    self.end_read(key, &Outcome::NoAnswer, true, false);
                }
            }
            return;
        }
        #[cfg(feature = "push")]
        if !is_sound {
            return self.fail_pushed_streams();
        }
        let awaits_result = self.exchange.in_flight().is_some();
        let Some(slot) = self.sink() else { return };
        if awaits_result && (slot.ends_with(b"\r\nOK") || slot.ends_with(b"\r\nOK\r\n")) {
            #[cfg(feature = "udp")]
            if slot.drop_partial_datagram() {
                return self.count_dropped_datagrams(1);
            }
            slot.receive.may_be_result = true;
        }
        slot.confirm_payload();
    }

    /// A transaction has ended. Without an answer, that may be what the last bytes of a push are.
    pub(super) fn settle_pushed(&mut self, is_answered: bool) {
        for slot in self.sockets.iter_mut() {
            if core::mem::take(&mut slot.receive.may_be_result) {
                if !is_answered {
                    slot.fail(Error::DataLost);
                } else if !self.incoming.is_pushed_to(slot.key) {
                    slot.confirm_payload();
                }
            }
        }
    }

    /// Looks after payload that has stopped, and after the end of a push. Returns when to look again.
    #[cfg(feature = "push")]
    pub(super) fn watch_payload(&mut self) -> Instant {
        let now = self.env.now;
        let incoming = &mut self.incoming;
        if !incoming.is_pushed() || self.push.is_stalled() {
            return NEVER;
        }
        let sink = incoming.sink.and_then(|key| self.sockets.get_mut(key));
        let until = match incoming.stage {
            Stage::Coming if !incoming.has_paused => LONGEST_GAP,
            Stage::MayBeNotice(_) => LONGEST_GAP,
            Stage::Complete(_) if sink.as_ref().is_none_or(|slot| !slot.withholds()) => {
                return NEVER;
            }
            // This module usually sends two line ends: a longer pause shows that none follow.
            Stage::Complete(0) if incoming.takes_two() => LONGEST_GAP,
            Stage::Complete(0 | 2 | 4) => END_PAUSE,
            Stage::Complete(_) => LONGEST_GAP,
            Stage::Idle | Stage::Coming => return NEVER,
        };
        let until = after(get_or_set(&mut incoming.quiet_since, now), until);
        if now < until {
            return until;
        }
        match incoming.stage {
            Stage::MayBeNotice(come) if come < incoming.length => self.on_notice_after_all(),
            Stage::Coming | Stage::MayBeNotice(_) => {
                incoming.stage = Stage::Coming;
                incoming.has_paused = true;
                // The answer to this question comes after the rest, or in place of it.
                if let Some(slot) = sink {
                    slot.check_state();
                }
            }
            Stage::Complete(count) => {
                let is_usual = count.is_multiple_of(2) && (count > 0 || !incoming.takes_two());
                self.end_payload(is_usual);
            }
            Stage::Idle => {}
        }
        NEVER
    }

    /// Nothing more is expected of what is coming.
    pub(super) fn give_up_incoming(&mut self) {
        let stage = core::mem::replace(&mut self.incoming.stage, Stage::Idle);
        let slot = self.incoming.sink.and_then(|key| self.sockets.get_mut(key));
        let Some(slot) = slot.filter(|_| self.incoming.is_pushed()) else {
            return;
        };
        #[cfg(feature = "udp")]
        if slot.is_datagram() {
            if slot.drop_partial_datagram() {
                self.count_dropped_datagrams(1);
            }
            return;
        }
        match stage {
            Stage::Complete(2..) => slot.confirm_payload(),
            Stage::Complete(_) if slot.receive.withheld == 0 => {}
            Stage::Complete(_) | Stage::Coming => slot.fail(Error::DataLost),
            Stage::Idle | Stage::MayBeNotice(_) => {}
        }
    }

    /// No final result code came. Returns true if bytes are missing, or if the `OK` may have been counted as payload.
    pub(super) fn may_be_cut(&mut self) -> bool {
        let takes_result = |slot: &mut Slot<'_>| slot.ends_with(b"K") || slot.ends_with(b"OK\r\n");
        self.incoming.is_cut() || self.sink().is_some_and(takes_result)
    }

    /// A read has ended. Its payload is whole, unless bytes were lost on the UART (`is_damaged`). If an unknown line came during the
    /// answer (`has_unknown_line`), part of the payload may be missing.
    pub(super) fn end_read(
        &mut self,
        key: Key,
        outcome: &Outcome,
        is_damaged: bool,
        has_unknown_line: bool,
    ) {
        let Some(slot) = self.sockets.get_mut(key) else {
            return;
        };
        let is_done = matches!(outcome, Outcome::Done(_));
        #[cfg(feature = "udp")]
        if slot.is_datagram() {
            if is_damaged || !is_done {
                if slot.drop_partial_datagram() {
                    self.count_dropped_datagrams(1);
                }
            } else {
                slot.confirm_datagram();
            }
            return;
        }
        if is_damaged {
            slot.fail(Error::DataLost);
        } else if is_done {
            slot.give_withheld();
            if has_unknown_line && slot.is_live() {
                slot.receive.mark_read_unconfirmed();
            }
        }
    }

    // ---- counters ------------------------------------------------------------------------------------------------

    /// Bytes of an overlong line were skipped.
    pub(crate) fn skipped(&mut self, count: usize) {
        self.exchange.on_line();
        self.exchange.on_loss();
        let counter = &self.counters.skipped_bytes;
        count_loss("skipped bytes", counter, count as u32);
    }

    // ---- echo ----------------------------------------------------------------------------------------------------

    /// Returns how many bytes at the start of `bytes` are the echo of the payload that is being written.
    pub(crate) fn match_payload_echo(&mut self, bytes: &[u8]) -> usize {
        self.exchange.match_payload_echo(bytes, &self.sockets)
    }

    /// While it is not known whether the module echoes payload: whether this line is the first line of the payload.
    pub(crate) fn is_echo_line(&mut self, line: &[u8]) -> bool {
        self.exchange.is_echo_line(line, &self.sockets)
    }

    // ---- lost bytes ----------------------------------------------------------------------------------------------

    /// The UART driver has reported an error while receiving.
    pub(crate) fn serial_error(&mut self) {
        count_loss("errors of the UART", &self.counters.serial_errors, 1);
        self.exchange.mark_damaged();
        self.exchange.line_damaged = true;
        // The reader must not see what comes after the gap.
        if let Some(Job::Read { key, .. }) = self.exchange.job() {
            if let Some(slot) = self.sockets.get_mut(key).filter(|slot| !slot.is_datagram()) {
                slot.fail(Error::DataLost);
            }
        }
        // A partial datagram must not be completed with bytes after the gap either.
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
    #[cfg(any(test, fuzzing))]
    pub(crate) fn damaged(&mut self) {
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

    /// Whether it is a stream whose data comes unasked.
    pub(super) fn is_pushed_stream(&self) -> bool {
        let comes_unasked = match self.access_mode() {
            AccessMode::Buffer => false,
            AccessMode::DirectPush => self.takes_pushed(),
            // Until `CONNECT` nothing does.
            AccessMode::Transparent => self.is_open() && self.takes_pushed(),
        };
        comes_unasked && !self.is_datagram() && !self.is_listener()
    }

    /// Whether payload has a place in the ring.
    fn takes(&self, pushed: bool) -> bool {
        if pushed {
            self.takes_pushed()
        } else {
            self.is_live() && (self.is_kept() || self.is_datagram())
        }
    }

    /// How many of the newest `count` bytes may be the line end after the payload, or follow it: from the first carriage return on.
    fn possible_trailer(&self, count: u16) -> u16 {
        let count = self.rx.len().min(count.into());
        let (first, second) = self.rx.pieces(self.rx.len() - count);
        let mut newest = first.iter().chain(second);
        newest
            .position(|byte| *byte == b'\r')
            .map_or(0, |index| (count - index) as u16)
    }

    /// Whether what was received last is not the reader's yet.
    fn withholds(&self) -> bool {
        self.receive.withheld > 0 || self.has_partial_datagram()
    }

    #[inline(never)] // Many callers.
    fn ends_with(&self, bytes: &[u8]) -> bool {
        let offset = self.rx.len().saturating_sub(bytes.len());
        self.rx.common_prefix(offset, bytes) == bytes.len()
    }

    /// The payload that has come is whole.
    pub(super) fn confirm_payload(&mut self) {
        #[cfg(feature = "udp")]
        if self.is_datagram() {
            self.confirm_datagram();
        }
        // The module's count shows first whether bytes before it are missing.
        if !self.receive.is_count_due() && !self.receive.may_be_result {
            self.give_withheld();
        }
    }
}
