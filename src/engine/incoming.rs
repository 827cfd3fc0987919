//! The payload that is coming or came last, and the line ends that follow it.

use embassy_time::Instant;

use super::sockets::key::Key;
use crate::util::time::NEVER;

/// How much of the payload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No payload is coming.
    Idle,
    /// The last line was the header of a push, or a notice. The next bytes decide; this many of them have not decided yet.
    MayBeNotice(u16),
    /// The rest is still to come.
    Coming,
    /// It is complete, and this many characters of line ends have followed: 0 to 4, and 5 for a CR after complete pairs.
    Complete(u8),
}

/// The payload that is coming or came last, and the line ends that follow it.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The socket that it is for. `None`: the bytes are counted and dropped.
    pub(super) sink: Option<Key>,
    /// The module sends it unasked, so that the ring may have no room for it.
    pushed: bool,
    /// Bytes, as the header said.
    pub(crate) length: u16,
    /// Bytes still to come.
    pub(super) left: u16,
    pub(super) stage: Stage,
    /// Since when nothing has come, as far as the scheduler has looked.
    pub(super) quiet_since: Instant,
    /// The payload has paused for longer than a push may pause.
    pub(super) has_paused: bool,
    /// How many times in a row two line ends have followed payload that was read, and payload that was pushed (quirks 64 and 91).
    /// From 2 on a single one can be the second of two.
    pub(super) double_line_ends: [u8; 2],
}

impl Incoming {
    pub(super) const fn new() -> Self {
        Self {
            sink: None,
            pushed: false,
            length: 0,
            left: 0,
            stage: Stage::Idle,
            quiet_since: NEVER,
            has_paused: false,
            double_line_ends: [0; 2],
        }
    }

    /// The module restarts, or was replaced.
    pub(super) const fn forget(&mut self) {
        self.double_line_ends = [0; 2];
    }

    /// A header has come.
    pub(super) const fn begin(&mut self, sink: Option<Key>, length: u16, pushed: bool) {
        self.sink = sink;
        self.pushed = pushed;
        self.length = length;
        self.left = length;
        self.stage = Stage::Coming;
        self.quiet_since = NEVER;
        self.has_paused = false;
    }

    /// Whether it was pushed. Firmware without that access mode does not contain what is about it.
    pub(super) const fn is_pushed(&self) -> bool {
        cfg!(feature = "push") && self.pushed
    }

    /// Whether a push for this socket, or the line end after it, is still coming.
    pub(super) fn is_pushed_to(&self, key: Key) -> bool {
        self.is_pushed() && self.sink == Some(key) && self.stage != Stage::Idle
    }

    /// Whether no byte of it is missing.
    pub(crate) const fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Whether the rest of a payload is still to come.
    pub(super) fn is_coming(&self) -> bool {
        self.stage == Stage::Coming
    }

    /// Whether the end of the payload has not come, or not all of a line end after it.
    pub(super) const fn is_cut(&self) -> bool {
        match self.stage {
            Stage::Idle => false,
            Stage::MayBeNotice(_) | Stage::Coming => true,
            Stage::Complete(count) => count < 2 || !count.is_multiple_of(2),
        }
    }

    /// The line was a notice and not a header. Returns its socket, and the length in it.
    pub(super) const fn end_as_notice(&mut self) -> (Option<Key>, u16) {
        self.stage = Stage::Idle;
        (self.sink, self.length)
    }

    /// Whether the module usually sends two line ends after the payload.
    pub(super) fn takes_two(&self) -> bool {
        self.double_line_ends[usize::from(self.is_pushed())] >= 2
    }

    /// Whether this many characters of line ends are all that has to follow the payload. One line end after payload that ends
    /// with one may be the second of two.
    pub(super) fn is_sound(&self, count: u8, ends_with_line_feed: bool) -> bool {
        match count {
            2 => !(self.takes_two() && ends_with_line_feed),
            count => count >= 4 && count.is_multiple_of(2),
        }
    }
}
