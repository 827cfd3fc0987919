//! What the module repeats: command lines, and on some firmware payload (AT+QISDE, or ATE).

use crate::engine::exchange::in_flight::Stage;
use crate::engine::exchange::job::Job;
use crate::engine::input::LineKind;
use crate::engine::sockets::turn::is_of_the_module;
use crate::engine::{Engine, PayloadEcho};
use crate::util::slices::front;
use crate::util::zeroed::Zeroed;

impl Engine<'_> {
    /// An answer to the user's own command can begin like a command: the text of a message, for one.
    pub(crate) fn may_be_echo(&mut self, line: &[u8]) -> bool {
        match &self.in_flight {
            Some(in_flight) if matches!(in_flight.job, Job::User) => {
                self.parts.user.is_some_and(|part| part.is_echo(self, line))
            }
            _ => true,
        }
    }

    /// A payload that would have told was sent, and did not come back.
    pub(crate) fn learn_payload_echo(&mut self) {
        let Some(in_flight) = &self.in_flight else {
            return;
        };
        let (Stage::Payload, Job::Send { key, .. }) = (in_flight.stage, in_flight.job) else {
            return;
        };
        if self.payload_echo == PayloadEcho::Unknown
            && self
                .slot(key)
                .is_some_and(|slot| slot.leading_blanks() == 0)
        {
            self.payload_echo = PayloadEcho::Off;
        }
    }

    /// The module repeats command lines: perhaps payload as well.
    pub(crate) fn command_echo(&mut self) -> LineKind {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.echoed = true;
            if matches!(in_flight.job, Job::Send { .. }) && self.payload_echo == PayloadEcho::Off {
                self.payload_echo = PayloadEcho::Unknown;
            }
        }
        LineKind::Nothing
    }

    /// How many bytes at the start of `bytes` are the module's echo of the payload just written to it.
    pub(crate) fn payload_echo(&mut self, bytes: &[u8]) -> usize {
        if self.payload_echo == PayloadEcho::Off {
            return 0;
        }
        let Some(in_flight) = &mut self.in_flight else {
            return 0;
        };
        let (Stage::Payload, Job::Send { key, length }) = (in_flight.stage, in_flight.job) else {
            return 0;
        };
        let echoed = in_flight.echo_count;
        let Some(slot) = self
            .slots
            .get(key.index())
            .and_then(Zeroed::as_ref)
            .filter(|slot| slot.key == key)
        else {
            return 0;
        };
        let left = usize::from(length - echoed).min(bytes.len());
        let offset = slot.payload_offset() + usize::from(echoed);
        let same = slot.tx.common_prefix(offset, front(bytes, left));
        let Some(&first) = bytes.first() else {
            return 0;
        };
        if first == b' ' && same == 0 && in_flight.only_blanks {
            // The blank of the prompt itself.
            return 1;
        }
        if self.payload_echo == PayloadEcho::Unknown {
            // Line ends and blanks tell nothing: they may be those of the prompt, of the result, or of a URC. What comes
            // behind them is looked at as a whole line.
            in_flight.line_seen |= matches!(first, b'\r' | b'\n');
            if same == 0 || in_flight.line_seen || first == b' ' {
                return 0;
            }
            self.payload_echo = PayloadEcho::On;
        }
        in_flight.only_blanks &= front(bytes, same).iter().all(|&byte| byte == b' ');
        in_flight.echo_count += same as u16;
        same
    }

    /// While it is not known whether the module repeats payload: whether this line is the payload's first.
    pub(crate) fn is_echo_line(&mut self, line: &[u8]) -> bool {
        if self.payload_echo != PayloadEcho::Unknown {
            return false;
        }
        let Some(in_flight) = &mut self.in_flight else {
            return false;
        };
        let (Stage::Payload, Job::Send { key, length }) = (in_flight.stage, in_flight.job) else {
            return false;
        };
        let Some(Zeroed::Full(slot)) = self.slots.get(key.index()) else {
            return false;
        };
        if (length > 1 && is_of_the_module(line))
            || line.iter().all(|byte| *byte == b' ')
            || slot.key != key
            || line.len() > usize::from(length)
            || slot.tx.common_prefix(slot.payload_offset(), line) < line.len()
        {
            return false;
        }
        in_flight.echo_count = line.len() as u16;
        in_flight.only_blanks = false;
        self.payload_echo = PayloadEcho::On;
        true
    }
}
