//! Results that come as URCs, long after the OK to their command: pings (section 2.1.11) and the time of a server
//! (section 2.1.12).

use core::net::IpAddr;
use core::task::{Poll, Waker};

use embassy_time::{Duration, Instant};
use heapless::Deque;

use crate::at::{DateTime, ErrorCode, PingReport, Synchronized, read};
use crate::engine::Engine;
use crate::error::Error;
use crate::util::wakers::MultiWaker;

/// How many tasks can wait for their turn before they begin to wake each other.
const WAITERS: usize = 2;
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

/// Names one question: whoever asked an earlier one has no part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryId(u32);

/// Why the next question has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reservation {
    Free,
    /// The command is being carried out, however long it has to wait for its turn.
    Asking,
    /// The module may report until then.
    Until(Instant),
}

/// What a tool makes of a line: false of one that is none of its own. Without a line it learns that no more will come.
///
/// The table learns it from the tool when that is used: firmware that never does is linked without it.
pub(crate) type Reader = fn(&mut Engine<'_>, Option<&[u8]>) -> bool;

/// Which of the readers is for pings, and which for the time.
const PINGS: usize = 0;
const TIME: usize = 1;

impl Engine<'_> {
    /// Pings, for those who need them.
    pub(crate) fn pings(&mut self) -> &mut Pings {
        self.readers[PINGS] = Some(read_ping);
        self.pings.get_or_fill(Pings::new)
    }

    /// The time of a server, for those who need it.
    pub(crate) fn time(&mut self) -> &mut Deferred<DateTime> {
        self.readers[TIME] = Some(read_time);
        self.time.get_or_fill(Deferred::new)
    }
}

/// A result that is still to come, of one question at a time.
#[derive(Debug)]
pub(crate) struct Deferred<T> {
    ticket: QueryId,
    hold: Reservation,
    end: Option<Result<T, ErrorCode>>,
    /// Who asked is gone; the result is still waited for.
    orphaned: bool,
    watchers: MultiWaker<WAITERS>,
}

impl<T: Copy> Deferred<T> {
    pub(crate) const fn new() -> Self {
        Self {
            ticket: QueryId(0),
            hold: Reservation::Free,
            end: None,
            orphaned: false,
            watchers: MultiWaker::new(),
        }
    }

    /// Begins, unless the result of another question is outstanding.
    pub(crate) fn poll_begin(&mut self, now: Instant, waker: &Waker) -> Poll<QueryId> {
        match self.hold {
            Reservation::Asking => {}
            Reservation::Until(until) if now < until => {}
            Reservation::Free | Reservation::Until(_) => {
                self.ticket = QueryId(self.ticket.0.wrapping_add(1));
                self.hold = Reservation::Asking;
                self.end = None;
                self.orphaned = false;
                // Who held on to the last question learns that it is over.
                self.watchers.wake();
                return Poll::Ready(self.ticket);
            }
        }
        self.watchers.register(waker);
        Poll::Pending
    }

    /// The module has been asked, and may report until then.
    pub(crate) fn asked(&mut self, ticket: QueryId, until: Instant) {
        if self.is_current(ticket) {
            self.hold = Reservation::Until(until);
            self.watchers.wake();
        }
    }

    /// When the question that is outstanding is given up.
    pub(crate) fn expiry(&self) -> Option<Instant> {
        match self.hold {
            Reservation::Until(until) => Some(until),
            Reservation::Free | Reservation::Asking => None,
        }
    }

    fn is_current(&self, ticket: QueryId) -> bool {
        self.ticket == ticket
    }

    fn is_awaited(&self) -> bool {
        self.hold != Reservation::Free && self.end.is_none()
    }

    /// The result is here, or will not come.
    pub(crate) fn end(&mut self, result: Result<T, ErrorCode>) {
        if self.is_awaited() {
            self.end = Some(result);
            if self.orphaned {
                self.hold = Reservation::Free;
            }
            self.watchers.wake();
        }
    }

    pub(crate) fn poll_end(&mut self, ticket: QueryId, waker: &Waker) -> Poll<Result<T, Error>> {
        match self.end {
            _ if !self.is_current(ticket) => Poll::Ready(Err(Error::TimedOut)),
            Some(result) => Poll::Ready(result.map_err(Error::from_code)),
            None => {
                self.watchers.register(waker);
                Poll::Pending
            }
        }
    }

    /// The user is gone. If the module was asked, its result is waited for before the next question: until then.
    pub(crate) fn release(&mut self, ticket: QueryId, asked: Option<Instant>) {
        if !self.is_current(ticket) {
            return;
        }
        self.hold = match asked {
            Some(until) if self.end.is_none() => {
                self.orphaned = true;
                Reservation::Until(until)
            }
            _ => Reservation::Free,
        };
        self.watchers.wake();
    }
}

/// A ping under way.
#[derive(Debug)]
pub(crate) struct Pings {
    pub(crate) outstanding: Deferred<PingSummary>,
    /// Requests whose result has not come yet.
    missing: u8,
    replies: Deque<PingReply, MAX_REPLIES>,
}

impl Pings {
    pub(crate) const fn new() -> Self {
        Self {
            outstanding: Deferred::new(),
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
        if !self.outstanding.is_awaited() {
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
                self.outstanding.end(result.map(|()| PingSummary {
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
                self.outstanding.end(Err(code));
                return true;
            }
        };
        self.missing = self.missing.saturating_sub(1);
        self.outstanding.watchers.wake();
        self.replies.push_back(reply).is_ok()
    }

    /// The next reply; then none, when the summary is there.
    pub(crate) fn poll_reply(&mut self, ticket: QueryId, waker: &Waker) -> Poll<Option<PingReply>> {
        if !self.outstanding.is_current(ticket) {
            return Poll::Ready(None);
        }
        match self.replies.pop_front() {
            Some(reply) => Poll::Ready(Some(reply)),
            None => self.outstanding.poll_end(ticket, waker).map(|_| None),
        }
    }
}

fn read_ping(engine: &mut Engine<'_>, line: Option<&[u8]>) -> bool {
    let Some(line) = line else {
        engine.pings().outstanding.end(Err(ErrorCode::CONTEXT_LOST));
        return true;
    };
    let Some(report) = read(line).filter(|_| line.starts_with(b"+QPING:")) else {
        return false;
    };
    if !engine.pings().report(report) {
        let dropped = &mut engine.statistics.dropped_replies;
        *dropped = dropped.wrapping_add(1);
    }
    true
}

fn read_time(engine: &mut Engine<'_>, line: Option<&[u8]>) -> bool {
    let Some(line) = line else {
        engine.time().end(Err(ErrorCode::CONTEXT_LOST));
        return true;
    };
    let Some(Synchronized { result, time }) = read(line).filter(|_| line.starts_with(b"+QNTP:"))
    else {
        return false;
    };
    let time = result.and_then(|()| time.ok_or(ErrorCode::UNSPECIFIED));
    engine.time().end(time);
    true
}
