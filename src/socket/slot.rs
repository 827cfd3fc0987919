//! One socket: its phase, its rings, and which transaction it wants next.

use core::net::IpAddr;

use embassy_sync::waitqueue::WakerRegistration;
use embassy_time::{Duration, Instant};

use super::job::{Job, Key, Target};
use crate::command::{ConnectId, ErrorCode, ReadLength, SendLength};
use crate::config::Config;
use crate::error::Error;
use crate::ring::Ring;

/// How long the first retry of a chunk waits that the module had no room for (field practice: 100 ms).
const SEND_RETRY: Duration = Duration::from_millis(100);
/// How long a retry waits at most.
const SEND_RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a dropped connection may still take to hand over what was written to it.
const LINGER: Duration = Duration::from_secs(10);
/// How long the module gets to finish what it is busy with before a refused open is repeated.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// How often AT+QICLOSE is sent for a socket that does not go away.
const CLOSE_TRIES: u8 = 3;
/// The most that one AT+QIRD returns, and that one AT+QISEND takes.
const MAX_READ_LENGTH: usize = ReadLength::MAX.get() as usize;
const MAX_SEND_LENGTH: usize = SendLength::MAX.get() as usize;

/// Where a socket is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody's.
    Free,
    /// The user wants it; AT+QIOPEN is still to be sent.
    Wanted,
    /// AT+QIOPEN is sent; its result is outstanding.
    Opening,
    Open,
    /// The peer closed; the module may still hold data.
    Draining,
    /// AT+QICLOSE is due.
    Closing,
    /// The module has let go of the connectID; the user may still read what is in the ring.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Slot<'d> {
    pub(super) phase: Phase,
    pub(super) generation: u16,
    pub(super) id: ConnectId,
    /// A handle of the user refers to this slot.
    pub(super) held: bool,
    pub(super) target: Target,
    pub(super) port: u16,
    pub(super) rx: Ring<'d>,
    pub(super) tx: Ring<'d>,
    /// Why the connection failed.
    pub(super) fault: Option<Error>,
    /// Nothing will be added to the receive ring any more.
    pub(super) ended: bool,
    /// The module may hold data: only an empty read clears this.
    pub(super) unread: bool,
    /// A notice came since the last read was issued, so that an empty answer to it proves nothing.
    pub(super) noticed: bool,
    /// Somebody waits for data that is not there.
    pub(super) awaited: bool,
    /// No more writes; close when the transmit ring is empty.
    pub(super) shutdown: bool,
    /// A `closed` notice that may have been meant for the connectID's last user has to be checked.
    pub(super) doubted: bool,
    /// A chunk was sent, and it is not known whether the module took it.
    pub(super) unsure: Option<u16>,
    /// What the connection fails with if the link outlives a command without an answer.
    pub(super) verdict: Option<Error>,
    /// A read was not answered, and it is not known whether the module has let go of its data.
    pub(super) gap: bool,
    /// The last transaction was a read, so that a send goes first now.
    was_read: bool,
    /// The open was refused for a passing reason and is to be repeated after the close.
    reopen: bool,
    reopened: bool,
    /// The module was busy: it gets a pause before the open is repeated.
    busy: bool,
    /// How many bytes the module has accepted since the open, modulo 2^32.
    pub(super) accepted: u32,
    /// How many bytes have come since the open, modulo 2^32.
    pub(super) received: u32,
    /// Before this instant there is nothing to do for an open (Wanted) or a send (Open).
    not_before: Instant,
    retry: Duration,
    /// When an open, a stuck send or a linger is given up.
    deadline: Option<Instant>,
    /// When to ask the module although it gave no notice.
    recheck: Option<Instant>,
    close_tries: u8,
    pub(super) reader: WakerRegistration,
    pub(super) writer: WakerRegistration,
}

