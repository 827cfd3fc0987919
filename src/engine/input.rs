//! Lines of the module: each is a final result code, a header, an information response, an echo, a URC, or foreign.

use core::net::SocketAddr;

use super::exchange::MessageText;
#[cfg(feature = "transparent")]
use super::exchange::in_flight::InFlight;
use super::exchange::in_flight::{Conclusion, FinalResult};
use super::exchange::job::Job;
use super::exchange::outcome::Reason;
use super::line::LineKind;
use super::state::Engine;
use super::statistics::count;
#[cfg(not(feature = "udp"))]
use crate::at::NotRead as Peer;
#[cfg(feature = "udp")]
use crate::at::Peer;
use crate::at::{ErrorCode, Failure, Prefix, ReadHeader, ReadLength, read, trim};

impl Engine<'_> {
    /// Takes a line, without its line end.
    pub(crate) fn on_line(&mut self, line: &[u8]) -> LineKind {
        self.exchange.on_line();
        let kind = self.classify(line);
        self.exchange.line_damaged = false;
        kind
    }

    /// Takes what stands between two lines.
    pub(crate) fn on_line_ends(&mut self, line_ends: &[u8]) {
        self.exchange.on_line_ends(line_ends);
    }

    fn classify(&mut self, line: &[u8]) -> LineKind {
        if self.exchange.is_echo_line(line, &self.sockets) {
            return LineKind::Handled;
        }
        let line = trim(line);
        if let Some(kind) = self.on_message_text(line) {
            return kind;
        }
        let prefix = Prefix::of_line(line);
        if prefix.is_none() {
            if let Some(result) = self.exchange.final_result(line) {
                return self.conclude(result);
            }
            #[cfg(feature = "transparent")]
            if let Some(result) = self.connect_result(line) {
                return self.conclude(result);
            }
        }
        match (prefix, line) {
            (_, b"") => LineKind::Handled,
            (Some(Prefix::Read), _) => self.on_read_header(line),
            (None, [b'A', b'T', ..] | [b'a', b't', ..]) if self.can_be_echo(line) => {
                self.exchange.on_command_echo();
                LineKind::Handled
            }
            _ => self.on_other_line(prefix, line),
        }
    }

    fn on_other_line(&mut self, prefix: Option<Prefix>, line: &[u8]) -> LineKind {
        let context = self.env.config.context;
        let addresses = &mut self.link.addresses;
        if let Some(flight) = self.exchange.in_flight_mut() {
            if flight.on_information(prefix, line, context, addresses) {
                if let Job::CountReceived(key) = flight.job {
                    if let Some(slot) = self.sockets.get_mut(key) {
                        slot.receive.count_at_answer = slot.receive.count;
                    }
                }
                return LineKind::Handled;
            }
        }
        #[cfg(feature = "at-client")]
        if self.runs_user_command() {
            if self.user_command.is_close_result(line) {
                return self.conclude(FinalResult::Ok);
            }
            if self.user_command.on_line(line) {
                return LineKind::Handled;
            }
        }
        if let Some(Prefix::EquipmentError | Prefix::MessageError) = prefix {
            if let Some(failure) = Failure::parse(line) {
                return self.conclude(FinalResult::Error(reason_of(failure)));
            }
        }
        if let Some(kind) = self.on_urc(prefix, line) {
            return kind;
        }
        self.exchange.mark_unknown_line();
        let is_own = matches!(
            prefix,
            Some(Prefix::Indication | Prefix::Opened | Prefix::Read)
        );
        let is_likely = !can_be_from_module(line);
        if is_own || is_likely {
            self.exchange.on_loss();
        }
        // It can be data whose header was lost, or what is left of a header.
        #[cfg(feature = "push")]
        if is_likely || can_be_header(line) {
            self.require_count_checks(is_likely);
        }
        count(&self.counters.foreign_lines, 1);
        LineKind::Foreign
    }

    /// Whether a command of the user is being answered.
    #[cfg(feature = "at-client")]
    pub(super) fn runs_user_command(&self) -> bool {
        matches!(self.exchange.job(), Some(Job::User))
    }

    /// Whether a line that begins like a command is an echo. The answer to a command of the user can begin so, too.
    #[cfg_attr(not(feature = "at-client"), allow(clippy::unused_self))]
    fn can_be_echo(&self, line: &[u8]) -> bool {
        let _ = line;
        #[cfg(feature = "at-client")]
        if let Some(Job::User) = self.exchange.job() {
            return self.user_command.is_echo(line);
        }
        true
    }

    // ---- final result codes --------------------------------------------------------------------------------------

    pub(super) fn conclude(&mut self, result: FinalResult) -> LineKind {
        let flight = self.exchange.in_flight();
        match flight.map(|flight| flight.conclusion(result)) {
            Some(Conclusion::Ended) => {
                self.exchange.learn_payload_echo(&self.sockets);
                #[cfg(feature = "push")]
                let kind = self.on_mode_result(result);
                #[cfg(not(feature = "push"))]
                let kind = LineKind::Final;
                self.finish(Some(result));
                kind
            }
            Some(Conclusion::Intermediate) => LineKind::Handled,
            Some(Conclusion::Late) | None => {
                count(&self.counters.late_results, 1);
                #[cfg(feature = "transparent")]
                if result == FinalResult::Ok {
                    self.on_late_ok();
                }
                #[cfg(feature = "push")]
                self.require_count_checks(false);
                LineKind::Handled
            }
        }
    }

    /// How this line ends a transaction that makes the UART a data line, if it does.
    #[cfg(feature = "transparent")]
    fn connect_result(&self, line: &[u8]) -> Option<FinalResult> {
        use crate::at::ResultCode;
        let awaits_connect = |flight: &InFlight| flight.awaits_connect();
        if !self.exchange.in_flight().is_some_and(awaits_connect) {
            return None;
        }
        match ResultCode::of(line) {
            Some(ResultCode::NoCarrier) => {
                Some(FinalResult::Error(Reason::Code(ErrorCode::CONNECT_FAILED)))
            }
            // Some firmware adds a rate (quirk 131).
            _ => matches!(
                line.strip_prefix(b"CONNECT"),
                Some(b"" | [b' ', b'0'..=b'9', ..])
            )
            .then_some(FinalResult::Connect),
        }
    }

    /// A change of the access mode holds from the line end of its final result code on.
    #[cfg(feature = "push")]
    fn on_mode_result(&mut self, result: FinalResult) -> LineKind {
        for slot in self.sockets.iter_mut() {
            slot.mode.on_answer();
        }
        let Some(job) = self.exchange.job() else {
            return LineKind::Final;
        };
        match (job, result) {
            #[cfg(feature = "transparent")]
            (Job::Open(key) | Job::Switch { key, .. } | Job::Resume(key), FinalResult::Connect) => {
                self.begin_transparent(key);
                LineKind::Connected
            }
            (Job::Switch { key, mode }, FinalResult::Ok) => {
                if let Some(slot) = self.sockets.get_mut(key) {
                    slot.set_mode(mode);
                }
                LineKind::Final
            }
            _ => LineKind::Final,
        }
    }

    // ---- prompts -------------------------------------------------------------------------------------------------

    /// A `>` at the start of a line. Returns whether it is a prompt.
    pub(crate) fn prompted(&mut self) -> bool {
        if self.exchange.message_text != MessageText::None {
            return false;
        }
        if self.exchange.on_prompt() {
            return true;
        }
        #[cfg(feature = "at-client")]
        if self.runs_user_command() && self.user_command.takes_prompt() {
            // The next command of the user brings the payload.
            self.user_command.on_prompt();
            self.finish(Some(FinalResult::Ok));
            return true;
        }
        false
    }

    // ---- headers of data that was read ---------------------------------------------------------------------------

    /// `+QIRD: <read_actual_length>[,<remoteIP>,<remote_port>]`.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn on_read_header(&mut self, line: &[u8]) -> LineKind {
        let Some((length, peer)) = parse_read_header(line) else {
            // Counters look alike.
            return self.on_other_line(Some(Prefix::Read), line);
        };
        // An empty datagram has a peer; the answer "no data" has none (quirk 78).
        let has_data = length > 0 || peer.is_some();
        let late = core::mem::take(&mut self.exchange.late_header_allowed);
        let Some((sink, is_damaged)) = (match self.exchange.in_flight_mut() {
            Some(flight) if flight.is_read() => {
                Some((flight.on_read_header(has_data, length), flight.damaged))
            }
            // The late answer to a read that was given up. What follows is payload all the same.
            _ if late => Some((self.exchange.on_late_header(), false)),
            // One that was not asked for is text of somebody.
            _ => None,
        }) else {
            return self.on_other_line(Some(Prefix::Read), line);
        };
        #[cfg(feature = "udp")]
        let is_dropped = (sink.and_then(|key| self.sockets.get_mut(key))).is_some_and(|slot| {
            let is_datagram = slot.is_datagram() && has_data;
            is_datagram && (is_damaged || !slot.on_datagram_header(length, peer))
        });
        #[cfg(not(feature = "udp"))]
        let (is_dropped, _) = (false, is_damaged);
        if is_dropped {
            self.count_dropped_datagrams(1);
        }
        if length == 0 {
            return LineKind::Handled;
        }
        let sink = sink.filter(|_| !is_dropped);
        self.incoming.begin(sink, length, false);
        LineKind::Header
    }
}

