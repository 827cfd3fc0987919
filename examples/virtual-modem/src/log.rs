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

    /// Bytes of text or payload that are kept.
    pub(crate) fn kept(&self) -> usize {
        match self {
            Content::Line(text) => text.len(),
            Content::Payload { start, .. } => start.len(),
        }
    }
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

/// Results of commands, whole.
const RESULTS: &[&str] = &[
    "OK",
    "ERROR",
    "SEND OK",
    "SEND FAIL",
    "NO CARRIER",
    "CONNECT",
];
/// What a URC begins with.
const URCS: &[&str] = &[
    "+QIURC:",
    "+QIOPEN:",
    "RDY",
    "APP RDY",
    "POWERED DOWN",
    "NORMAL POWER DOWN",
    "+QPING:",
    "+QNTP:",
    "+CMTI:",
    "+CMT:",
    "+QIND:",
    "RING",
];

impl Entry {
    /// What it is: `command`, `response`, `result`, `urc`, `prompt`, `payload`, `fault`, `violation` or `remark`.
    pub fn meaning(&self) -> &'static str {
        let Content::Line(text) = &self.content else {
            return "payload";
        };
        let begins = |all: &[&str]| all.iter().any(|start| text.starts_with(start));
        match self.direction {
            Direction::ToModule => "command",
            Direction::Remark if text.starts_with("violation: ") => "violation",
            Direction::Remark if text.starts_with("fault: ") => "fault",
            Direction::Remark => "remark",
            Direction::ToHost if text == ">" => "prompt",
            Direction::ToHost if RESULTS.contains(&text.as_str()) => "result",
            Direction::ToHost if begins(&["+CME ERROR", "+CMS ERROR", "CONNECT "]) => "result",
            Direction::ToHost if begins(URCS) => "urc",
            Direction::ToHost => "response",
        }
    }

    /// The entry as JSON: time in seconds, direction, meaning, and the text or the number and start of the bytes.
    pub fn to_json(&self) -> serde_json::Value {
        let direction = match self.direction {
            Direction::ToModule => "to_module",
            Direction::ToHost => "to_host",
            Direction::Remark => "remark",
        };
        let mut entry = serde_json::json!({
            "time": self.time.as_secs_f64(),
            "direction": direction,
            "meaning": self.meaning(),
        });
        match &self.content {
            Content::Line(text) => {
                entry["bytes"] = text.len().into();
                entry["text"] = text.as_str().into();
            }
            Content::Payload { length, start } => {
                entry["bytes"] = (*length).into();
                entry["start"] = start.escape_ascii().to_string().into();
            }
        }
        entry
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
