//! What is lost is counted, and reported to the socket that it concerns.

mod counters;
mod uart;

use quectel_nal::{Stack, Statistics};

/// The counters at some time. Transactions and URCs are no loss.
struct Counters<'d> {
    stack: Stack<'d>,
    before: Statistics,
}

impl<'d> Counters<'d> {
    fn of(stack: Stack<'d>) -> Self {
        let before = stack.statistics();
        Self { stack, before }
    }

    /// Since then this has been counted, and nothing else.
    #[track_caller]
    fn expect(&self, change: impl FnOnce(&mut Statistics)) {
        let seen = self.stack.statistics();
        let mut expected = self.before;
        change(&mut expected);
        (expected.transactions, expected.urcs) = (seen.transactions, seen.urcs);
        assert_eq!(seen, expected);
    }
}