impl<'d> Slot<'d> {
    pub(crate) fn new(rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self {
            phase: Phase::Free,
            generation: 0,
            id: ConnectId::FIRST,
            held: false,
            target: Target::Name,
            port: 0,
            rx: Ring::new(rx),
            tx: Ring::new(tx),
            fault: None,
            ended: false,
            unread: false,
            noticed: false,
            awaited: false,
            shutdown: false,
            doubted: false,
            unsure: None,
            verdict: None,
            gap: false,
            was_read: false,
            reopen: false,
            reopened: false,
            busy: false,
            accepted: 0,
            received: 0,
            not_before: Instant::MIN,
            retry: SEND_RETRY,
            deadline: None,
            recheck: None,
            close_tries: 0,
            reader: WakerRegistration::new(),
            writer: WakerRegistration::new(),
        }
    }

    /// Takes a free slot into use.
    pub(super) fn claim(&mut self, id: ConnectId, target: Target, port: u16) {
        self.generation = self.generation.wrapping_add(1);
        self.phase = Phase::Wanted;
        self.id = id;
        self.held = true;
        self.target = target;
        self.port = port;
        self.rx.clear();
        self.tx.clear();
        self.fault = None;
        self.shutdown = false;
        self.reopen = false;
        self.reopened = false;
        self.busy = false;
        self.not_before = Instant::MIN;
        self.close_tries = 0;
        self.deadline = None;
        self.fresh();
    }

    /// Forgets what belongs to one connection, as opposed to one use of the slot.
    fn fresh(&mut self) {
        self.ended = false;
        self.unread = false;
        self.noticed = false;
        self.awaited = false;
        self.doubted = false;
        self.unsure = None;
        self.verdict = None;
        self.gap = false;
        self.was_read = false;
        self.accepted = 0;
        self.received = 0;
        self.retry = SEND_RETRY;
        self.recheck = None;
    }

    pub(super) fn remote(&self) -> Option<IpAddr> {
        match self.target {
            Target::Address(address) => Some(address),
            Target::Name => None,
        }
    }

    /// Whether the module knows this connectID, as far as we know.
    pub(super) fn uses_id(&self) -> bool {
        !matches!(self.phase, Phase::Free | Phase::Closed)
    }

