//! Reachability of a host: AT+QPING (2.1.11).

use core::net::IpAddr;

use atat::atat_derive::AtatResp;
use serde_at::from_slice;

use super::{
    address::{Host, parse_address},
    error_code::ErrorCode,
    field::Word,
    ids::ContextId,
    number::Within,
    response::{AnswerText, NoResponse},
    writer::command,
};

/// How long the module waits for each reply: 1 to 255 s.
pub type PingTimeout = Within<1, 255>;

/// How many requests the module sends: 1 to 10.
pub type PingCount = Within<1, 10>;

/// `AT+QPING=?`: which contexts, timeouts and counts there are (2.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestPing;

command!(TestPing = "AT+QPING=?" -> AnswerText, 60_000 ms);

/// `AT+QPING=<contextID>,<host>[,<timeout>[,<pingnum>]]`: pings a host (2.1.11).
///
/// OK comes at once; the results are [`Urc::Ping`](super::Urc::Ping), one for each request and a
/// summary, within [`Ping::max_duration_ms`] after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping<'a> {
    context: ContextId,
    host: Host<'a>,
    timeout: Option<PingTimeout>,
    count: Option<PingCount>,
}

command!(Ping<'_> = "AT+QPING=" [context, host, timeout, count] -> NoResponse, 60_000 ms);

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

/// What a `+QPING` line tells (2.1.11). Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PingReport {
    /// `<result>,<IP_address>,<bytes>,<time>,<ttl>`: one reply.
    Reply {
        /// Whether it is one.
        result: Result<(), ErrorCode>,
        /// Who replied.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        address: IpAddr,
        /// Bytes in the request.
        bytes: u16,
        /// How long it took.
        time: u32,
        /// What is left of the packet's time to live.
        time_to_live: u8,
    },
    /// `<finresult>,<sent>,<rcvd>,<lost>,<min>,<max>,<avg>`: all of it. The last line.
    Summary {
        /// Whether the host was found.
        result: Result<(), ErrorCode>,
        /// Requests sent.
        sent: u16,
        /// Replies received.
        received: u16,
        /// Requests without a reply.
        lost: u16,
        /// Shortest time.
        min: u32,
        /// Longest time.
        max: u32,
        /// Mean time.
        average: u32,
    },
    /// `<result>` or `<finresult>` alone: one request, or all of it, failed. Which of the two
    /// only the count of lines can tell.
    Result(Result<(), ErrorCode>),
}

impl PingReport {
    /// The fields of a `+QPING` line.
    pub(super) fn parse(fields: &[u8]) -> Option<Self> {
        let reply = || from_slice(fields).ok().and_then(PingReplyFields::report);
        let summary = || from_slice(fields).ok().map(PingSummaryFields::report);
        let result = || from_slice(fields).ok().map(PingResultFields::report);
        reply().or_else(summary).or_else(result)
    }
}

#[derive(AtatResp)]
struct PingReplyFields {
    result: u16,
    address: Word<64>,
    bytes: u16,
    time: u32,
    time_to_live: u8,
}

impl PingReplyFields {
    fn report(self) -> Option<PingReport> {
        Some(PingReport::Reply {
            result: ErrorCode::check(self.result),
            address: parse_address(&self.address.text)?,
            bytes: self.bytes,
            time: self.time,
            time_to_live: self.time_to_live,
        })
    }
}

#[derive(AtatResp)]
struct PingSummaryFields {
    result: u16,
    sent: u16,
    received: u16,
    lost: u16,
    min: Option<u32>,
    max: Option<u32>,
    average: Option<u32>,
}

impl PingSummaryFields {
    fn report(self) -> PingReport {
        PingReport::Summary {
            result: ErrorCode::check(self.result),
            sent: self.sent,
            received: self.received,
            lost: self.lost,
            min: self.min.unwrap_or_default(),
            max: self.max.unwrap_or_default(),
            average: self.average.unwrap_or_default(),
        }
    }
}

#[derive(AtatResp)]
struct PingResultFields {
    result: u16,
}

impl PingResultFields {
    fn report(self) -> PingReport {
        PingReport::Result(ErrorCode::check(self.result))
    }
}
