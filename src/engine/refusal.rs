//! Refusals that pass: which they are, how often the command is repeated, and after what pause.
//!
//! [`Retries`] is the rule for opens, counts of what was sent, changes of the mode, datagrams, lookups, pings and questions for the
//! time. Sends of a stream are repeated until `send_time` is over, reads `READ_TRIES` times, both after
//! the pauses of `Pause` (`sockets/transfer.rs`).

use embassy_time::{Duration, Instant};

use crate::at::ErrorCode;
use crate::util::time::after;

/// `+CME ERROR: 3`: the operation is not allowed in the present state of the module.
const OPERATION_NOT_ALLOWED: u16 = 3;
/// `+CME ERROR: 14`: the SIM card is busy.
const SIM_BUSY: u16 = 14;

/// Whether the module may carry out the same command a moment later (quirk 122). Other refusals are reported to the user at once.
#[inline(never)] // Many callers.
pub(crate) fn can_pass(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::BLOCKED
            | ErrorCode::OUT_OF_MEMORY
            | ErrorCode::DNS_BUSY
            | ErrorCode::BUSY
            | ErrorCode::TIMEOUT
            | ErrorCode::SEND_CANCELLED
            | ErrorCode::NOT_ALLOWED
    ) || matches!(code.code(), OPERATION_NOT_ALLOWED | SIM_BUSY)
}

/// How often one operation has been refused in a row. It is repeated seven times, within 20 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retries {
    count: u8,
    /// The pause before the next try has not begun.
    pause_is_due: bool,
}

impl Retries {
    pub(crate) const NEW: Self = Self {
        count: 0,
        pause_is_due: false,
    };
    const MAX: u8 = 7;
    /// Before the first repetition; doubles each time.
    const FIRST_PAUSE: Duration = Duration::from_millis(500);
    const LONGEST_PAUSE: Duration = Duration::from_secs(4);

    /// Counts a refusal of the operation. Returns whether it is to be repeated after a pause.
    pub(crate) fn count_refusal(&mut self, code: ErrorCode) -> bool {
        can_pass(code) && self.count_failure()
    }

    /// Counts a failure for a reason that can pass. Returns whether the operation is to be repeated after a pause.
    pub(crate) const fn count_failure(&mut self) -> bool {
        let repeats = self.count < Self::MAX;
        if repeats {
            self.count += 1;
            self.pause_is_due = true;
        }
        repeats
    }

    /// Begins the pause that is due. Returns its end.
    pub(crate) fn begin_pause(&mut self, now: Instant) -> Option<Instant> {
        core::mem::take(&mut self.pause_is_due).then(|| {
            let pause = Self::FIRST_PAUSE * (1 << self.count.saturating_sub(1));
            after(now, pause.min(Self::LONGEST_PAUSE))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_refusals_are_repeated_within_a_budget() {
        for code in [3, 14, 551, 553, 564, 568, 569, 571, 572] {
            let code = ErrorCode::new(code).unwrap();
            let mut retries = Retries::NEW;
            let mut now = Instant::from_secs(1);
            let mut count = 0;
            while retries.count_refusal(code) {
                let until = retries.begin_pause(now).expect("a pause");
                assert!(until - now >= Duration::from_millis(500));
                assert_eq!(retries.begin_pause(until), None);
                now = until;
                count += 1;
            }
            assert_eq!((count, now.as_millis()), (7, 1000 + 19_500));
        }
    }

    #[test]
    fn permanent_refusals_are_told_at_once() {
        for code in [
            10, 50, 550, 552, 554, 555, 556, 557, 561, 563, 565, 566, 567, 570, 573, 574,
        ] {
            let mut retries = Retries::NEW;
            assert!(!retries.count_refusal(ErrorCode::new(code).unwrap()));
        }
    }
}