fn parse_read_header(line: &[u8]) -> Option<(u16, Option<SocketAddr>)> {
    let ReadHeader::<Peer> { length, peer, .. } = read(line)?;
    (length <= ReadLength::MAX.get()).then_some((length as u16, peer.address()))
}

/// The reason in a `+CME ERROR` or `+CMS ERROR` line. Newer firmware puts the codes of table 1 of the note there.
fn reason_of(failure: Failure<'_>) -> Reason {
    match failure {
        Failure::Plain => Reason::None,
        Failure::Number(number) => match ErrorCode::new(number) {
            Some(code) if (550..=599).contains(&number) => Reason::Code(code),
            _ => Reason::Equipment(number),
        },
        Failure::Text("SIM not inserted") => Reason::Equipment(10),
        Failure::Text(_) => Reason::Equipment(0),
    }
}

/// Whether this line can be what is left of the header of pushed data.
fn can_be_header(line: &[u8]) -> bool {
    const HEADER: &[u8] = b"+QIURC: \"recv\",";
    /// More than is lost at once.
    const LEFT: usize = 7;
    let (mut header, mut count) = (HEADER.iter(), 0);
    for byte in line {
        if !header.any(|other| other == byte) {
            return count >= LEFT && matches!(byte, b'0'..=b'9' | b',');
        }
        count += 1;
    }
    count >= LEFT
}

/// Whether a module can send this line, though the stack does not know it.
fn can_be_from_module(line: &[u8]) -> bool {
    let is_capital = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b':');
    line.starts_with(b"+") || line.iter().all(is_capital)
}
