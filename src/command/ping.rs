//! Reachability of a host: AT+QPING (2.1.11).

use atat::atat_derive::AtatCmd;

use super::{
    address::Host,
    ids::ContextId,
    number::Within,
    response::{AnswerText, NoResponse},
};

/// How long the module waits for each reply: 1 to 255 s.
pub type PingTimeout = Within<1, 255>;

/// How many requests the module sends: 1 to 10.
pub type PingCount = Within<1, 10>;

/// `AT+QPING=?`: which contexts, timeouts and counts there are (2.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPING=?", AnswerText, timeout_ms = 60_000)]
pub struct TestPing;

/// `AT+QPING=<contextID>,<host>[,<timeout>[,<pingnum>]]`: pings a host (2.1.11).
///
/// OK comes at once; the results are [`Urc::Ping`](super::Urc::Ping), one for each request and a
/// summary, within [`Ping::max_duration_ms`] after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPING", NoResponse, timeout_ms = 60_000)]
pub struct Ping<'a> {
    context: ContextId,
    host: Host<'a>,
    timeout: Option<PingTimeout>,
    count: Option<PingCount>,
}

impl<'a> Ping<'a> {
    const DEFAULT: u32 = 4;

    /// Pings `host` four times, with 4 s for each reply.
    #[must_use]
    pub const fn new(context: ContextId, host: Host<'a>) -> Self {
        Self {
            context,
            host,
            timeout: None,
            count: None,
        }
    }

    /// Waits for each reply as long as this, in seconds.
    #[must_use]
    pub const fn timeout(mut self, timeout: PingTimeout) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Pings as often as this.
    #[must_use]
    pub const fn count(mut self, count: PingCount) -> Self {
        self.count = Some(count);
        if self.timeout.is_none() {
            self.timeout = Some(PingTimeout::nearest(Self::DEFAULT));
        }
        self
    }

    /// How long it can take until the summary comes, in milliseconds: all timeouts, and 60 s to
    /// resolve the name.
    #[must_use]
    pub const fn max_duration_ms(&self) -> u32 {
        let seconds = match self.timeout {
            Some(timeout) => timeout.get(),
            None => Self::DEFAULT,
        };
        let count = match self.count {
            Some(count) => count.get(),
            None => Self::DEFAULT,
        };
        60_000 + seconds * count * 1_000
    }
}
