//! What the module echoes: command lines (ATE), and payload (AT+QISDE, on some firmware ATE as well; quirks 1, 2 and 7).

use super::Exchange;
use super::in_flight::InFlight;
use super::job::Job;
use super::payload_echo::PayloadEcho;
use crate::at::ResultCode;
use crate::engine::sockets::Sockets;
use crate::engine::sockets::key::Key;
use crate::engine::sockets::slot::Slot;
use crate::util::slices::front;

impl InFlight {
    /// The socket and the length of the payload that is being written.
    fn payload(&self) -> Option<(Key, u16)> {
        match self.job {
            Job::Send { key, length } if self.is_behind_prompt() => Some((key, length)),
            _ => None,
        }
    }
}

impl Exchange<'_> {
    /// A send has ended and its payload was not echoed. If the payload would have shown an echo, the module does not echo.
    pub(crate) fn learn_payload_echo(&mut self, sockets: &Sockets<'_>) {
        if self.payload_echo != PayloadEcho::Unknown {
            return;
        }
        let payload = self.in_flight().and_then(InFlight::payload);
        let slot = payload.and_then(|(key, _)| sockets.get(key));
        if slot.is_some_and(|slot| leading_blanks(slot) == 0) {
            self.payload_echo = PayloadEcho::Off;
        }
    }

    /// The module has echoed a command line: perhaps it echoes payload as well.
    pub(crate) fn on_command_echo(&mut self) {
        let Some(flight) = self.in_flight_mut() else {
            return;
        };
        flight.command_echoed = true;
        if matches!(flight.job, Job::Send { .. }) && self.payload_echo == PayloadEcho::Off {
            self.payload_echo = PayloadEcho::Unknown;
        }
    }

    /// Returns how many bytes at the start of `bytes` are the echo of the payload that is being written.
    pub(crate) fn match_payload_echo(&mut self, bytes: &[u8], sockets: &Sockets<'_>) -> usize {
        let is_known = match self.payload_echo {
            PayloadEcho::Off => return 0,
            PayloadEcho::Unknown => false,
            PayloadEcho::On => true,
        };
        let Some(flight) = self.in_flight_mut() else {
            return 0;
        };
        let Some((key, length)) = flight.payload() else {
            return 0;
        };
        let (Some(slot), Some(&first)) = (sockets.get(key), bytes.first()) else {
            return 0;
        };
        let echo = &mut flight.echo;
        let left = usize::from(length - echo.count).min(bytes.len());
        let offset = slot.payload_offset() + usize::from(echo.count);
        let same = slot.tx.common_prefix(offset, front(bytes, left));
        if first == b' ' && same == 0 && echo.only_blanks {
            // The blank after the prompt.
            return 1;
        }
        if !is_known {
            // Line ends and blanks prove nothing: they may belong to the prompt, to the result, or to a URC. What
            // follows them is compared as a whole line (`is_echo_line`).
            echo.line_seen |= matches!(first, b'\r' | b'\n');
            if same == 0 || echo.line_seen || first == b' ' {
                return 0;
            }
        }
        echo.only_blanks &= front(bytes, same).iter().all(|&byte| byte == b' ');
        echo.count += same as u16;
        self.payload_echo = PayloadEcho::On;
        same
    }

    /// While it is not known whether the module echoes payload: whether this line is the first line of the payload.
    pub(crate) fn is_echo_line(&mut self, line: &[u8], sockets: &Sockets<'_>) -> bool {
        if self.payload_echo != PayloadEcho::Unknown {
            return false;
        }
        let Some(flight) = self.in_flight_mut() else {
            return false;
        };
        let Some((key, length)) = flight.payload() else {
            return false;
        };
        let Some(slot) = sockets.get(key) else {
            return false;
        };
        if (length > 1 && can_be_sent_by_module(line))
            || line.iter().all(|byte| *byte == b' ')
            || line.len() > usize::from(length)
            || slot.tx.common_prefix(slot.payload_offset(), line) < line.len()
        {
            return false;
        }
        flight.echo.count = line.len() as u16;
        flight.echo.only_blanks = false;
        self.payload_echo = PayloadEcho::On;
        true
    }

    /// How much of `length` bytes to send while it is not known whether the module echoes payload, so that the answer shows
    /// it.
    ///
    /// Line ends and blanks are sent alone: an echo of them is skipped like any separator. Of payload that begins like a line
    /// of the module one byte goes: no line of the module is that short.
    pub(crate) fn probe_length(&self, slot: &Slot<'_>, length: u16) -> u16 {
        // A datagram cannot be cut.
        if self.payload_echo != PayloadEcho::Unknown || slot.is_datagram() {
            return length;
        }
        let probe = match leading_blanks(slot) {
            0 => {
                let mut start = [0; 16];
                let count = slot.tx.peek(0, &mut start);
                let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
                let line = front(&start, count).split(is_line_end).next();
                if !line.is_some_and(can_be_sent_by_module) {
                    return length;
                }
                1
            }
            blanks => blanks,
        };
        length.min(probe)
    }
}

/// How many of the next payload bytes are line ends and blanks.
fn leading_blanks(slot: &Slot<'_>) -> u16 {
    let (first, second) = slot.tx.pieces(slot.payload_offset());
    let is_blank = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ');
    first.iter().chain(second).take_while(is_blank).count() as u16
}

/// Whether the module can send this line while it takes payload.
fn can_be_sent_by_module(line: &[u8]) -> bool {
    line.first() == Some(&b'+') || ResultCode::of(line).is_some()
}
