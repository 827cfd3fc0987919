//! Pings by the module (2.1.11).

use core::net::IpAddr;
use core::task::Poll;

use embassy_time::Duration;
use heapless::Deque;

use super::deferred::{Deferred, QueryId};
use crate::at::{ErrorCode, PingReport};
use crate::engine::wakes::WakeSet;

/// How many replies wait for the user.
const MAX_REPLIES: usize = 4;

/// What came of one ping request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PingReply {
    /// The host answered.
    #[non_exhaustive]
    Answered {
        /// The address that answered.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        address: IpAddr,
        /// The length of the request.
        bytes: u16,
        /// The time that it took.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        time: Duration,
        /// The time to live of the answer.
        time_to_live: u8,
    },
    /// It did not; 569 is no answer in time.
    Failed(ErrorCode),
}

/// What came of all requests of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PingSummary {
    /// Requests sent.
    pub sent: u16,
    /// Requests answered.
    pub received: u16,
    /// Requests not answered.
    pub lost: u16,
    /// The shortest time.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub min: Duration,
    /// The longest time.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub max: Duration,
    /// The average time.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub average: Duration,
}

/// A ping under way.
#[derive(Debug)]
pub(crate) struct Ping<'d> {
    pub(crate) query: Deferred<'d, PingSummary>,
    /// Requests whose result has not come yet.
    missing: u8,
    replies: Deque<PingReply, MAX_REPLIES>,
}

impl<'d> Ping<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            query: Deferred::new(wakes),
            missing: 0,
            replies: Deque::new(),
        }
    }

    /// Begins with this many requests.
    pub(crate) fn begin(&mut self, count: u8) {
        self.missing = count;
        self.replies.clear();
    }

    /// Takes in a report: false if a reply had to be dropped.
    pub(crate) fn report(&mut self, report: PingReport) -> bool {
        if !self.query.is_awaited() {
            return true;
        }
        let time = |millis: u32| Duration::from_millis(millis.into());
        let reply = match report {
            PingReport::Reply {
                result: Ok(()),
                address,
                bytes,
                time: millis,
                time_to_live,
            } => PingReply::Answered {
                address,
                bytes,
                time: time(millis),
                time_to_live,
            },
            PingReport::Reply {
                result: Err(code), ..
            } => PingReply::Failed(code),
            // A number alone: a request that was not answered in time, or the end of all.
            PingReport::Result(Err(code @ ErrorCode::TIMEOUT)) if self.missing > 0 => {
                PingReply::Failed(code)
            }
            PingReport::Summary {
                result,
                sent,
                received,
                lost,
                min,
                max,
                average,
            } => {
                self.query.end(result.map(|()| PingSummary {
                    sent,
                    received,
                    lost,
                    min: time(min),
                    max: time(max),
                    average: time(average),
                }));
                return true;
            }
            PingReport::Result(result) => {
                let code = result.err().unwrap_or(ErrorCode::UNSPECIFIED);
                self.query.end(Err(code));
                return true;
            }
        };
        self.missing = self.missing.saturating_sub(1);
        self.query.wake();
        self.replies.push_back(reply).is_ok()
    }

    /// The next reply; then none, when the summary is there.
    pub(crate) fn poll_reply(&mut self, ticket: QueryId) -> Poll<Option<PingReply>> {
        if !self.query.is_current(ticket) {
            return Poll::Ready(None);
        }
        match self.replies.pop_front() {
            Some(reply) => Poll::Ready(Some(reply)),
            None => self.query.poll_result(ticket).map(|_| None),
        }
    }
}
