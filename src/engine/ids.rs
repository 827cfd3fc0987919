//! The twelve connectIDs of the module: which ones are free, pushed to, recently closed, or left without a socket.

use embassy_time::{Duration, Instant};

use crate::at::ConnectId;
use crate::util::time::after;

/// For this long after a close a late `closed` URC can still arrive that is not meant for the next user of the connectID.
const LATE_CLOSED_URC: Duration = Duration::from_secs(10);

/// A set of connectIDs, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdSet(u16);

impl IdSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self((1 << ConnectId::COUNT) - 1);

    pub(crate) const fn contains(self, id: ConnectId) -> bool {
        self.0 & (1 << id.get()) != 0
    }

    pub(crate) const fn insert(&mut self, id: ConnectId) {
        self.0 |= 1 << id.get();
    }

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
    recently_closed: IdSet,
    recently_closed_until: Instant,
    /// The connectIDs that the module holds and no socket uses: each is closed before it is used again.
    pub(crate) orphans: IdSet,
    /// The orphans whose AT+QICLOSE was not answered.
    unanswered_orphans: IdSet,
}

impl ConnectIds {
    pub(crate) const fn new() -> Self {
        Self {
            next: 0,
            recently_closed: IdSet::EMPTY,
            recently_closed_until: Instant::MIN,
            orphans: IdSet::EMPTY,
            unanswered_orphans: IdSet::EMPTY,
        }
    }

    /// The module restarts, or nothing is known of it any more.
    pub(crate) fn forget(&mut self) {
        self.recently_closed = IdSet::EMPTY;
        self.unanswered_orphans = IdSet::EMPTY;
    }

    /// This connectID is about to be used by AT+QIOPEN.
    pub(crate) fn on_open(&mut self, id: ConnectId) {
        self.next = id.get() + 1;
    }

    /// The module has freed this connectID. A late `closed` URC may still arrive for it.
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

    /// The AT+QICLOSE of an orphan was not answered. Returns false if that was so before: the module is silent.
    pub(crate) fn retry_orphan(&mut self, id: ConnectId, is_in_use: bool) -> bool {
        if self.unanswered_orphans.contains(id) {
            self.unanswered_orphans.remove(id);
            return false;
        }
        // Not if the module has given the connectID to another connection since.
        if !is_in_use {
            self.unanswered_orphans.insert(id);
            self.orphans.insert(id);
        }
        true
    }

    /// The AT+QICLOSE of an orphan was answered.
    pub(crate) fn on_orphan_closed(&mut self, id: ConnectId) {
        self.unanswered_orphans.remove(id);
    }

    /// A connectID that is neither in use nor an orphan. Preferred is the one that has rested longest; with `lowest_first` the
    /// lowest, because modules give the highest ones to accepted connections (quirk 44).
    pub(crate) fn free(
        &self,
        lowest_first: bool,
        is_in_use: impl Fn(ConnectId) -> bool,
    ) -> Option<ConnectId> {
        let count = ConnectId::COUNT as u8;
        let first = if lowest_first { 0 } else { self.next };
        (0..count)
            .filter_map(|offset| ConnectId::new((first + offset) % count))
            .find(|id| !self.orphans.contains(*id) && !is_in_use(*id))
    }

    /// The next search for a free connectID begins at 0.
    #[cfg(test)]
    pub(crate) fn restart_circle(&mut self) {
        self.next = 0;
    }
}
