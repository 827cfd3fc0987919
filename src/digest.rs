//! The digester: bytes in, payload to its ring, URCs to the table, final results to the runner.
//!
//! It keeps two things apart: lines, which are looked at, and payload, which is counted and never looked at. Payload is
//! moved on as it comes, so that the buffer in front of the digester only ever has to hold one line.

use atat::{DigestResult, Digester};

use crate::bytes::{behind, front};
use crate::shared::Shared;
use crate::socket::{Heard, Payload, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waiting for a line to be complete; this much of it has no line end.
    Line { scanned: usize },
    /// The line was a header: payload begins behind the line feed of its line end.
    LineFeed,
    /// This much payload is still to come.
    Payload,
    /// The line was `CONNECT`: data begins behind its line end.
    Connected,
    /// Transparent access mode: all is data.
    Stream,
    /// The line end behind this payload.
    Trailer,
    /// The rest of an overlong line is passed over.
    Skip,
}

/// What to do with a line that is not this crate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forward {
    /// Nobody wants it.
    Nobody,
    /// Hand it on, to the user's own URC type.
    User,
    /// The user's channel takes no more.
    Full,
}

/// Implements [`atat::Digester`] for the language of the note, binary-safe.
pub(crate) struct QuectelDigester<'d, F> {
    shared: &'d Shared<'d>,
    state: State,
    /// What is still to come of the payload that a header announced.
    payload: Payload,
    epoch: u8,
    /// A line that fills the buffer in front of the digester can never be complete.
    longest_line: usize,
    /// What to do with the lines of others.
    forward: F,
}

impl<'d, F: Fn() -> Forward> QuectelDigester<'d, F> {
    pub(crate) fn new(shared: &'d Shared<'d>, buffer: usize, forward: F) -> Self {
        Self {
            shared,
            state: State::Line { scanned: 0 },
            payload: Payload::NONE,
            epoch: shared.with(|table| table.epoch),
            longest_line: buffer,
            forward,
        }
    }

