//! `+++` among the data of a connection that has the line: never so that the module takes it for an escape (section 1.2).

use embassy_time::{Duration, Instant};

use crate::engine::access_mode::transparent::{GUARD, Transparent};
use crate::util::ring::Ring;
use crate::util::time::after;

/// A pause of this length could pass for the silence before an escape.
const PAUSE: Duration = Duration::from_millis(900);
/// Payload is written in pieces of this size, so that the table is free in between.
pub(crate) const PIECE: usize = 256;

impl Transparent {
    /// How much can be sent now so that the module does not take it for an escape: `+++` between two silences is one.
    pub(crate) fn unmistakable(&mut self, tx: &Ring<'_>, now: Instant) -> Result<usize, Instant> {
        let sent_at = self.sent_at.min(now);
        if now >= after(sent_at, PAUSE) {
            self.pluses = Some(0);
        }
        let length = tx.len().min(PIECE);
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
            // The third one only when the silence has set it apart.
            1 => Err(after(sent_at, GUARD)),
            _ => Ok(more - 1),
        }
    }

    pub(crate) fn sent(&mut self, tx: &Ring<'_>, count: usize, now: Instant) {
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
