//! The digester: bytes in, payload to its ring, URCs to the table, final results to the runner.
//!
//! It keeps two things apart: lines, which are looked at, and payload, which is counted and never looked at. Payload is
//! moved on as it comes, so that the buffer in front of the digester only ever has to hold one line.

use atat::{DigestResult, Digester};

use crate::engine::shared::Shared;
use crate::engine::{Engine, LineKind, Payload};
use crate::util::slices::{behind, front};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// OneWaker for a line to be complete; this much of it has no line end.
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

/// What was found at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing to tell of.
    Nothing,
    /// A prompt.
    Prompt,
    /// A final result.
    Final,
    /// A line that is to be handed on.
    Line,
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
            epoch: shared.with(|engine| engine.epoch()),
            longest_line: buffer,
            forward,
        }
    }

    /// Takes in the first bytes of `input`, which is not empty, as far as they are of one kind.
    fn step(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Found, usize) {
        match self.state {
            State::Payload => self.payload(engine, input),
            State::LineFeed => {
                if engine.epoch() != self.epoch {
                    // Given up between the header and its data.
                    self.state = State::Line { scanned: 0 };
                    return self.line(engine, input, 0);
                }
                self.behind_line_end(engine, input, State::Payload)
            }
            State::Connected => self.behind_line_end(engine, input, State::Stream),
            State::Stream => match engine.stream_in(self.epoch, input) {
                Some(count) => (Found::Nothing, count),
                None => {
                    self.state = State::Line { scanned: 0 };
                    self.line(engine, input, 0)
                }
            },
            State::Trailer => {
                self.state = State::Line { scanned: 0 };
                if matches!(input.first(), Some(b'\r' | b'\n')) {
                    (Found::Nothing, 1)
                } else {
                    // More or less than was announced has come.
                    engine.on_framing_error(self.payload);
                    self.line(engine, input, 0)
                }
            }
            State::Skip => self.skip(engine, input),
            State::Line { scanned } => self.line(engine, input, scanned),
        }
    }

    fn line(&mut self, engine: &mut Engine<'_>, input: &[u8], scanned: usize) -> (Found, usize) {
        if scanned == 0 {
            if let Some(result) = start_of_line(engine, input) {
                return result;
            }
            // Any run of line ends is one separator.
            let blank = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            if blank > 0 {
                return (Found::Nothing, blank);
            }
        }
        match find_line_end(behind(input, scanned)) {
            Some(end) => {
                let end = scanned + end;
                let line = front(input, end);
                let heard = engine.on_line(line);
                self.state = State::Line { scanned: 0 };
                match heard {
                    LineKind::Handled => (Found::Nothing, end),
                    LineKind::Final => (Found::Final, end),
                    LineKind::Foreign => match (self.forward)() {
                        Forward::User => (Found::Line, end),
                        Forward::Nobody => (Found::Nothing, end),
                        Forward::Full => {
                            engine.dropped_urc();
                            (Found::Nothing, end)
                        }
                    },
                    LineKind::Header(payload) => {
                        self.epoch = engine.epoch();
                        self.payload = payload;
                        self.state = State::LineFeed;
                        (Found::Nothing, end)
                    }
                    LineKind::Connected => {
                        self.epoch = engine.epoch();
                        self.state = State::Connected;
                        (Found::Final, end)
                    }
                }
            }
            None if input.len() >= self.longest_line => {
                if engine.is_echo_line(input) {
                    self.state = State::Line { scanned: 0 };
                    return (Found::Nothing, input.len());
                }
                self.state = State::Skip;
                self.skip(engine, input)
            }
            None => {
                self.state = State::Line {
                    scanned: input.len(),
                };
                (Found::Nothing, 0)
            }
        }
    }

    fn payload(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Found, usize) {
        if engine.epoch() != self.epoch {
            // Given up: what comes now is no payload.
            self.state = State::Skip;
            return self.skip(engine, input);
        }
        let payload = self.payload;
        let delivered = engine.deliver(payload, front(input, payload.length.into()));
        if payload.pushed {
            engine.arrived(delivered == usize::from(payload.length));
        }
        self.payload.length -= delivered as u16;
        if self.payload.length == 0 {
            self.state = State::Trailer;
        }
        (Found::Nothing, delivered)
    }

    /// Data begins behind the line feed.
    fn behind_line_end(
        &mut self,
        engine: &mut Engine<'_>,
        input: &[u8],
        next: State,
    ) -> (Found, usize) {
        let returns = input.iter().take_while(|byte| **byte == b'\r').count();
        match input.get(returns) {
            None => (Found::Nothing, returns),
            Some(b'\n') => {
                self.state = next;
                (Found::Nothing, returns + 1)
            }
            // No line feed at all: it begins here.
            Some(_) => {
                self.state = next;
                let (result, count) = self.step(engine, behind(input, returns));
                (result, returns + count)
            }
        }
    }

    fn skip(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Found, usize) {
        let count = match find_line_end(input) {
            // Whoever consumes nothing is not asked again before more bytes come.
            Some(0) => {
                self.state = State::Line { scanned: 0 };
                return self.line(engine, input, 0);
            }
            Some(end) => {
                self.state = State::Line { scanned: 0 };
                end
            }
            None => input.len(),
        };
        engine.skipped(count);
        (Found::Nothing, count)
    }
}

impl<F: Fn() -> Forward> QuectelDigester<'_, F> {
    /// Takes in bytes as far as something is to be told, or more have to come: what that is, where it begins, and where it
    /// ends.
    pub(crate) fn find(&mut self, input: &[u8]) -> (Found, usize, usize) {
        let mut done = 0;
        while done < input.len() {
            // Not for all of it at once: interrupts may be off meanwhile.
            let shared = self.shared;
            let (found, count) = shared.with(|engine| self.step(engine, behind(input, done)));
            let start = done;
            done += count;
            if count == 0 || found != Found::Nothing {
                return (found, start, done);
            }
        }
        (Found::Nothing, done, done)
    }
}

impl<F: Fn() -> Forward> Digester for QuectelDigester<'_, F> {
    /// Goes on until there is a line to hand on: each return costs the caller a move of all that is left. Prompts and final
    /// results are the table's, and the runner has them from there.
    fn digest<'a>(&mut self, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        let mut done = 0;
        loop {
            let rest = behind(input, done);
            let (found, start, end) = self.find(rest);
            done += end;
            if found == Found::Line {
                let line = behind(front(rest, end), start);
                return (DigestResult::Urc(line.trim_ascii()), done);
            }
            if end == 0 {
                return (DigestResult::None, done);
            }
        }
    }
}

/// What has a meaning without a line end: a prompt, and payload that the module repeats.
fn start_of_line(engine: &mut Engine<'_>, input: &[u8]) -> Option<(Found, usize)> {
    let echo = engine.payload_echo(input);
    if echo > 0 {
        return Some((Found::Nothing, echo));
    }
    if input.first() == Some(&b'>') && engine.prompted() {
        let blank = usize::from(input.get(1) == Some(&b' '));
        return Some((Found::Prompt, 1 + blank));
    }
    None
}

fn find_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests;
