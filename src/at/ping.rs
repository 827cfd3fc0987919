//! Pings by the module: AT+QPING (2.1.11).

use core::net::IpAddr;

use super::atat::{self, AtatCmd};
use super::deserializer::{Fields, deserialize_by, unquoted};
use super::errors::ErrorCode;
use super::fields::{ContextId, Host, Within, address_of};
use super::response::{AnswerText, NoResponse};

/// The time limit of each reply: 1 to 255 s.
pub type PingTimeout = Within<1, 255>;

/// The number of requests: 1 to 10.
pub type PingCount = Within<1, 10>;

/// `AT+QPING=?`: lists the supported contexts, timeouts and counts (2.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPING=?", AnswerText, timeout_ms = 60_000)]
pub struct TestPing;

/// `AT+QPING=<contextID>,<host>[,<timeout>[,<pingnum>]]`: pings a host (2.1.11).
///
/// The results follow the final result code as [`Urc::Ping`](super::Urc::Ping): one for each request and a summary, within
/// [`Ping::max_duration_ms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPING", NoResponse, timeout_ms = 60_000)]
pub struct Ping<'a> {
    #[at_arg(position = 0)]
    context: ContextId,
    #[at_arg(position = 1)]
    host: Host<'a>,
    #[at_arg(position = 2)]
    timeout: Option<PingTimeout>,
    #[at_arg(position = 3)]
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

    /// Sets the time limit of each reply. Default 4 s.
    #[must_use]
    pub const fn timeout(mut self, timeout: PingTimeout) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the number of requests. Default 4.
    #[must_use]
    pub const fn count(mut self, count: PingCount) -> Self {
        self.count = Some(count);
        if self.timeout.is_none() {
            self.timeout = Some(PingTimeout::nearest(Self::DEFAULT));
        }
        self
    }

    /// The maximum time from OK to the summary in milliseconds: all timeouts, and 60 s to resolve the name.
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

/// `+QPING: …`: the result of a request, or of all requests (2.1.11). Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PingReport {
    /// `<result>,<IP_address>,<bytes>,<time>,<ttl>`: the result of a request.
    Reply {
        /// Whether the host has replied.
        result: Result<(), ErrorCode>,
        /// The address that has replied.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        address: IpAddr,
        /// The length of the request in bytes.
        bytes: u16,
        /// The time from the request to the reply.
        time: u32,
        /// The time to live of the reply.
        time_to_live: u8,
    },
    /// `<finresult>,<sent>,<rcvd>,<lost>,<min>,<max>,<avg>`: the summary, which is the last line.
    Summary {
        /// Whether the ping was carried out.
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
    /// `<result>` or `<finresult>` alone: one request or the whole ping has failed. Only the number of lines shows which.
    Result(Result<(), ErrorCode>),
}

impl PingReport {
    fn of(line: &[u8]) -> Option<Self> {
        let mut fields = Fields::of_line(line);
        let result = ErrorCode::check(fields.next()?);
        if fields.end().is_some() {
            return Some(Self::Result(result));
        }
        let start = fields;
        let report = match address_of(unquoted(fields.field())) {
            Some(address) => Self::Reply {
                result,
                address,
                bytes: fields.next()?,
                time: fields.next()?,
                time_to_live: fields.next()?,
            },
            None => {
                fields = start;
                let mut time = [0; 3];
                let (sent, received, lost) = (fields.next()?, fields.next()?, fields.next()?);
                for time in &mut time {
                    *time = fields.next::<Option<_>>()?.unwrap_or_default();
                }
                let [min, max, average] = time;
                Self::Summary {
                    result,
                    sent,
                    received,
                    lost,
                    min,
                    max,
                    average,
                }
            }
        };
        fields.end()?;
        Some(report)
    }
}

// A whole line.
deserialize_by!(remainder, PingReport, Self::of);
