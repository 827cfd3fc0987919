//! Receiving: when to read, what the answers mean, and the bytes between the receive ring and the user (1.2, 2.1.8).

use embassy_time::{Duration, Instant};

use super::slot::{Phase, Slot};
use super::transfer::{Counted, Receive};
use crate::at::{AccessMode, Prefix, QueryReceivedData, ReadData, ReadLength};
use crate::engine::effect::Effect;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::{Answer, Outcome, Reason};
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::round::Round;
use crate::error::Error;
use crate::util::slices::front_mut;
use crate::util::time::NEVER;

/// Bytes that one AT+QIRD returns at most.
pub(crate) const MAX_READ_LENGTH: usize = ReadLength::MAX.get() as usize;
/// The most that some modules return at once (quirk 130).
const LESS_TO_READ: u16 = 1024;
/// After this many re-checks in a row that found nothing, the module is asked whether the connection still exists.
const FRUITLESS_RECHECKS: u8 = 4;
/// And after each one that follows a pause of this length or more.
const LONG_RECHECK: Duration = Duration::from_secs(60);
/// After this many announced datagrams in a row that came alone, the module is not asked at once for another one after the next.
const LONE: u8 = 3;
/// More of them change nothing.
const MOST_LONE: u8 = LONE + 5;
/// How often a read is tried that the module refuses although it may hold data.
const READ_TRIES: u8 = 8;

impl Receive {
    /// A read of `asked` bytes has brought `length` of those that the module had announced. Returns whether there is no more.
    fn take_announced(&mut self, has_data: bool, length: u16, asked: u16, is_stream: bool) -> bool {
        let Some(before) = self.announced else {
            return false;
        };
        let left = before.saturating_sub(length.into());
        self.announced = Some(left);
        self.has_unread_notice |= has_data && left > 0;
        if is_stream {
            let is_short = length < asked;
            self.reads_short |= is_short && has_data && left > 0;
            return is_short && !self.reads_short && left == 0;
        }
        if before == 0 {
            self.lone = match has_data {
                true => 0,
                false => (self.lone + 1).min(MOST_LONE),
            };
        }
        self.lone >= LONE && left == 0
    }
}

