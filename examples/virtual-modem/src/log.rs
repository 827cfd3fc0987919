//! The traffic on the line in readable form.

use core::fmt;
use core::time::Duration;

/// The origin of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the host to the module.
    ToModule,
    /// From the module to the host.
    ToHost,
    /// Not on the line: a remark of the virtual modem, such as a fault or a violation.
    Remark,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One AT line, without its line ends; bytes outside ASCII are escaped.
    Line(String),
    /// Payload.
    Payload {
        /// Number of bytes.
        length: usize,
        /// The first of them, at most [`Content::EXCERPT`].
        start: Vec<u8>,
    },
}

impl Content {
    /// Longest part of a payload that is kept.
    pub const EXCERPT: usize = 48;
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time of the entry, on the clock of [`crate::time`].
    pub time: Duration,
    /// Origin.
    pub direction: Direction,
    /// Content.
    pub content: Content,
}

impl Entry {
    /// The AT line or the remark; nothing for payload.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Line(text) => Some(text),
            Content::Payload { .. } => None,
        }
    }
}

impl fmt::Display for Entry {
    /// For example `   1.204000 > AT+QIRD=0,1500` or `   1.204000 < [5 bytes] hello`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::ToModule => '>',
            Direction::ToHost => '<',
            Direction::Remark => '#',
        };
        write!(
            f,
            "{:>4}.{:06} {arrow} ",
            self.time.as_secs(),
            self.time.subsec_micros()
        )?;
        match &self.content {
            Content::Line(text) => f.write_str(text),
            Content::Payload { length, start } => {
                let more = if *length > start.len() { "..." } else { "" };
                write!(f, "[{length} bytes] {}{more}", start.escape_ascii())
            }
        }
    }
}