    /// Whether the connection carries data.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    pub(super) fn wake(&mut self) {
        self.reader.wake();
        self.writer.wake();
    }

    // ---- what happens to a socket -------------------------------------------------------------------------------

    /// The connection is up.
    pub(super) fn opened(&mut self) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.deadline = None;
            // A name waited here.
            self.tx.clear();
            self.recheck = None;
            self.wake();
        }
    }

    /// The open failed. Its connectID may be taken all the same, so that a close follows in any case.
    pub(super) fn open_failed(&mut self, error: Error, passing: bool) {
        if self.phase != Phase::Opening {
            return;
        }
        self.busy = error == Error::Module(ErrorCode::Busy);
        self.phase = Phase::Closing;
        if passing && !self.reopened && self.held {
            self.reopen = true;
        } else {
            self.fail(error);
        }
    }

    /// The connection cannot go on; what was received before can still be read.
    pub(super) fn fail(&mut self, error: Error) {
        if self.fault.is_none() && !self.ended {
            self.fault = Some(error);
        }
        if self.uses_id() {
            self.phase = Phase::Closing;
        }
        self.reopen = false;
        self.wake();
    }

    /// The module forgot every connection.
    pub(super) fn cut(&mut self, error: Error) {
        match self.phase {
            Phase::Free | Phase::Closed => {}
            // Not sent yet: it can wait for the link to come back.
            Phase::Wanted if self.held => {}
            _ => {
                self.fail(error);
                self.released_by_module();
            }
        }
    }

    /// The peer, or the network, closed the connection.
    pub(super) fn closed_by_peer(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.unread = true;
            self.noticed = true;
            self.doubted = false;
            self.wake();
        }
    }

    /// The module says that there is data.
    pub(super) fn notice(&mut self) {
        self.unread = true;
        self.noticed = true;
    }

    /// A read was answered with `length` bytes, which are in the ring already.
    pub(super) fn read_done(&mut self, length: u16) {
        self.recheck = None;
        if length > 0 {
            self.unread = true;
        } else if !self.noticed {
            self.unread = false;
            if self.phase == Phase::Draining {
                self.end();
            }
        }
    }

    /// The module has no more data of a closed connection.
    pub(super) fn end(&mut self) {
        self.unread = false;
        self.ended = true;
        self.phase = Phase::Closing;
        self.wake();
    }

    /// The module accepted `count` bytes.
    pub(super) fn send_done(&mut self, count: u16) {
        self.tx.discard(count.into());
        self.accepted = self.accepted.wrapping_add(count.into());
        self.unsure = None;
        if count > 0 {
            self.retry = SEND_RETRY;
            self.not_before = Instant::MIN;
            if !self.shutdown {
                self.deadline = None;
            }
        }
        self.writer.wake();
    }

    /// The module has no room now.
    pub(super) fn send_later(&mut self, now: Instant, config: &Config<'_>) {
        self.not_before = now + self.retry;
        self.retry = (self.retry * 2).min(SEND_RETRY_MAX);
        self.deadline.get_or_insert(now + config.send_time);
    }

    /// The connectID is free again.
    pub(super) fn released_by_module(&mut self) {
        if self.reopen && self.held {
            self.reopen = false;
            self.reopened = true;
            self.phase = Phase::Wanted;
            self.fresh();
        } else if self.held {
            self.phase = Phase::Closed;
        } else {
            self.phase = Phase::Free;
        }
        self.wake();
    }

    /// AT+QICLOSE was refused and the connectID still exists: true if another try is not worth it.
    pub(super) fn gives_up_closing(&mut self) -> bool {
        self.close_tries += 1;
        self.close_tries == CLOSE_TRIES
    }

    /// The state is to be asked for as soon as possible.
    pub(super) fn ask_state(&mut self, now: Instant) {
        self.recheck = Some(now);
    }

    /// The user let go of the handle. What was written is still sent.
    pub(super) fn release(&mut self, now: Instant) {
        self.held = false;
        self.reopen = false;
        match self.phase {
            Phase::Wanted | Phase::Closed => self.phase = Phase::Free,
            Phase::Open => self.shut(now),
            Phase::Opening | Phase::Draining => self.phase = Phase::Closing,
            Phase::Free | Phase::Closing => {}
        }
    }

    /// No more writes; closes as soon as the transmit ring is empty.
    pub(super) fn shut(&mut self, now: Instant) {
        if !self.shutdown {
            self.shutdown = true;
            self.deadline = Some(now + LINGER);
        }
    }

    // ---- what a socket wants ------------------------------------------------------------------------------------

    /// The transaction that is due for this socket. `wake_at` is lowered to the next instant at which one may be.
    pub(super) fn next(
        &mut self,
        index: u8,
        now: Instant,
        config: &Config<'_>,
        wake_at: &mut Option<Instant>,
    ) -> Option<Job> {
        let key = Key {
            index,
            generation: self.generation,
        };
        self.expire(now);
        if let Some(error) = self.verdict.take() {
            self.fail(error);
        }
        match self.phase {
            Phase::Free | Phase::Closed => None,
            Phase::Wanted => {
                if core::mem::take(&mut self.busy) {
                    self.not_before = now + BUSY_PAUSE;
                }
                if now < self.not_before {
                    sooner(wake_at, self.not_before);
                    return None;
                }
                self.phase = Phase::Opening;
                self.deadline = Some(now + config.connect_time);
                self.recheck = None;
                Some(Job::Open(key))
            }
            Phase::Opening => {
                if let Some(deadline) = self.deadline {
                    sooner(wake_at, deadline);
                }
                self.is_recheck_due(now, config, wake_at)
                    .then_some(Job::Status(key))
            }
            Phase::Open | Phase::Draining => self.next_transfer(key, now, config, wake_at),
            Phase::Closing if self.doubted => Some(Job::Status(key)),
            Phase::Closing => Some(Job::Close(key)),
        }
    }

    fn next_transfer(
        &mut self,
        key: Key,
        now: Instant,
        config: &Config<'_>,
        wake_at: &mut Option<Instant>,
    ) -> Option<Job> {
        if self.doubted {
            return Some(Job::Status(key));
        }
        // Nobody will read what is left; a full ring would keep it there for ever.
        if self.phase == Phase::Draining && (!self.held || self.shutdown) {
            self.phase = Phase::Closing;
            return Some(Job::Close(key));
        }
        if self.gap {
            return Some(Job::CountReceived(key));
        }
        if self.unsure.is_some() {
            return Some(Job::CountSent(key));
        }
        let read = self.read_length(now, config, wake_at);
        let send = self.send_length(now, wake_at);
        match (read, send) {
            (Some(length), None) => Some(self.read(key, length)),
            (Some(length), Some(_)) if !self.was_read => Some(self.read(key, length)),
            (_, Some(length)) => {
                self.was_read = false;
                Some(Job::Send { key, length })
            }
            (None, None) => {
                if self.shutdown && self.tx.is_empty() && self.phase == Phase::Open {
                    self.phase = Phase::Closing;
                    return Some(Job::Close(key));
                }
                None
            }
        }
    }

    fn read(&mut self, key: Key, length: u16) -> Job {
        self.was_read = true;
        self.noticed = false;
        Job::Read { key, length }
    }

    /// How many of the bytes to be sent next are line ends and blanks.
    pub(super) fn leading_blanks(&self) -> u16 {
        let (first, second) = self.tx.pieces(0);
        let blank = |byte: &&u8| matches!(byte, b'\r' | b'\n' | b' ');
        first.iter().chain(second).take_while(blank).count() as u16
    }

    /// Whether the receive ring has room for a read that is worth its transaction: a whole one, or a ring full.
    pub(super) fn has_room(&self) -> bool {
        let most = self.rx.capacity().min(MAX_READ_LENGTH);
        most > 0 && self.rx.free() >= most
    }

    /// How much to read now: never more than the ring can take.
    fn read_length(
        &mut self,
        now: Instant,
        config: &Config<'_>,
        wake_at: &mut Option<Instant>,
    ) -> Option<u16> {
        if self.shutdown && !self.held {
            return None;
        }
        if !self.has_room() {
            return None;
        }
        let room = self.rx.free().min(MAX_READ_LENGTH);
        let due = self.unread || (self.awaited && self.is_recheck_due(now, config, wake_at));
        due.then_some(room as u16)
    }

    fn send_length(&mut self, now: Instant, wake_at: &mut Option<Instant>) -> Option<u16> {
        if self.phase != Phase::Open || self.tx.is_empty() {
            return None;
        }
        if let Some(deadline) = self.deadline {
            sooner(wake_at, deadline);
        }
        if now < self.not_before {
            sooner(wake_at, self.not_before);
            return None;
        }
        Some(self.tx.len().min(MAX_SEND_LENGTH) as u16)
    }

    /// Arms the re-check, and says whether it is time.
    fn is_recheck_due(
        &mut self,
        now: Instant,
        config: &Config<'_>,
        wake_at: &mut Option<Instant>,
    ) -> bool {
        if config.recheck == Duration::MIN {
            return false;
        }
        let at = *self.recheck.get_or_insert(now + config.recheck);
        if now >= at {
            self.recheck = None;
            return true;
        }
        sooner(wake_at, at);
        false
    }

    fn expire(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
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

/// Lowers `wake_at` to `at`.
pub(super) fn sooner(wake_at: &mut Option<Instant>, at: Instant) {
    if wake_at.is_none_or(|before| at < before) {
        *wake_at = Some(at);
    }
}
