//! The digester: takes received bytes apart into lines and payload.
//!
//! A line is given to the engine, which says what kind of line it is. Payload is counted and moved to the receive ring of
//! its socket as it arrives, and is never searched. So the receive buffer only has to hold one line.
//!
//! The digester is linear in the number of bytes, whatever pieces they arrive in.

use crate::engine::{Engine, LineKind};
use crate::util::log::{Ascii, trace};
use crate::util::slices::{behind, front};
use crate::util::time;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A line. The first `scanned` bytes of the input have no line end.
    Line { scanned: usize },
    /// The line end of a header. Payload begins after its line feed.
    HeaderEnd,
    /// Payload. If nothing of it has come, the header may still turn out to be a notice (`Stage::MayBeNotice`).
    Payload { has_begun: bool },
    /// What follows payload.
    PayloadEnd,
    /// The line end of `CONNECT`. Transparent data begins after its line feed.
    #[cfg(feature = "transparent")]
    ConnectEnd,
    /// The data of the connection in transparent access mode.
    #[cfg(feature = "transparent")]
    Transparent,
    /// The rest of a line that is skipped: it is longer than the receive buffer, or began as payload that was given up.
    SkippedLine,
}

impl State {
    const LINE_START: Self = Self::Line { scanned: 0 };
}

/// What a step recognised in the bytes that it consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing that anyone has to be told.
    None,
    /// A prompt for payload. The engine has been told.
    Prompt,
    /// The final result code of the transaction in flight. The engine has been told.
    FinalResult,
    /// A line that is not the stack's: the bytes that were consumed.
    ForeignLine,
}

/// Takes received bytes apart.
#[cfg_attr(any(test, fuzzing), derive(Debug))]
pub(crate) struct Digester {
    state: State,
    /// The engine's epoch when the header, or `CONNECT`, was received. In another epoch the engine has given up what
    /// followed it.
    epoch: u8,
    /// The size of the receive buffer. A line that fills it can never be complete.
    longest_line: usize,
}

impl Digester {
    pub(crate) const fn new(longest_line: usize) -> Self {
        Self {
            state: State::LINE_START,
            epoch: 0,
            longest_line,
        }
    }

    /// Consumes the first bytes of `input`, which is not empty, as far as they belong together.
    ///
    /// Returns what they were, and how many. 0: more bytes, or room in a receive ring, are needed first.
    pub(crate) fn step(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Event, usize) {
        match self.state {
            State::Payload { has_begun } => self.payload(engine, input, has_begun),
            State::HeaderEnd => {
                if engine.exchange.epoch != self.epoch {
                    // Given up between the header and its payload.
                    return self.line_start(engine, input);
                }
                self.line_end(engine, input, State::Payload { has_begun: false })
            }
            #[cfg(feature = "transparent")]
            State::ConnectEnd => self.line_end(engine, input, State::Transparent),
            #[cfg(feature = "transparent")]
            State::Transparent => match engine.stream_in(self.epoch, input) {
                Some(count) => (Event::None, count),
                None => self.line_start(engine, input),
            },
            State::PayloadEnd => {
                let take = |byte: &&u8| engine.take_payload_trailer(**byte);
                match input.iter().take_while(take).count() {
                    0 => self.line_start(engine, input),
                    count => (Event::None, count),
                }
            }
            State::SkippedLine => self.skip(engine, input),
            State::Line { scanned } => self.line(engine, input, scanned),
        }
    }

    fn line_start(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Event, usize) {
        self.state = State::LINE_START;
        self.line(engine, input, 0)
    }

    fn line(&mut self, engine: &mut Engine<'_>, input: &[u8], scanned: usize) -> (Event, usize) {
        if scanned == 0 {
            if let Some(result) = take_unterminated(engine, input) {
                return result;
            }
            // Any run of line ends is one separator.
            let separator = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            if separator > 0 {
                engine.on_line_ends(front(input, separator));
                return (Event::None, separator);
            }
        }
        match find_line_end(behind(input, scanned)) {
            Some(end) => {
                let length = scanned + end;
                let event = self.complete_line(engine, front(input, length));
                (event, length)
            }
            None if input.len() >= self.longest_line => {
                if engine.is_echo_line(input) {
                    self.state = State::LINE_START;
                    return (Event::None, input.len());
                }
                self.state = State::SkippedLine;
                self.skip(engine, input)
            }
            None => {
                self.state = State::Line {
                    scanned: input.len(),
                };
                (Event::None, 0)
            }
        }
    }

    fn complete_line(&mut self, engine: &mut Engine<'_>, line: &[u8]) -> Event {
        trace!("< {:?}", Ascii(line));
        engine.env.now = time::now();
        let kind = engine.on_line(line);
        self.state = State::LINE_START;
        match kind {
            LineKind::Handled => Event::None,
            LineKind::Final => Event::FinalResult,
            LineKind::Foreign => Event::ForeignLine,
            LineKind::Header => {
                self.epoch = engine.exchange.epoch;
                self.state = State::HeaderEnd;
                Event::None
            }
            #[cfg(feature = "transparent")]
            LineKind::Connected => {
                self.epoch = engine.exchange.epoch;
                self.state = State::ConnectEnd;
                Event::FinalResult
            }
        }
    }

    fn payload(
        &mut self,
        engine: &mut Engine<'_>,
        input: &[u8],
        has_begun: bool,
    ) -> (Event, usize) {
        let delivered = if engine.exchange.epoch == self.epoch {
            engine.deliver(input)
        } else {
            0
        };
        if engine.exchange.epoch != self.epoch {
            // Given up: what comes now is no payload.
            if !has_begun {
                return self.line_start(engine, input);
            }
            self.state = State::SkippedLine;
            return self.skip(engine, input);
        }
        self.state = if engine.incoming.is_complete() {
            State::PayloadEnd
        } else {
            State::Payload {
                has_begun: has_begun || delivered > 0,
            }
        };
        (Event::None, delivered)
    }

    /// The line end before payload or data: any number of carriage returns, and one line feed.
    fn line_end(&mut self, engine: &mut Engine<'_>, input: &[u8], next: State) -> (Event, usize) {
        let returns = input.iter().take_while(|byte| **byte == b'\r').count();
        match input.get(returns) {
            None => (Event::None, returns),
            Some(b'\n') => {
                self.state = next;
                (Event::None, returns + 1)
            }
            // There is no line feed. What follows begins here.
            Some(_) => {
                self.state = next;
                let (event, count) = self.step(engine, behind(input, returns));
                (event, returns + count)
            }
        }
    }

    fn skip(&mut self, engine: &mut Engine<'_>, input: &[u8]) -> (Event, usize) {
        let count = match find_line_end(input) {
            // A step that consumes nothing is not followed by another one before more bytes arrive.
            Some(0) => return self.line_start(engine, input),
            Some(end) => {
                self.state = State::LINE_START;
                end
            }
            None => input.len(),
        };
        engine.skipped(count);
        (Event::None, count)
    }
}

/// Takes what can come at the start of a line without a line end of its own: echoed payload, and a prompt.
fn take_unterminated(engine: &mut Engine<'_>, input: &[u8]) -> Option<(Event, usize)> {
    let echo = engine.match_payload_echo(input);
    if echo > 0 {
        return Some((Event::None, echo));
    }
    if input.first() == Some(&b'>') {
        engine.env.now = time::now();
        if engine.prompted() {
            let blank = usize::from(input.get(1) == Some(&b' '));
            return Some((Event::Prompt, 1 + blank));
        }
    }
    None
}

fn find_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests;
