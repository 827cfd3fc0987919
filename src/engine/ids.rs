//! The twelve connectIDs of the module: which ones are free, pushed to, recently closed, or left without a socket.

use embassy_time::{Duration, Instant};

use crate::at::ConnectId;
use crate::util::time::{NEVER, after, earliest};

/// For this long after a close a late `closed` URC can still arrive that is not meant for the next user of the connectID.
const LATE_CLOSED_URC: Duration = Duration::from_secs(10);

/// The pause before the third AT+QICLOSE of an orphan, after two that were not answered. Doubles each time.
const ORPHAN_PAUSE: Duration = Duration::from_secs(60);
/// How often that pause doubles.
const ORPHAN_DOUBLINGS: u8 = 6;
/// The pause before the AT+QICLOSE of an orphan is repeated that was refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// How many connectIDs some modules have.
const FEWEST: u8 = 6;

/// A set of connectIDs, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdSet(u16);

impl IdSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self((1 << ConnectId::COUNT) - 1);

    pub(crate) const fn contains(self, id: ConnectId) -> bool {
        self.0 & (1 << id.get()) != 0
    }

    #[inline(never)] // Many callers.
    pub(crate) const fn insert(&mut self, id: ConnectId) {
        self.0 |= 1 << id.get();
    }

    #[inline(never)] // Many callers.
    pub(crate) const fn remove(&mut self, id: ConnectId) {
        self.0 &= !(1 << id.get());
    }

    pub(crate) const fn insert_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The lowest connectID in the set.
    pub(crate) const fn first(self) -> Option<ConnectId> {
        // An empty set has 16 trailing zeros, which is no connectID.
        ConnectId::new(self.0.trailing_zeros() as u8)
    }
}

/// What is known of the connectIDs, apart from the sockets that use them.
#[derive(Debug)]
pub(crate) struct ConnectIds {
    /// The connectID after the one that was used last. IDs are used in a circle, so that each rests as long as possible.
    next: u8,
    /// How many connectIDs the module has: twelve, or six.
    count: u8,
    /// One above 5 has worked.
    has_twelve: bool,
    recently_closed: IdSet,
    recently_closed_until: Instant,
    /// The connectIDs that the module holds and no socket uses: each is closed before it is used again.
    pub(crate) orphans: IdSet,
    /// The orphans whose AT+QICLOSE was not answered, or refused. They are closed again after a pause.
    postponed: IdSet,
    /// The orphans whose last AT+QICLOSE was refused.
    refused: IdSet,
    /// When they are closed again.
    retry_at: Instant,
    /// How often in a row that was not answered.
    retries: u8,
}

impl ConnectIds {
    pub(crate) const fn new() -> Self {
        Self {
            next: 0,
            count: ConnectId::COUNT as u8,
            has_twelve: false,
            recently_closed: IdSet::EMPTY,
            recently_closed_until: Instant::MIN,
            orphans: IdSet::EMPTY,
            postponed: IdSet::EMPTY,
            refused: IdSet::EMPTY,
            retry_at: NEVER,
            retries: 0,
        }
    }

    /// The module restarts, or nothing is known of it any more.
    pub(crate) fn forget(&mut self) {
        self.recently_closed = IdSet::EMPTY;
        self.postponed = IdSet::EMPTY;
        self.refused = IdSet::EMPTY;
    }

    /// This connectID is about to be used by AT+QIOPEN.
    pub(crate) fn on_open(&mut self, id: ConnectId) {
        self.next = id.get() + 1;
    }

    /// The module has opened a socket on this connectID.
    pub(crate) const fn on_opened(&mut self, id: ConnectId) {
        self.has_twelve |= id.get() >= FEWEST;
    }

    /// The module has refused a connectID above 5. Some have six only (quirk 130).
    pub(crate) const fn on_refused(&mut self) {
        if !self.has_twelve {
            self.count = FEWEST;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.into()
    }

    /// Whether the module has this connectID.
    pub(crate) const fn exists(&self, id: ConnectId) -> bool {
        id.get() < self.count
    }

    /// The module has freed this connectID. A late `closed` URC may still arrive for it.
    #[inline(never)] // Many callers.
    pub(crate) fn on_freed(&mut self, id: ConnectId, now: Instant) {
        self.recently_closed.insert(id);
        self.recently_closed_until = after(now, LATE_CLOSED_URC);
    }

    /// Forgets which connectIDs were closed recently, once that is too long ago to matter.
    pub(crate) fn expire(&mut self, now: Instant) {
        if now >= self.recently_closed_until {
            self.recently_closed = IdSet::EMPTY;
        }
    }

    /// Whether a `closed` URC for this connectID may be meant for the socket that used it before.
    pub(crate) const fn was_closed_recently(&self, id: ConnectId) -> bool {
        self.recently_closed.contains(id)
    }

    /// The orphan to be closed now. If there is none yet, another round is due at `wake_at`.
    pub(crate) fn next_orphan(&self, now: Instant, wake_at: &mut Instant) -> Option<ConnectId> {
        let due = IdSet(self.orphans.0 & !self.postponed.0);
        if due.first().is_some() || self.orphans == IdSet::EMPTY {
            return due.first();
        }
        if now >= self.retry_at {
            return self.orphans.first();
        }
        earliest(wake_at, self.retry_at);
        None
    }

    /// The AT+QICLOSE of an orphan was not answered: it stays one. From the second time on it has to wait.
    pub(crate) fn retry_orphan(&mut self, id: ConnectId, now: Instant) {
        self.retry_at = match self.retries {
            // A byte of the command may have been lost.
            0 => now,
            retries => after(now, ORPHAN_PAUSE * (1 << (retries - 1))),
        };
        self.retries = (self.retries + 1).min(ORPHAN_DOUBLINGS);
        self.postponed.insert(id);
        self.orphans.insert(id);
    }

    /// The AT+QICLOSE of an orphan was refused: the module is busy (quirk 122), or the connectID is free (quirk 33). A second
    /// refusal counts as the latter.
    pub(crate) fn on_orphan_refused(&mut self, id: ConnectId, now: Instant) {
        if self.refused.contains(id) {
            return self.on_orphan_closed(id);
        }
        self.refused.insert(id);
        self.postponed.insert(id);
        self.orphans.insert(id);
        self.retry_at = after(now, REFUSED_PAUSE);
    }

    /// The AT+QICLOSE of an orphan was answered.
    #[inline(never)] // Many callers.
    pub(crate) fn on_orphan_closed(&mut self, id: ConnectId) {
        self.postponed.remove(id);
        self.refused.remove(id);
        self.retries = 0;
    }

    /// A connectID that is neither in use nor an orphan. Preferred is the one that has rested longest; with `lowest_first` the
    /// lowest, because modules give the highest ones to accepted connections (quirk 44).
    pub(crate) fn free(
        &self,
        lowest_first: bool,
        is_in_use: impl Fn(ConnectId) -> bool,
    ) -> Option<ConnectId> {
        let first = if lowest_first { 0 } else { self.next };
        (0..self.count)
            .filter_map(|offset| ConnectId::new((first + offset) % self.count))
            .find(|id| !self.orphans.contains(*id) && !is_in_use(*id))
    }

    /// The next search for a free connectID begins at 0.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn restart_circle(&mut self) {
        self.next = 0;
    }
}
