//! What the module says, applied to the table at once.

use serde_at::from_slice;

use super::answer::{Concluded, Final, Stage};
use super::job::{Job, Key, Reason};
use super::slot::Phase;
use super::{PayloadEcho, Table};
use crate::command::{ConnectId, ContextId, ErrorCode, Failure, ReadHeader, ReadLength, Urc};
use crate::error::{Error, LinkError};

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Dealt with.
    Nothing,
    /// The end of the transaction in flight.
    Final,
    /// A header: these bytes follow.
    Payload(Payload),
    /// No line of this crate's language.
    Foreign,
}

/// Bytes that follow a header, and whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    /// `None`: nobody's; they are counted and dropped.
    pub(crate) sink: Option<Key>,
    pub(crate) length: u16,
}

impl Table<'_> {
    /// Takes in a line, without its line end.
    pub(crate) fn hear(&mut self, line: &[u8]) -> Heard {
        match line {
            b"" => Heard::Nothing,
            _ if self.is_probe_echo(line) => self.probe_echoed(),
            b"OK" => self.conclude(Final::Ok),
            b"SEND OK" => self.conclude(Final::SendOk),
            b"SEND FAIL" => self.conclude(Final::SendFail),
            b"ERROR" => self.conclude(Final::Error(Reason::None)),
            [b'A', b'T', ..] | [b'a', b't', ..] => self.command_echo(),
            _ if line.starts_with(b"+QIRD:") => self.read_header(line),
            _ => self.other(line),
        }
    }

    fn other(&mut self, line: &[u8]) -> Heard {
        let context = self.config.context;
        if let Some(flight) = &mut self.flight {
            if flight.absorb(line, context) {
                return Heard::Nothing;
            }
        }
        if let Some(failure) = Failure::parse(line) {
            return self.conclude(Final::Error(reason(failure)));
        }
        match Urc::parse(line) {
            Some(urc) => self.urc(urc),
            None => self.foreign(),
        }
    }

    fn foreign(&mut self) -> Heard {
        self.statistics.foreign_lines = self.statistics.foreign_lines.wrapping_add(1);
        Heard::Foreign
    }

    fn conclude(&mut self, line: Final) -> Heard {
        match self.flight.as_mut().map(|flight| flight.conclude(line)) {
            Some(Concluded::Yes) => {
                if line == Final::SendOk && self.probe().is_some() {
                    // The result is there and the byte was not.
                    self.payload_echo = PayloadEcho::Off;
                }
                Heard::Final
            }
            Some(Concluded::Not) => Heard::Nothing,
            Some(Concluded::Late) | None => {
                self.statistics.late_results = self.statistics.late_results.wrapping_add(1);
                Heard::Nothing
            }
        }
    }

    /// The module repeats command lines: perhaps payload as well.
    fn command_echo(&mut self) -> Heard {
        if let Some(flight) = &mut self.flight {
            flight.echoed = true;
            if matches!(flight.job, Job::Send { .. }) && self.payload_echo == PayloadEcho::Off {
                self.payload_echo = PayloadEcho::Unknown;
            }
        }
        Heard::Nothing
    }

    fn read_header(&mut self, line: &[u8]) -> Heard {
        let Some(length) = header_length(line) else {
            return self.foreign();
        };
        // Without a read this is the late answer to one: its data is no less data.
        let sink = match &mut self.flight {
            Some(flight) => flight.read_header(length),
            None => None,
        };
        if length == 0 {
            return Heard::Nothing;
        }
        Heard::Payload(Payload { sink, length })
    }

    // ---- unsolicited result codes (section 2.2) ------------------------------------------------------------------

    fn urc(&mut self, urc: Urc<'_>) -> Heard {
        match urc {
            Urc::Received { connect_id, .. } => self.on_received(connect_id),
            Urc::Closed(connect_id) => self.on_closed(connect_id),
            Urc::Opened { connect_id, result } => self.on_opened(connect_id, result),
            Urc::ContextLost(context) => self.on_context_lost(context),
            // Before the OK to the question these belong to an earlier one.
            Urc::NameResolved { .. } | Urc::NameAddress(_) if self.is_asking() => {}
            Urc::NameResolved { result, count, .. } => {
                self.lookup.result(result, count);
                self.kick();
            }
            Urc::NameAddress(address) => {
                self.lookup.address(address);
                self.kick();
            }
            Urc::Ready => return self.on_restart(),
            Urc::PoweredDown | Urc::PowerSaving(_) => return self.on_power_down(),
            _ => return self.foreign(),
        }
        Heard::Nothing
    }

    /// Whether AT+QIDNSGIP is sent and not answered yet.
    fn is_asking(&self) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.job == Job::Resolve && !flight.is_concluded())
    }

    fn on_received(&mut self, id: ConnectId) {
        if let Some((_, slot)) = self.slot_by_id(id) {
            slot.notice();
            self.kick();
        }
    }

    fn on_closed(&mut self, id: ConnectId) {
        let lately = self.was_closed_lately(id);
        if let Some((_, slot)) = self.slot_by_id(id) {
            if lately && slot.phase == Phase::Open {
                slot.doubted = true;
            } else {
                slot.closed_by_peer();
            }
            self.kick();
        }
    }

    fn on_opened(&mut self, id: ConnectId, result: Result<(), ErrorCode>) {
        // Before the OK to its own AT+QIOPEN it is the late result of an earlier one on this id.
        let asking = match self.flight.as_ref() {
            Some(flight) if !flight.is_concluded() => match flight.job {
                Job::Open(key) => Some(key),
                _ => None,
            },
            _ => None,
        };
        let Some((key, slot)) = self.slot_by_id(id) else {
            if result.is_ok() {
                // Field note 43: not the id that was asked for.
                self.link.strays |= 1 << id.get();
                self.kick();
            }
            return;
        };
        if asking == Some(key) {
            return;
        }
        match result {
            Ok(()) => slot.opened(),
            Err(code) => {
                if self.open_refused(key, code) {
                    self.link.resync();
                }
            }
        }
        self.kick();
    }

    fn on_context_lost(&mut self, context: ContextId) {
        if context != self.config.context {
            return;
        }
        if self.link.is_serving() {
            self.lose(LinkError::ContextLost);
        } else {
            // Before the activation this is about the time before (field note 20).
            self.link.doubt_context();
        }
    }

    fn on_restart(&mut self) -> Heard {
        let waiting = self.flight.is_some();
        if self.link.is_serving() {
            self.lose(LinkError::Restarted);
        } else {
            self.forget_module();
            self.link.restarted();
            self.kick();
        }
        // What was in flight will never be answered.
        if waiting {
            Heard::Final
        } else {
            Heard::Nothing
        }
    }

    /// The module goes to sleep, or off: no socket survives (field note 111).
    fn on_power_down(&mut self) -> Heard {
        let waiting = self.flight.is_some();
        if !self.link.is_serving() {
            return Heard::Nothing;
        }
        self.lose(LinkError::NoAnswer);
        // As after a restart.
        if waiting {
            Heard::Final
        } else {
            Heard::Nothing
        }
    }

    // ---- payload -------------------------------------------------------------------------------------------------

    /// Takes in payload.
    pub(crate) fn deliver(&mut self, sink: Option<Key>, bytes: &[u8]) {
        let taken = match sink.and_then(|key| self.slot(key)) {
            Some(slot) if slot.held && slot.is_live() => {
                let taken = slot.rx.push(bytes);
                slot.reader.wake();
                slot.awaited = false;
                if taken < bytes.len() {
                    // More than was asked for.
                    slot.fail(Error::DataLost);
                }
                taken
            }
            _ => 0,
        };
        self.statistics.dropped_bytes = self
            .statistics
            .dropped_bytes
            .wrapping_add((bytes.len() - taken) as u32);
    }

    /// Bytes of an overlong line were passed over.
    pub(crate) fn skipped(&mut self, count: usize) {
        self.statistics.skipped_bytes = self.statistics.skipped_bytes.wrapping_add(count as u32);
    }

    /// Whether a prompt is due; if so, payload is next.
    pub(crate) fn prompted(&mut self) -> bool {
        match &mut self.flight {
            Some(flight) if flight.stage == Stage::Prompt && !flight.is_concluded() => {
                flight.stage = Stage::Payload;
                true
            }
            _ => false,
        }
    }

    /// The byte that was sent to find out whether the module repeats payload. `None` for one that looks like what stands
    /// between lines anyway.
    fn probe(&self) -> Option<u8> {
        let flight = self.flight.as_ref()?;
        let (PayloadEcho::Unknown, Stage::Payload, Job::Send { key, length: 1 }) =
            (self.payload_echo, flight.stage, flight.job)
        else {
            return None;
        };
        let slot = self.slots.get(usize::from(key.index))?.as_ref()?;
        let mut probe = [0];
        (slot.generation == key.generation && slot.tx.peek(0, &mut probe) == 1)
            .then_some(probe[0])
            .filter(|byte| !byte.is_ascii_whitespace())
    }

    /// A line of nothing but that byte: its echo. A result that begins with it is longer.
    fn is_probe_echo(&self, line: &[u8]) -> bool {
        matches!(line, [byte] if self.probe() == Some(*byte))
    }

    fn probe_echoed(&mut self) -> Heard {
        self.payload_echo = PayloadEcho::On;
        if let Some(flight) = &mut self.flight {
            flight.echo_count = 1;
        }
        Heard::Nothing
    }

    /// How many bytes at the start of `bytes` are the module's echo of the payload just written to it.
    pub(crate) fn payload_echo(&mut self, bytes: &[u8]) -> usize {
        if self.payload_echo == PayloadEcho::Off {
            return 0;
        }
        let Some(flight) = &mut self.flight else {
            return 0;
        };
        let (Stage::Payload, Job::Send { key, length }) = (flight.stage, flight.job) else {
            return 0;
        };
        let echoed = flight.echo_count;
        let Some(slot) = self
            .slots
            .get(usize::from(key.index))
            .and_then(Option::as_ref)
            .filter(|slot| slot.generation == key.generation)
        else {
            return 0;
        };
        if self.payload_echo == PayloadEcho::Unknown && length == 1 {
            // The whole line tells.
            return 0;
        }
        let left = usize::from(length - echoed).min(bytes.len());
        let same = slot.tx.common_prefix(echoed.into(), &bytes[..left]);
        let Some(&first) = bytes.first() else {
            return 0;
        };
        if first == b' ' && same == 0 && flight.only_blanks {
            // The blank of the prompt itself.
            return 1;
        }
        if self.payload_echo == PayloadEcho::Unknown && left > 0 && first != b' ' {
            let line_end = matches!(first, b'\r' | b'\n');
            match (same > 0, line_end) {
                // The line end of the result, or that of the payload: both read the same.
                (true, true) => return 0,
                (true, false) => self.payload_echo = PayloadEcho::On,
                (false, _) => self.payload_echo = PayloadEcho::Off,
            }
        }
        flight.only_blanks &= bytes[..same].iter().all(|&byte| byte == b' ');
        flight.echo_count += same as u16;
        same
    }
}

/// How many bytes a header announces, unless it is none: no answer is longer than the longest read.
fn header_length(line: &[u8]) -> Option<u16> {
    let header: ReadHeader = from_slice(line).ok()?;
    u16::try_from(header.length)
        .ok()
        .filter(|&length| u32::from(length) <= ReadLength::MAX.get())
}

/// Newer firmware puts the codes of the note's table 1 into `+CME ERROR`.
fn reason(failure: Failure<'_>) -> Reason {
    match failure {
        Failure::Plain => Reason::None,
        Failure::Equipment(number @ 550..=599) => Reason::Code(ErrorCode::from(number)),
        Failure::Equipment(number) | Failure::Message(number) => Reason::Equipment(number),
        Failure::EquipmentText("SIM not inserted") => Reason::Equipment(10),
        Failure::EquipmentText(_) | Failure::MessageText(_) => Reason::Equipment(0),
    }
}
