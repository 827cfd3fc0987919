//! Whose turn it is within one socket: the transaction that it wants next.

use embassy_time::{Duration, Instant};

use crate::at::{AccessMode, ReadLength, SendLength, place};
use crate::config::Config;
use crate::engine::access_mode::ModePart;
use crate::engine::exchange::job::{Job, Key};
use crate::engine::sockets::datagram;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;
use crate::util::slices::front;
use crate::util::time::{NEVER, after, earliest, get_or_set};

/// The most that one AT+QIRD returns, and that one AT+QISEND takes.
pub(crate) const MAX_READ_LENGTH: usize = ReadLength::MAX.get() as usize;
const MAX_SEND_LENGTH: usize = SendLength::MAX.get() as usize;
/// How long the module gets to finish what it is busy with before a refused open is repeated.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// One round over everybody who may have something to do.
pub(crate) struct Round<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config<'a>,
    pub(crate) modes: Option<&'static dyn ModePart>,
    /// When there may be something to do that is not due yet.
    pub(crate) wake_at: Instant,
}

impl Round<'_> {
    /// Another one is due at this instant.
    pub(crate) fn look_again(&mut self, at: Instant) {
        earliest(&mut self.wake_at, at);
    }

    /// Whether it is time; if not, another round is due then.
    #[inline(never)]
    pub(crate) fn is_due(&mut self, at: Instant) -> bool {
        let is_due = self.now >= at;
        if !is_due {
            self.look_again(at);
        }
        is_due
    }
}