impl Slot<'_> {
    // ---- AT+QIRD=<connectID>[,<read_length>] (2.1.8) -------------------------------------------------------------

    /// How many bytes to read now, if a read is due: never more than the ring can take, except that a datagram is read whole
    /// or not at all.
    pub(super) fn read_due(&mut self, round: &mut Round<'_>) -> Option<u16> {
        let soon = self.next_datagram_after();
        let recheck = &mut self.receive.recheck;
        if core::mem::take(&mut recheck.requested) {
            recheck.arm(soon, round);
        }
        if self.is_listener() || !self.is_kept() || !self.has_room() {
            // While the rest of a datagram is missing, a waiting reader would set the re-check again at once.
            if !self.receive.recheck.reader_waits || !self.has_partial_datagram() {
                self.receive.recheck.cancel();
            }
            return None;
        }
        if !round.is_due(self.receive.not_before) {
            return None;
        }
        let is_recheck_due = self.poll_recheck(soon, round);
        // Pushed data need not be asked for; whether the connection still exists may have to be.
        let is_recheck = is_recheck_due && self.access_mode() == AccessMode::Buffer;
        self.receive.recheck.in_progress = is_recheck;
        if is_recheck_due && !is_recheck {
            if self.on_fruitless_recheck() {
                self.check_state();
            }
            round.look_again(round.env.now);
            return None;
        }
        (self.receive.may_have_data || is_recheck).then(|| self.most_to_read())
    }

    /// Arms a re-check if a reader waits and the module is not known to hold data. Returns whether it is due.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    fn poll_recheck(&mut self, soon: Option<Duration>, round: &mut Round<'_>) -> bool {
        let recheck = &mut self.receive.recheck;
        if !self.receive.may_have_data && recheck.reader_waits {
            return recheck.poll_due(soon, round);
        }
        // One that is armed serves the next reader that waits.
        if round.env.now >= recheck.at {
            recheck.cancel();
        }
        round.look_again(recheck.at);
        false
    }

    /// How many bytes one read asks for.
    fn most_to_read(&self) -> u16 {
        let most = if self.receive.reads_1024 {
            LESS_TO_READ
        } else {
            MAX_READ_LENGTH as u16
        };
        if self.is_datagram() {
            return most;
        }
        self.rx.free().min(most.into()) as u16
    }

    /// Whether a send goes before the next read.
    pub(super) const fn yields_to_send(&self) -> bool {
        self.receive.was_last
    }

    pub(super) const fn on_send_begun(&mut self) {
        self.receive.was_last = false;
    }

    /// Whether the receive ring has room for a read that is worth its transaction: for a whole one, or the ring is empty.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn has_room(&self) -> bool {
        let most = MAX_READ_LENGTH + self.payload_offset();
        self.rx.free() >= self.rx.capacity().min(most)
    }

    /// The read that is due. Before it the module's count is asked for if the host's own is stale.
    pub(crate) fn begin_read(&mut self, length: u16) -> Job {
        let key = self.key;
        if self.receive.counted() != Counted::Exact {
            return Job::CountReceived(key);
        }
        self.receive.was_last = true;
        self.receive.notice_since_read = false;
        Job::Read { key, length }
    }

    /// A read of what the module holds, before the access mode changes. `None` if there is nothing to read, or no room.
    pub(crate) fn read_before_switch(&mut self) -> Option<Job> {
        let has_room = if self.is_datagram() {
            self.has_room()
        } else {
            self.rx.free() > 0
        };
        let is_due =
            self.access_mode() == AccessMode::Buffer && self.receive.may_have_data && has_room;
        is_due.then(|| self.begin_read(self.most_to_read()))
    }

    /// Before this instant no AT+QIRD.
    pub(crate) const fn reads_not_before(&self) -> Instant {
        self.receive.not_before
    }

    pub(crate) fn read(&self, length: u16, to: CommandBuffer<'_>) -> Transaction {
        let command = ReadData {
            connect_id: self.id,
            // A UDP service returns one datagram, whatever its length.
            length: (!self.is_service()).then(|| ReadLength::nearest(length.into())),
        };
        to.write(&command).needs(Prefix::Read).asking_reason()
    }

    pub(crate) fn read_done(
        &mut self,
        asked: u16,
        outcome: &Outcome,
        env: &Environment<'_>,
    ) -> Effect {
        match *outcome {
            Outcome::Done(Answer::Received { has_data, length }) => {
                self.receive.refusals = 0;
                // Nothing has announced this data, and something should have.
                let receive = &self.receive;
                let is_loss = has_data
                    && receive.recheck.in_progress
                    && !receive.notice_since_read
                    && self.next_datagram_after().is_none();
                self.on_read(has_data, length, asked);
                if is_loss {
                    return Effect::Loss;
                }
            }
            Outcome::Done(_) | Outcome::SendFail => {}
            // The module may have returned bytes that never arrived.
            #[cfg(feature = "udp")]
            Outcome::NoAnswer if self.is_datagram() => {
                if self.drop_partial_datagram() {
                    return Effect::DatagramDropped;
                }
            }
            Outcome::NoAnswer => self.receive.mark_read_unconfirmed(),
            Outcome::Refused(reason)
                if asked > LESS_TO_READ
                    && self.phase == Phase::Open
                    && reason.is_bad_parameter() =>
            {
                self.receive.reads_1024 = true;
            }
            Outcome::Refused(reason) => self.on_read_refused(reason, env),
        }
        Effect::None
    }

    /// A read was refused. That can pass, and after a `closed` it is not the end of what was announced (quirks 114 and 122).
    fn on_read_refused(&mut self, reason: Reason, env: &Environment<'_>) {
        let is_draining = self.phase == Phase::Draining;
        let is_missing = self.receive.has_unread_notice;
        let error = Error::from_code(reason.code());
        if self.access_mode() != AccessMode::Buffer && !is_missing {
            // There may be nothing that can be read.
            self.receive.may_have_data = false;
            if is_draining {
                self.on_end_of_stream();
            } else {
                self.check_state();
            }
            return;
        }
        if self.receive.withheld > 0 {
            // There was data before the refusal.
            return self.fail(Error::DataLost);
        }
        let can_pass = reason.can_pass();
        let tries = match error {
            Error::Link(_) => 1,
            _ if can_pass || is_draining && is_missing => READ_TRIES,
            _ if is_draining => 2,
            _ => 1,
        };
        if self.receive.use_retry(tries, env.now) {
            return;
        }
        match error {
            error if can_pass || matches!(error, Error::Link(_)) => self.fail(error),
            _ if is_draining && is_missing => self.fail(Error::DataLost),
            // The module has freed the connectID (quirk 73).
            _ if is_draining => self.on_end_of_stream(),
            _ => self.fail(Error::ConnectionReset),
        }
    }

    /// A read of `asked` bytes has brought `length`, which are in the ring. An answer without data shows that there is no
    /// more; so does less than was asked for, if that is all that the module had announced.
    fn on_read(&mut self, has_data: bool, length: u16, asked: u16) {
        let is_stream = !self.is_datagram();
        let is_confirming = self.next_datagram_after().is_some();
        let receive = &mut self.receive;
        receive.recheck.cancel();
        receive.has_unread_notice &= receive.notice_since_read;
        // A whole read leaves an unknown rest.
        receive.has_unread_notice |=
            is_stream && has_data && (length >= asked || receive.reads_short);
        let is_all = receive.take_announced(has_data, length, asked, is_stream);
        let is_all = is_all && self.phase == Phase::Open;
        if has_data || is_all {
            receive.recheck.reset_fruitless();
        }
        if has_data && !is_all {
            receive.may_have_data = true;
            return;
        }
        if receive.recheck.in_progress && !is_confirming && self.on_fruitless_recheck() {
            // The end of the connection may have come without a URC as well.
            if self.phase == Phase::Open {
                self.check_state();
            }
        }
        if !self.receive.notice_since_read {
            self.receive.may_have_data = false;
            if is_stream || !has_data {
                self.receive.announced = None;
            }
            if self.phase == Phase::Draining {
                self.on_end_of_stream();
            }
        }
    }

    /// The pause before a waiting reader's search for another datagram, if one may have come right after those that the module
    /// has announced (quirk 62). It doubles as long as none has.
    fn next_datagram_after(&self) -> Option<Duration> {
        let is_due =
            self.is_datagram() && !self.receive.may_have_data && self.receive.announced == Some(0);
        let doubled = self.receive.lone.saturating_sub(LONE);
        is_due.then(|| Duration::from_millis(100 << doubled))
    }

    /// A re-check has found nothing. Returns true for every fourth one in a row, and after a long pause: the state of the
    /// connection has to be asked.
    fn on_fruitless_recheck(&mut self) -> bool {
        let recheck = &mut self.receive.recheck;
        recheck.fruitless = (recheck.fruitless + 1) % FRUITLESS_RECHECKS;
        let is_suspect = recheck.fruitless == 0 || recheck.pause >= LONG_RECHECK;
        recheck.pause = Duration::from_ticks(recheck.pause.as_ticks() * 2);
        // A reader that still waits registers again. A read that was dropped needs no more re-checks.
        self.end_wait_for_data();
        is_suspect
    }

    // ---- AT+QIRD=<connectID>,0 (2.1.8): how many bytes the module has returned -----------------------------------

    pub(crate) fn count_received(&self, to: CommandBuffer<'_>) -> Transaction {
        to.write(&QueryReceivedData {
            connect_id: self.id,
        })
        .needs(Prefix::Read)
        .asking_reason()
    }

    pub(crate) fn count_received_done(&mut self, outcome: &Outcome, env: &Environment<'_>) {
        let counted = self.receive.counted();
        match *outcome {
            Outcome::Done(Answer::ReceivedTotal(count)) if counted == Counted::Stale => {
                let since = self
                    .receive
                    .count
                    .wrapping_sub(self.receive.count_at_answer);
                self.receive.count = count.wrapping_add(since);
                self.receive.counted = Counted::Exact;
            }
            Outcome::Done(Answer::ReceivedTotal(count)) => self.compare_count(count, env),
            Outcome::Refused(_) if counted == Counted::Stale && self.phase == Phase::Draining => {
                self.receive.counted = Counted::Exact;
            }
            Outcome::Refused(_) if counted == (Counted::PushUnconfirmed { is_likely: false }) => {
                self.receive.counted = Counted::Exact;
            }
            Outcome::Refused(reason) => {
                if !reason.can_pass() || !self.receive.use_retry(READ_TRIES, env.now) {
                    self.fail(Error::ConnectionReset);
                }
            }
            Outcome::Done(_) | Outcome::SendFail => self.fail(Error::DataLost),
            // A module that does not answer this question is not asked again because of it.
            Outcome::NoAnswer if counted == Counted::Stale => {
                self.receive.counted = Counted::Exact;
            }
            // Asked again when the module is back.
            Outcome::NoAnswer => {}
        }
    }

    /// Compares the module's count with the host's: bytes may be missing.
    fn compare_count(&mut self, count: u32, env: &Environment<'_>) {
        // Above 0: the module counts more than the host. Below 0: its count lags.
        let excess = |counted: u32| counted.wrapping_sub(self.receive.count_at_answer) as i32;
        let is_lost = match self.receive.counted() {
            Counted::Ahead(before) if excess(before) > 0 => true,
            // Pushed data can be counted before it is sent.
            Counted::PushUnconfirmed { .. } | Counted::Ahead(_) if excess(count) > 0 => {
                self.receive.counted = Counted::Ahead(count);
                if self.receive.use_retry(READ_TRIES, env.now) {
                    return;
                }
                true
            }
            // The count can lag (quirk 69).
            Counted::PushUnconfirmed { is_likely: true } if excess(count) < 0 => {
                if count > 0 && self.receive.use_retry(READ_TRIES, env.now) {
                    return;
                }
                true
            }
            // It never runs ahead of what was read.
            _ => excess(count) > 0,
        };
        if is_lost {
            return self.fail(Error::DataLost);
        }
        let was_read = self.receive.counted() == Counted::ReadUnconfirmed;
        self.receive.counted = Counted::Exact;
        self.receive.refusals = 0;
        if was_read {
            self.receive.mark_readable();
            self.give_withheld();
        }
    }

    // ---- from the ring to the user -------------------------------------------------------------------------------

    /// Wakes the readers. One that still waits registers again.
    pub(crate) fn end_wait_for_data(&mut self) {
        self.receive.recheck.reader_waits = false;
        // The next reader asks for a re-check of its own.
        self.receive.recheck.requested = false;
        self.wake_readers();
    }

    /// All of what is withheld was data, unless the connection has failed meanwhile.
    pub(crate) fn give_withheld(&mut self) {
        if self.receive.withheld > 0 && self.fault.is_none() {
            self.receive.withheld = 0;
            self.end_wait_for_data();
        }
    }

    /// Moves received bytes of a stream into `into`. Returns how many; 0 if there are none.
    pub(crate) fn read_into(&mut self, into: &mut [u8]) -> usize {
        let most = self.rx.len() - usize::from(self.receive.withheld);
        self.rx.pop(front_mut(into, most))
    }

    /// Calls `read` with received bytes of a stream, as far as they lie in one piece, and takes as many as it returns.
    pub(crate) fn read_with<R>(&mut self, read: impl FnOnce(&mut [u8]) -> (usize, R)) -> R {
        let most = self.rx.len() - usize::from(self.receive.withheld);
        let bytes = self.rx.oldest_mut(most);
        let most = bytes.len();
        let (count, result) = read(bytes);
        self.rx.discard(count.min(most));
        result
    }

    /// Copies received bytes of a stream without taking them. Returns how many.
    pub(crate) fn peek_received(&self, into: &mut [u8]) -> usize {
        let readable = self.rx.len() - usize::from(self.receive.withheld);
        let most = into.len().min(readable);
        self.rx.peek(0, front_mut(into, most))
    }

    /// Whether the room that a reader has made allows the read that is due.
    pub(crate) fn can_read_on(&self) -> bool {
        self.receive.may_have_data && self.has_room()
    }

    /// Whether something for a reader is in the ring.
    pub(crate) fn has_data(&self) -> bool {
        #[cfg(feature = "udp")]
        if self.is_datagram() {
            return self.datagrams.complete > 0;
        }
        self.rx.len() > self.receive.withheld.into()
    }

    /// What a reader learns when the ring is empty: the end of the stream, or an error. `None`: it has to wait.
    pub(crate) fn read_end(&self) -> Option<Result<(), Error>> {
        match self.phase {
            _ if self.receive.ended => Some(Ok(())),
            _ if self.fault.is_some() => self.fault.map(Err),
            Phase::Closing | Phase::Closed | Phase::Free => Some(Err(self.end_reason())),
            Phase::Wanted | Phase::Opening | Phase::Open | Phase::Draining => None,
        }
    }

    /// A reader waits for data. Returns whether the runner has to be woken: the re-check is to be armed.
    pub(crate) fn wait_for_data(&mut self, rechecks: bool) -> bool {
        let rechecks = rechecks || self.next_datagram_after().is_some();
        let recheck = &mut self.receive.recheck;
        recheck.reader_waits = true;
        // A re-check that is armed serves this reader, too.
        let requests = rechecks && recheck.at == NEVER && !recheck.requested;
        recheck.requested |= requests;
        requests
    }
}