    /// Takes in the first bytes of `input`, which is not empty, as far as they are of one kind.
    fn step<'a>(&mut self, table: &mut Table<'_>, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        match self.state {
            State::Payload => self.payload(table, input),
            State::LineFeed => {
                if table.epoch != self.epoch {
                    // Given up between the header and its data.
                    self.state = State::Line { scanned: 0 };
                    return self.line(table, input, 0);
                }
                self.behind_line_end(table, input, State::Payload)
            }
            State::Connected => self.behind_line_end(table, input, State::Stream),
            State::Stream => match table.stream_in(self.epoch, input) {
                Some(count) => (DigestResult::None, count),
                None => {
                    self.state = State::Line { scanned: 0 };
                    self.line(table, input, 0)
                }
            },
            State::Trailer => {
                self.state = State::Line { scanned: 0 };
                if matches!(input.first(), Some(b'\r' | b'\n')) {
                    (DigestResult::None, 1)
                } else {
                    // More or less than was announced has come.
                    table.mangled(self.payload);
                    self.line(table, input, 0)
                }
            }
            State::Skip => self.skip(table, input),
            State::Line { scanned } => self.line(table, input, scanned),
        }
    }

    fn line<'a>(
        &mut self,
        table: &mut Table<'_>,
        input: &'a [u8],
        scanned: usize,
    ) -> (DigestResult<'a>, usize) {
        if scanned == 0 {
            if let Some(result) = start_of_line(table, input) {
                return result;
            }
            // Any run of line ends is one separator.
            let blank = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            if blank > 0 {
                return (DigestResult::None, blank);
            }
        }
        match find_line_end(behind(input, scanned)) {
            Some(end) => {
                let end = scanned + end;
                let line = front(input, end);
                let heard = table.hear(line);
                self.state = State::Line { scanned: 0 };
                match heard {
                    Heard::Nothing => (DigestResult::None, end),
                    Heard::Final => (DigestResult::Response(Ok(&[])), end),
                    Heard::Foreign => match (self.forward)() {
                        Forward::User => (DigestResult::Urc(line.trim_ascii()), end),
                        Forward::Nobody => (DigestResult::None, end),
                        Forward::Full => {
                            table.dropped_urc();
                            (DigestResult::None, end)
                        }
                    },
                    Heard::Payload(payload) => {
                        self.epoch = table.epoch;
                        self.payload = payload;
                        self.state = State::LineFeed;
                        (DigestResult::None, end)
                    }
                    Heard::Connected => {
                        self.epoch = table.epoch;
                        self.state = State::Connected;
                        (DigestResult::Response(Ok(&[])), end)
                    }
                }
            }
            None if input.len() >= self.longest_line => {
                if table.is_echo_line(input) {
                    self.state = State::Line { scanned: 0 };
                    return (DigestResult::None, input.len());
                }
                self.state = State::Skip;
                self.skip(table, input)
            }
            None => {
                self.state = State::Line {
                    scanned: input.len(),
                };
                (DigestResult::None, 0)
            }
        }
    }

    fn payload<'a>(&mut self, table: &mut Table<'_>, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        if table.epoch != self.epoch {
            // Given up: what comes now is no payload.
            self.state = State::Skip;
            return self.skip(table, input);
        }
        let payload = self.payload;
        let delivered = table.deliver(payload, front(input, payload.length.into()));
        if payload.pushed {
            table.arrived(delivered == usize::from(payload.length));
        }
        self.payload.length -= delivered as u16;
        if self.payload.length == 0 {
            self.state = State::Trailer;
        }
        (DigestResult::None, delivered)
    }

    /// Data begins behind the line feed.
    fn behind_line_end<'a>(
        &mut self,
        table: &mut Table<'_>,
        input: &'a [u8],
        next: State,
    ) -> (DigestResult<'a>, usize) {
        let returns = input.iter().take_while(|byte| **byte == b'\r').count();
        match input.get(returns) {
            None => (DigestResult::None, returns),
            Some(b'\n') => {
                self.state = next;
                (DigestResult::None, returns + 1)
            }
            // No line feed at all: it begins here.
            Some(_) => {
                self.state = next;
                let (result, count) = self.step(table, behind(input, returns));
                (result, returns + count)
            }
        }
    }

    fn skip<'a>(&mut self, table: &mut Table<'_>, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        let count = match find_line_end(input) {
            // Whoever consumes nothing is not asked again before more bytes come.
            Some(0) => {
                self.state = State::Line { scanned: 0 };
                return self.line(table, input, 0);
            }
            Some(end) => {
                self.state = State::Line { scanned: 0 };
                end
            }
            None => input.len(),
        };
        table.skipped(count);
        (DigestResult::None, count)
    }
}

impl<F: Fn() -> Forward> QuectelDigester<'_, F> {
    /// Takes in bytes as far as something is to be told, or more have to come.
    pub(crate) fn find<'a>(&mut self, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        let mut done = 0;
        while done < input.len() {
            // Not for all of it at once: interrupts may be off meanwhile.
            let shared = self.shared;
            let (result, count) = shared.with(|table| self.step(table, behind(input, done)));
            done += count;
            if count == 0 || !matches!(result, DigestResult::None) {
                return (result, done);
            }
        }
        (DigestResult::None, done)
    }
}

impl<F: Fn() -> Forward> Digester for QuectelDigester<'_, F> {
    /// Goes on until there is a line to hand on: each return costs the caller a move of all that is left. Prompts and final
    /// results are the table's, and the runner has them from there.
    fn digest<'a>(&mut self, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        let mut done = 0;
        loop {
            let (result, count) = self.find(behind(input, done));
            done += count;
            match result {
                DigestResult::Urc(_) => return (result, done),
                _ if count == 0 => return (DigestResult::None, done),
                _ => {}
            }
        }
    }
}

/// What has a meaning without a line end: a prompt, and payload that the module repeats.
fn start_of_line<'a>(table: &mut Table<'_>, input: &'a [u8]) -> Option<(DigestResult<'a>, usize)> {
    let echo = table.payload_echo(input);
    if echo > 0 {
        return Some((DigestResult::None, echo));
    }
    if input.first() == Some(&b'>') && table.prompted() {
        let blank = usize::from(input.get(1) == Some(&b' '));
        return Some((DigestResult::Prompt(b'>'), 1 + blank));
    }
    None
}

fn find_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests;
