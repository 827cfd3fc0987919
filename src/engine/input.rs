//! What the module says, applied to the table at once.

use core::net::SocketAddr;

use crate::at::{
    ConnectId, ContextId, ErrorCode, Fields, Name, ReadLength, UrcKind, digits, place, trim,
};
use crate::engine::Engine;
use crate::engine::exchange::in_flight::{Concluded, Final, InFlight, Stage};
use crate::engine::exchange::job::{Job, Key, Reason};
use crate::engine::outcome::Effect;
use crate::engine::sockets::slot::Phase;
use crate::error::{Error, LinkError};

/// What ends a transaction with these words and nothing else.
const FINALS: (&str, [Final; 4]) = (
    "OK\nSEND OK\nSEND FAIL\nERROR\n",
    [
        Final::Ok,
        Final::SendOk,
        Final::SendFail,
        Final::Error(Reason::None),
    ],
);

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// Dealt with.
    Nothing,
    /// The end of the transaction in flight.
    Final,
    /// A header: these bytes follow.
    Payload(Payload),
    /// `CONNECT`: a final result, and all that follows its line end is data.
    Connected,
    /// No line of this crate's language.
    Foreign,
}

/// Bytes that follow a header, and whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    /// `None`: nobody's; they are counted and dropped.
    pub(crate) sink: Option<Key>,
    pub(crate) length: u16,
    /// The module sends it without being asked: there may be no room for it yet.
    pub(crate) pushed: bool,
}

impl Payload {
    pub(crate) const NONE: Self = Self {
        sink: None,
        length: 0,
        pushed: false,
    };
}

