//! A result that comes as a URC: one query of a kind at a time, because the URC does not name the query.

use core::task::Poll;

use embassy_time::{Duration, Instant};

use crate::at::ErrorCode;
use crate::engine::refusal::Retries;
use crate::engine::wakes::{Queue, Signal, WakeSet};
use crate::error::Error;
use crate::util::time::after;

/// Names one query: a user of an earlier one gets nothing of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryId(pub(crate) u32);

/// Why the next query has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reservation {
    Free,
    /// The command of this owner waits for its turn; `None` after it was refused.
    Asking(Option<u16>),
    /// The command is running.
    Sent,
    /// The result may come until then.
    Until(Instant),
}

/// The result of the query under way.
#[derive(Debug)]
pub(crate) struct Deferred<'d, T> {
    id: QueryId,
    reservation: Reservation,
    /// How long after the `OK` the result may come.
    limit: Duration,
    result: Option<Result<T, ErrorCode>>,
    retries: Retries,
    /// The user has dropped the query. Its result is still to come, before the next query.
    is_orphaned: bool,
    turn: Signal<'d>,
    ended: Signal<'d>,
}

impl<'d, T: Copy> Deferred<'d, T> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            id: QueryId(0),
            reservation: Reservation::Free,
            limit: Duration::MIN,
            result: None,
            retries: Retries::NEW,
            is_orphaned: false,
            turn: Signal::new(wakes, Queue::Turn),
            ended: Signal::new(wakes, Queue::ServiceResult),
        }
    }

    /// Begins a query, unless the result of another one is still to come. Its command has this owner in the command slot, and
    /// `limit` is how long after the `OK` the result may come.
    pub(crate) fn poll_begin(
        &mut self,
        owner: u16,
        limit: Duration,
        now: Instant,
    ) -> Poll<QueryId> {
        match self.reservation {
            Reservation::Asking(_) | Reservation::Sent => {}
            Reservation::Until(until) if now < until => {}
            Reservation::Free | Reservation::Until(_) => {
                self.id = QueryId(self.id.0.wrapping_add(1));
                self.reservation = Reservation::Asking(Some(owner));
                self.limit = limit;
                self.result = None;
                self.retries = Retries::NEW;
                self.is_orphaned = false;
                // Users that still hold the last query learn that it is over.
                self.ended.wake();
                return Poll::Ready(self.id);
            }
        }
        Poll::Pending
    }

    /// The command of this owner is about to be sent.
    pub(crate) fn on_sent(&mut self, owner: u16) {
        if self.reservation == Reservation::Asking(Some(owner)) {
            self.reservation = Reservation::Sent;
        }
    }

    /// The command is answered: the result may come until `until`, or was refused.
    pub(crate) fn on_answered(&mut self, id: QueryId, until: Option<Instant>) {
        if self.is_current(id) {
            self.reservation = until.map_or(Reservation::Asking(None), Reservation::Until);
            // There is a time until which the next one waits.
            self.turn.wake();
        }
    }

    /// When the query under way is given up.
    pub(crate) const fn expiry(&self) -> Option<Instant> {
        match self.reservation {
            Reservation::Until(until) => Some(until),
            Reservation::Free | Reservation::Asking(_) | Reservation::Sent => None,
        }
    }

    pub(super) fn is_current(&self, id: QueryId) -> bool {
        self.id == id
    }

    /// Whether a result is still to come.
    pub(super) fn is_awaited(&self) -> bool {
        self.reservation != Reservation::Free && self.result.is_none()
    }

    /// The result has come, or will not come.
    pub(crate) fn end(&mut self, result: Result<T, ErrorCode>) {
        if self.is_awaited() {
            self.result = Some(result);
            if self.is_orphaned {
                self.reservation = Reservation::Free;
                self.turn.wake();
            }
            self.ended.wake();
        }
    }

    pub(super) fn wake(&self) {
        self.ended.wake();
    }

    /// When the query is asked again, before `until`, if it has failed for a reason that can pass. Its command has this owner then.
    pub(crate) fn repeat_at(
        &mut self,
        id: QueryId,
        owner: u16,
        until: Instant,
        now: Instant,
    ) -> Option<Instant> {
        let failure = self.result.and_then(Result::err)?;
        if !self.is_current(id) || !self.retries.count_refusal(failure) {
            return None;
        }
        let at = self.retries.begin_pause(now).filter(|at| *at < until)?;
        self.result = None;
        self.reservation = Reservation::Asking(Some(owner));
        Some(at)
    }

    /// Ready with the result.
    pub(crate) fn poll_result(&self, id: QueryId) -> Poll<Result<T, Error>> {
        match self.result {
            _ if !self.is_current(id) => Poll::Ready(Err(Error::TimedOut)),
            Some(result) => Poll::Ready(result.map_err(Error::from_code)),
            None => Poll::Pending,
        }
    }

    /// The user has dropped the query. If its command was sent, the next query waits for its result.
    pub(crate) fn release(&mut self, id: QueryId, now: Instant) {
        if !self.is_current(id) {
            return;
        }
        let until = match self.reservation {
            Reservation::Sent => Some(after(now, self.limit)),
            Reservation::Until(until) => Some(until),
            Reservation::Free | Reservation::Asking(_) => None,
        };
        self.reservation = match until {
            Some(until) if self.result.is_none() => {
                self.is_orphaned = true;
                Reservation::Until(until)
            }
            _ => Reservation::Free,
        };
        self.turn.wake();
    }
}
