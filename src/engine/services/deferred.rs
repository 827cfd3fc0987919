//! A result that comes as a URC: one query of a kind at a time, because the URC does not name the query.

use core::task::{Poll, Waker};

use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::Instant;

use crate::at::ErrorCode;
use crate::error::Error;

/// How many tasks can wait before they begin to wake each other.
const WAITERS: usize = 2;

/// Names one query: a user of an earlier one gets nothing of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryId(u32);

/// Why the next query has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reservation {
    Free,
    /// The command waits for its turn or is running.
    Asking,
    /// The result may come until then.
    Until(Instant),
}

/// The result of the query under way.
#[derive(Debug)]
pub(crate) struct Deferred<T> {
    id: QueryId,
    reservation: Reservation,
    result: Option<Result<T, ErrorCode>>,
    /// The user has dropped the query. Its result is still to come, before the next query.
    is_orphaned: bool,
    waiters: MultiWakerRegistration<WAITERS>,
}

impl<T: Copy> Deferred<T> {
    pub(crate) const fn new() -> Self {
        Self {
            id: QueryId(0),
            reservation: Reservation::Free,
            result: None,
            is_orphaned: false,
            waiters: MultiWakerRegistration::new(),
        }
    }

    /// Begins a query, unless the result of another one is still to come.
    pub(crate) fn poll_begin(&mut self, now: Instant, waker: &Waker) -> Poll<QueryId> {
        match self.reservation {
            Reservation::Asking => {}
            Reservation::Until(until) if now < until => {}
            Reservation::Free | Reservation::Until(_) => {
                self.id = QueryId(self.id.0.wrapping_add(1));
                self.reservation = Reservation::Asking;
                self.result = None;
                self.is_orphaned = false;
                // Users that still hold the last query learn that it is over.
                self.waiters.wake();
                return Poll::Ready(self.id);
            }
        }
        self.waiters.register(waker);
        Poll::Pending
    }

    /// The command was sent; the result may come until `until`.
    pub(crate) fn on_asked(&mut self, id: QueryId, until: Instant) {
        if self.is_current(id) {
            self.reservation = Reservation::Until(until);
            self.waiters.wake();
        }
    }

    /// When the query under way is given up.
    pub(crate) const fn expiry(&self) -> Option<Instant> {
        match self.reservation {
            Reservation::Until(until) => Some(until),
            Reservation::Free | Reservation::Asking => None,
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
            }
            self.waiters.wake();
        }
    }

    #[cfg(feature = "ping")]
    pub(super) fn wake(&mut self) {
        self.waiters.wake();
    }

    /// Ready with the result.
    pub(crate) fn poll_result(&mut self, id: QueryId, waker: &Waker) -> Poll<Result<T, Error>> {
        match self.result {
            _ if !self.is_current(id) => Poll::Ready(Err(Error::TimedOut)),
            Some(result) => Poll::Ready(result.map_err(Error::from_code)),
            None => {
                self.waiters.register(waker);
                Poll::Pending
            }
        }
    }

    /// The user has dropped the query. If the command was sent, the next query waits for its result, at most until `asked`.
    pub(crate) fn release(&mut self, id: QueryId, asked: Option<Instant>) {
        if !self.is_current(id) {
            return;
        }
        self.reservation = match asked {
            Some(until) if self.result.is_none() => {
                self.is_orphaned = true;
                Reservation::Until(until)
            }
            _ => Reservation::Free,
        };
        self.waiters.wake();
    }
}
