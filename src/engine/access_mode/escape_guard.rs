//! `+++` among the data that is sent in transparent access mode: never so that the module takes it for an escape (1.2).

use embassy_time::{Duration, Instant};

use crate::engine::exchange::job::{ESCAPE_GUARD, PAYLOAD_PIECE};
use crate::util::ring::Ring;
use crate::util::time::{NEVER, after, get_or_set};

/// A pause of this length can pass for the silence before an escape.
const PAUSE: Duration = Duration::from_millis(900);

/// What was sent last on a data line.
#[derive(Debug)]
pub(crate) struct EscapeGuard {
    /// When the last bytes were sent, as far as the scheduler has looked.
    sent_at: Instant,
    /// Number of `+` that were sent since the last pause, if nothing else was.
    pluses: Option<u8>,
}

impl EscapeGuard {
    pub(crate) const fn new() -> Self {
        Self {
            sent_at: NEVER,
            pluses: None,
        }
    }

    /// When the last bytes were sent; `now` if none were.
    pub(crate) fn sent_at(&mut self, now: Instant) -> Instant {
        get_or_set(&mut self.sent_at, now)
    }

    /// How many bytes of the ring can be sent now so that the module does not take them for an escape, which is `+++` between
    /// two silences. `Err`: when to ask again.
    pub(crate) fn sendable(&mut self, tx: &Ring<'_>, now: Instant) -> Result<usize, Instant> {
        let sent_at = self.sent_at.min(now);
        if now >= after(sent_at, PAUSE) {
            self.pluses = Some(0);
        }
        let length = tx.len().min(PAYLOAD_PIECE);
        let Some(before) = self.pluses else {
            return Ok(length);
        };
        let (first, second) = tx.pieces(0);
        let more = first.iter().chain(second);
        let more = more.take_while(|byte| **byte == b'+').count();
        if more < tx.len() || usize::from(before) + more != 3 {
            return Ok(length);
        }
        match more {
            // The third one only when a silence separates it from the others.
            1 => Err(after(sent_at, ESCAPE_GUARD)),
            _ => Ok(more - 1),
        }
    }

    /// `count` bytes of the ring were sent.
    pub(crate) fn on_sent(&mut self, tx: &Ring<'_>, count: usize, now: Instant) {
        let (first, second) = tx.pieces(0);
        let mut sent = first.iter().chain(second).take(count);
        self.pluses = match self.pluses {
            Some(before) if sent.all(|byte| *byte == b'+') => {
                Some(before.saturating_add(count.min(4) as u8))
            }
            _ => None,
        };
        self.sent_at = now;
    }
}