impl Engine<'_> {
    /// Takes in a line, without its line end.
    #[inline(never)]
    pub(crate) fn on_line(&mut self, line: &[u8]) -> LineKind {
        let heard = self.understand(line);
        self.line_damaged = false;
        heard
    }

    fn understand(&mut self, line: &[u8]) -> LineKind {
        if self.is_echo_line(line) {
            return LineKind::Nothing;
        }
        let line = trim(line);
        let name = Name::of_line(line);
        if name.is_none() {
            let (words, finals) = FINALS;
            if let Some(line) = place(words, line).and_then(|place| finals.get(place)) {
                return self.conclude(*line);
            }
            if let Some(line) = self.parts.modes.and_then(|part| part.connected(self, line)) {
                return self.conclude(line);
            }
        }
        match (name, line) {
            (_, b"") => LineKind::Nothing,
            (Some(Name::Read), _) => self.read_header(line),
            (None, [b'A', b'T', ..] | [b'a', b't', ..]) if self.may_be_echo(line) => {
                self.command_echo()
            }
            _ => self.other(name, line),
        }
    }

    fn other(&mut self, name: Option<Name>, line: &[u8]) -> LineKind {
        let context = self.config.context;
        if let Some(in_flight) = &mut self.in_flight {
            if in_flight.absorb(name, line, context, &mut self.link.addresses) {
                return LineKind::Nothing;
            }
        }
        let is_user =
            |in_flight: &InFlight| matches!(in_flight.job, Job::User) && !in_flight.is_concluded();
        if self.in_flight.as_ref().is_some_and(is_user)
            && self.parts.user.is_some_and(|part| part.absorb(self, line))
        {
            return LineKind::Nothing;
        }
        if let Some(Name::EquipmentError | Name::MessageError) = name {
            if let Some(reason) = reason_of(line) {
                return self.conclude(Final::Error(reason));
            }
        }
        if let Some(heard) = self.urc(name, line) {
            return heard;
        }
        if self.read_report(Some(line)) {
            return LineKind::Nothing;
        }
        self.unknown(line)
    }

    fn unknown(&mut self, line: &[u8]) -> LineKind {
        if let Some(part) = self.parts.modes {
            part.suspect(self, line);
        }
        self.foreign()
    }

    fn foreign(&mut self) -> LineKind {
        self.statistics.foreign_lines = self.statistics.foreign_lines.wrapping_add(1);
        LineKind::Foreign
    }

    fn conclude(&mut self, line: Final) -> LineKind {
        match self
            .in_flight
            .as_mut()
            .map(|in_flight| in_flight.conclude(line))
        {
            Some(Concluded::Yes) => {
                self.answered();
                self.learn_payload_echo();
                match self.parts.modes {
                    Some(part) => part.ended(self, line),
                    None => LineKind::Final,
                }
            }
            Some(Concluded::Not) => LineKind::Nothing,
            Some(Concluded::Late) | None => {
                self.statistics.late_results = self.statistics.late_results.wrapping_add(1);
                LineKind::Nothing
            }
        }
    }

    fn read_header(&mut self, line: &[u8]) -> LineKind {
        let Some((length, peer)) = self.parse_header(line) else {
            // Counters look alike.
            return self.other(Some(Name::Read), line);
        };
        // An empty datagram has an address, nothing has none (quirk 78).
        let more = length > 0 || peer.is_some();
        // Without a read this is the late answer to one: its data is no less data.
        let (mut sink, damaged) = match &mut self.in_flight {
            Some(in_flight) => (in_flight.read_header(more, length), in_flight.damaged),
            None => (None, false),
        };
        if let Some(slot) = sink.and_then(|key| self.slot(key)) {
            if slot
                .part
                .is_some_and(|part| more && (damaged || !part.begin(slot, length, peer)))
            {
                sink = None;
                self.dropped_datagram();
            }
        }
        if length == 0 {
            return LineKind::Nothing;
        }
        LineKind::Payload(Payload {
            sink,
            length,
            pushed: false,
        })
    }

    fn parse_header(&self, line: &[u8]) -> Option<(u16, Option<SocketAddr>)> {
        let mut fields = Fields::of_line(line);
        let length: u16 = fields.next()?;
        let peer = match self.parts.datagrams {
            Some(part) => part.sender(fields)?,
            // Where nobody asks for it, it is enough that it can be one.
            None if fields.is_quoted() => None,
            None => return None,
        };
        (u32::from(length) <= ReadLength::MAX.get()).then_some((length, peer))
    }

    // ---- unsolicited result codes (section 2.2) ------------------------------------------------------------------

    /// `None` if it is no such line after all.
    fn urc(&mut self, name: Option<Name>, line: &[u8]) -> Option<LineKind> {
        let (notice, mut fields) = UrcKind::of_line(line, name)?;
        match notice {
            UrcKind::Received => {
                let (id, length) = (fields.next()?, fields.next()?);
                return self.on_received(id, length, fields);
            }
            UrcKind::Closed => self.on_closed(fields.last()?),
            UrcKind::Opened => {
                let (id, code) = (fields.next()?, fields.last()?);
                return Some(self.on_opened(id, ErrorCode::new(code)));
            }
            UrcKind::ContextLost => self.on_context_lost(fields.last()?),
            // Before the OK to the question these belong to an earlier one.
            UrcKind::Resolved if self.is_asking() => {}
            UrcKind::Resolved => {
                if let Some(part) = self.parts.lookup {
                    if let Err(code) = part.heard(&mut self.lookup, fields)? {
                        self.check_context(code);
                    }
                    self.wake_runner();
                }
            }
            UrcKind::Incoming => {
                let id: ConnectId = fields.next()?;
                match self.parts.listen {
                    Some(part) => {
                        if !part.incoming(self, id, fields) {
                            return None;
                        }
                    }
                    // Nobody here has asked for it.
                    None => {
                        self.link.orphan_ids |= 1 << id.get();
                        self.refused_connection();
                        self.wake_runner();
                    }
                }
            }
            UrcKind::IncomingFull => {
                fields.end()?;
                self.refused_connection();
            }
            UrcKind::Ready => return Some(self.on_restart()),
            UrcKind::PoweredDown | UrcKind::PowerSaving => return Some(self.on_power_down()),
        }
        Some(LineKind::Nothing)
    }

    /// Whether AT+QIDNSGIP is sent and not answered yet.
    fn is_asking(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| {
            matches!(in_flight.job, Job::Resolve) && !in_flight.is_concluded()
        })
    }

    /// `None` if it is no such notice after all.
    fn on_received(
        &mut self,
        id: ConnectId,
        length: Option<u32>,
        remote: Fields<'_>,
    ) -> Option<LineKind> {
        // A length alone does not tell: it is the access mode that does (quirk 70).
        if let (true, Some(length), Some(part)) = (self.pushes(id), length, self.parts.modes) {
            return part.pushed(self, id, length, remote);
        }
        // Data can come before the result of the open.
        for phases in [
            Phase::Open.bit() | Phase::Draining.bit(),
            Phase::Opening.bit(),
        ] {
            if let Some((_, slot)) = self.slot_by_id(id, phases) {
                slot.notice(length);
                self.wake_runner();
                break;
            }
        }
        Some(LineKind::Nothing)
    }

    fn on_closed(&mut self, id: ConnectId) {
        let lately = self.was_closed_lately(id);
        if let Some((_, slot)) = self.slot_by_id(id, Phase::Open.bit()) {
            if lately {
                slot.state_check_due = true;
            } else {
                slot.closed_by_peer();
            }
            self.wake_runner();
        }
    }

    /// The result of an open: why it failed, if it did.
    fn on_opened(&mut self, id: ConnectId, failure: Option<ErrorCode>) -> LineKind {
        // Before the OK to its own AT+QIOPEN it is the late result of an earlier one on this id.
        let asking = match self.in_flight.as_ref() {
            Some(in_flight) if !in_flight.is_concluded() => match in_flight.job {
                Job::Open(key) => Some(key),
                _ => None,
            },
            _ => None,
        };
        let Some((key, slot)) = self.slot_by_id(id, Phase::Opening.bit()) else {
            let known = self.uses(id);
            if failure.is_none() && !known {
                // Quirk 43: not the id that was asked for.
                self.link.orphan_ids |= 1 << id.get();
                self.wake_runner();
            }
            return LineKind::Nothing;
        };
        if asking == Some(key) {
            // In transparent access mode there is no other word of a failure.
            return match failure {
                Some(code) if self.awaits_connect() => {
                    self.conclude(Final::Error(Reason::Code(code)))
                }
                _ => LineKind::Nothing,
            };
        }
        match failure {
            None => slot.opened(),
            Some(code) => {
                if let Effect::ContextSuspect = slot.open_refused(code) {
                    self.link.resync();
                }
            }
        }
        self.wake_runner();
        LineKind::Nothing
    }

    fn on_context_lost(&mut self, context: ContextId) {
        if context != self.config.context {
            return;
        }
        if self.link.is_serving() {
            self.on_link_lost(LinkError::ContextLost);
        } else {
            // Before the activation this is about the time before (quirk 20).
            self.link.suspect_context();
        }
    }

    pub(crate) fn on_restart(&mut self) -> LineKind {
        self.pushing = 0;
        let waiting = self.in_flight.is_some();
        if self.link.is_serving() {
            self.on_link_lost(LinkError::Restarted);
        } else {
            self.forget_module();
            self.link.restarted();
            self.wake_runner();
        }
        interrupted(waiting)
    }

    /// The module goes to sleep, or off: no socket survives (quirk 111).
    fn on_power_down(&mut self) -> LineKind {
        let waiting = self.in_flight.is_some();
        if !self.link.is_serving() {
            return LineKind::Nothing;
        }
        self.on_link_lost(LinkError::NoAnswer);
        interrupted(waiting)
    }

    // ---- payload -------------------------------------------------------------------------------------------------

    /// Takes in payload, and says how much of it: of pushed payload less than all, or nothing, while there is no room.
    #[inline(never)]
    pub(crate) fn deliver(&mut self, payload: Payload, bytes: &[u8]) -> usize {
        let Some(slot) = payload
            .sink
            .and_then(|key| self.slot(key))
            .filter(|slot| slot.takes(payload.pushed))
        else {
            self.drop_bytes(bytes.len());
            return bytes.len();
        };
        if let Some(part) = slot.part {
            return part.deliver(self, payload, bytes);
        }
        let taken = slot.take_in(bytes);
        if taken == bytes.len() {
            return taken;
        }
        if payload.pushed {
            self.stall = payload.sink;
            return taken;
        }
        // More than was asked for.
        slot.fail(Error::DataLost);
        self.drop_bytes(bytes.len() - taken);
        bytes.len()
    }

    /// Bytes of an overlong line were passed over.
    pub(crate) fn skipped(&mut self, count: usize) {
        self.statistics.skipped_bytes = self.statistics.skipped_bytes.wrapping_add(count as u32);
    }

    /// The user's own channel had no room for a line.
    pub(crate) fn dropped_urc(&mut self) {
        self.statistics.dropped_urcs = self.statistics.dropped_urcs.wrapping_add(1);
    }

    /// Whether a prompt is due; if so, payload is next.
    pub(crate) fn prompted(&mut self) -> bool {
        match &mut self.in_flight {
            Some(in_flight) if in_flight.stage == Stage::Prompt && !in_flight.is_concluded() => {
                in_flight.stage = Stage::Payload;
                self.answered();
                true
            }
            _ => self.parts.user.is_some_and(|part| part.prompted(self)),
        }
    }
}

/// What was in flight will never be answered.
fn interrupted(waiting: bool) -> LineKind {
    if waiting {
        LineKind::Final
    } else {
        LineKind::Nothing
    }
}

/// Newer firmware puts the codes of the note's table 1 into `+CME ERROR`. `None` if it is neither a number nor text.
#[inline(never)]
fn reason_of(line: &[u8]) -> Option<Reason> {
    let text = Fields::of_line(line).bytes();
    match digits(text).and_then(|number| number.try_into().ok()) {
        Some(number @ 550..=599) => ErrorCode::new(number).map(Reason::Code),
        Some(number) => Some(Reason::Equipment(number)),
        None if text == b"SIM not inserted" => Some(Reason::Equipment(10)),
        None => {
            let is_text = text.iter().all(|byte| byte.is_ascii());
            is_text.then_some(Reason::Equipment(0))
        }
    }
}