impl Slot<'_> {
    /// The transaction that is due for this socket.
    #[inline(never)]
    pub(crate) fn next(&mut self, round: &mut Round<'_>) -> Option<Job> {
        let now = round.now;
        let key = self.key;
        self.expire(now);
        match self.phase {
            Phase::Free | Phase::Closed => None,
            Phase::Wanted => {
                if core::mem::take(&mut self.busy) {
                    self.not_before = after(now, BUSY_PAUSE);
                }
                if !round.is_due(self.not_before) {
                    return None;
                }
                self.phase = Phase::Opening;
                self.deadline = after(now, round.config.connect_time);
                self.recheck = NEVER;
                Some(Job::Open(key))
            }
            Phase::Opening => {
                round.look_again(self.deadline);
                self.is_recheck_due(round).then_some(Job::Status(key))
            }
            Phase::Open | Phase::Draining => self.next_transfer(key, round),
            Phase::Closing if self.state_check_due => Some(Job::Status(key)),
            Phase::Closing => Some(Job::Close(key)),
        }
    }

    fn next_transfer(&mut self, key: Key, round: &mut Round<'_>) -> Option<Job> {
        if self.state_check_due {
            return Some(Job::Status(key));
        }
        // Nobody will read what is left; a full ring would keep it there for ever.
        if self.phase == Phase::Draining && (!self.is_kept() || self.shutdown) {
            self.phase = Phase::Closing;
            return Some(Job::Close(key));
        }
        if self.read_unconfirmed {
            return Some(Job::CountReceived(key));
        }
        if self.unconfirmed_send.is_some() {
            return Some(Job::CountSent(key));
        }
        if let Some(mode) = self.wanted_mode.filter(|_| self.phase == Phase::Open) {
            return round.modes.map(|part| part.switch(self, key, mode));
        }
        let read = self.read_length(round);
        let send = self.send_length(round);
        match (read, send) {
            (Some(length), None) => Some(self.read(key, length)),
            (Some(length), Some(_)) if !self.was_read => Some(self.read(key, length)),
            (_, Some(_)) if self.recount_sent => Some(Job::CountSent(key)),
            (_, Some(length)) => {
                self.was_read = false;
                Some(Job::Send { key, length })
            }
            (None, None) => {
                if self.shutdown && self.tx.is_empty() && self.phase == Phase::Open {
                    self.phase = Phase::Closing;
                    return Some(Job::Close(key));
                }
                self.is_count_due(round).then_some(Job::CountSent(key))
            }
        }
    }

    pub(crate) fn read(&mut self, key: Key, length: u16) -> Job {
        if self.recount_received {
            return Job::CountReceived(key);
        }
        self.was_read = true;
        self.noticed = false;
        self.is_newest_fresh = false;
        Job::Read { key, length }
    }

    /// Where in the transmit ring the payload of the next send begins.
    pub(crate) fn payload_offset(&self) -> usize {
        if self.is_datagram() {
            datagram::HEADER
        } else {
            0
        }
    }

    /// How many of the bytes to be sent next are line ends and blanks.
    pub(crate) fn leading_blanks(&self) -> u16 {
        let (first, second) = self.tx.pieces(self.payload_offset());
        let blank = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ');
        first.iter().chain(second).take_while(blank).count() as u16
    }

    /// How much to send while it is not known whether the module echoes payload, so that the answer tells.
    ///
    /// Line ends and blanks go on their own: whether they come back makes no difference. Of payload that begins as a line
    /// of the module does, one byte goes: no line of the module's is that short.
    pub(crate) fn probe_length(&self) -> Option<u16> {
        if self.is_datagram() {
            // A datagram cannot be cut.
            return None;
        }
        match self.leading_blanks() {
            0 => {
                let mut start = [0; 16];
                let count = self.tx.peek(0, &mut start);
                let line = front(&start, count)
                    .split(|byte| matches!(byte, b'\r' | b'\n'))
                    .next();
                line.is_some_and(is_of_the_module).then_some(1)
            }
            blanks => Some(blanks),
        }
    }

    /// Whether the receive ring has room for a read that is worth its transaction: a whole one, or a ring full.
    #[inline(never)]
    pub(crate) fn has_room(&self) -> bool {
        let most = if self.is_datagram() {
            MAX_READ_LENGTH + datagram::HEADER
        } else {
            MAX_READ_LENGTH
        };
        self.rx.free() >= self.rx.capacity().min(most)
    }

    /// How much to read now: never more than the ring can take, except that a datagram comes whole or not at all.
    fn read_length(&mut self, round: &mut Round<'_>) -> Option<u16> {
        let now = round.now;
        let wanted = core::mem::take(&mut self.recheck_wanted);
        if wanted {
            get_or_set(&mut self.recheck, after(round.now, round.config.recheck));
        }
        if self.is_listener() || !self.is_kept() || !self.has_room() {
            // Whoever waits for the rest of a datagram would ask again and again if this were taken away.
            if !self.awaited || self.partial.is_none() {
                self.recheck = NEVER;
            }
            return None;
        }
        let rechecks = !self.may_have_data && self.awaited;
        if !rechecks {
            // Kept for the next who waits.
            if now >= self.recheck {
                self.recheck = NEVER;
            }
            round.look_again(self.recheck);
        }
        self.rechecking = rechecks && self.is_recheck_due(round);
        if self.rechecking && self.mode != AccessMode::Buffer {
            // Pushed data needs no asking; its end may.
            self.rechecking = false;
            self.state_check_due = self.rechecked_in_vain();
            round.look_again(now);
            return None;
        }
        let due = self.may_have_data || self.rechecking;
        let room = if self.is_datagram() {
            MAX_READ_LENGTH
        } else {
            self.rx.free().min(MAX_READ_LENGTH)
        };
        due.then_some(room as u16)
    }

    fn send_length(&mut self, round: &mut Round<'_>) -> Option<u16> {
        if self.phase != Phase::Open || self.tx.is_empty() {
            return None;
        }
        round.look_again(self.deadline);
        if !round.is_due(self.not_before) {
            return None;
        }
        if let Some(part) = self.part {
            return part.to_send(self).map(|(length, _)| length);
        }
        Some(self.tx.len().min(MAX_SEND_LENGTH) as u16)
    }

    /// Whether to ask how much the peer has acknowledged.
    fn is_count_due(&mut self, round: &mut Round<'_>) -> bool {
        if !self.ack_wanted || self.phase != Phase::Open || !self.tx.is_empty() {
            return false;
        }
        round.is_due(self.ask_after)
    }

    /// Arms the re-check, and says whether it is time.
    fn is_recheck_due(&mut self, round: &mut Round<'_>) -> bool {
        if self.recheck == NEVER && round.config.recheck == Duration::MIN {
            return false;
        }
        let at = get_or_set(&mut self.recheck, after(round.now, round.config.recheck));
        let is_due = round.is_due(at);
        if is_due {
            self.recheck = NEVER;
        }
        is_due
    }

    fn expire(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        self.deadline = NEVER;
        match self.phase {
            Phase::Opening => {
                self.phase = Phase::Closing;
                self.fail(Error::TimedOut);
            }
            Phase::Open => self.fail(Error::TimedOut),
            Phase::Free | Phase::Wanted | Phase::Draining | Phase::Closing | Phase::Closed => {}
        }
    }
}

/// Whether the module could say this line by itself while it takes payload.
#[inline(never)]
pub(crate) fn is_of_the_module(line: &[u8]) -> bool {
    const WORDS: &str = "OK\nERROR\nSEND OK\nSEND FAIL\nRDY\nAPP RDY\nPOWERED DOWN\nNO CARRIER\n";
    line.first() == Some(&b'+') || place(WORDS, line).is_some()
}
