//! One socket: its phase, its rings, and what becomes of it.

use core::net::SocketAddr;

use embassy_time::{Duration, Instant};

use crate::at::{AccessMode, ConnectId, ErrorCode, ServiceType};
use crate::config::Config;
use crate::engine::exchange::job::{Key, Target};
use crate::engine::sockets::datagram::DatagramPart;
use crate::error::Error;
use crate::util::ring::Ring;
use crate::util::time::{NEVER, after, get_or_set};
use crate::util::wakers::OneWaker;

/// How long the first retry of a chunk waits that the module had no room for (field practice: 100 ms).
pub(crate) const SEND_RETRY: Pause = Pause(100);
/// How long a retry waits at most.
const SEND_RETRY_MAX: Pause = Pause(2000);
/// How long a connection that is being closed may go without handing over any of what was written to it.
const LINGER: Duration = Duration::from_secs(10);

/// A pause that is twice as long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pause(u16);

impl Pause {
    /// When it is over.
    #[inline(never)]
    fn behind(&mut self, now: Instant) -> Instant {
        let end = after(now, Duration::from_millis(self.0.into()));
        *self = Self(self.0 * 2).min(SEND_RETRY_MAX);
        end
    }
}

/// After how many re-checks that brought nothing the module is asked whether the connection is still there.
const STATE_RECHECK: u8 = 4;
/// How often AT+QICLOSE is sent for a socket that does not go away.
const CLOSE_TRIES: u8 = 3;

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

/// Some phases, a bit each.
pub(crate) type Phases = u8;

impl Phase {
    pub(crate) const fn bit(self) -> Phases {
        1 << self as u8
    }
}

#[derive(Debug)]
#[repr(C)] // What is used most comes first, where instructions are shortest.
pub(crate) struct Slot<'d> {
    pub(crate) phase: Phase,
    pub(crate) id: ConnectId,
    pub(crate) service: ServiceType,
    /// How the module hands over data now, or is to once the socket is open.
    pub(crate) mode: AccessMode,
    /// How it is to from now on.
    pub(crate) wanted_mode: Option<AccessMode>,
    /// A handle of the user refers to this slot.
    pub(crate) has_handle: bool,
    /// Nothing will be added to the receive ring any more.
    pub(crate) ended: bool,
    /// The module may hold data: only an empty read clears this.
    pub(crate) may_have_data: bool,
    /// A notice came since the last read was issued, so that an empty answer to it proves nothing.
    pub(crate) noticed: bool,
    /// Somebody waits for data that is not there.
    pub(crate) awaited: bool,
    /// No more writes; close when the transmit ring is empty.
    pub(crate) shutdown: bool,
    /// A `closed` notice that may have been meant for the connectID's last user has to be checked.
    pub(crate) state_check_due: bool,
    /// In buffer access mode only as long as another connection has the line.
    pub(crate) suspended: bool,
    /// It has been in transparent access mode.
    pub(crate) was_transparent: bool,
    /// AT+QISWTMD did not get the connection back into transparent access mode: ATO may.
    pub(crate) resume: bool,
    /// There was no room for a pushed datagram, and waiting for it was of no use: more are dropped at once until there is.
    pub(crate) drop_until_room: bool,
    /// The module has handed over less than was asked for and it had: only an empty read tells that there is no more.
    pub(crate) reads_short: bool,
    /// What the module counts as sent and as handed over is not known, because data has passed in another access mode.
    pub(crate) recount_sent: bool,
    pub(crate) recount_received: bool,
    /// The newest of them came with the read under way, or with the last one.
    pub(crate) is_newest_fresh: bool,
    /// Somebody wants to know when the peer has acknowledged everything.
    pub(crate) ack_wanted: bool,
    /// It has, as far as the last question went.
    pub(crate) acknowledged: bool,
    /// A read was not answered, and it is not known whether the module has let go of its data.
    pub(crate) read_unconfirmed: bool,
    /// The last transaction was a read, so that a send goes first now.
    pub(crate) was_read: bool,
    /// The open was refused for a passing reason and is to be repeated after the close.
    pub(crate) reopen: bool,
    pub(crate) reopened: bool,
    /// The module was busy: it gets a pause before the open is repeated.
    pub(crate) busy: bool,
    /// The read under way was not asked for by a notice.
    pub(crate) rechecking: bool,
    /// How many of those in a row brought nothing.
    pub(crate) idle_rechecks: u8,
    /// Somebody began to wait while that was not set.
    pub(crate) recheck_wanted: bool,
    pub(crate) close_tries: u8,
    /// Of its present use, or of its last one.
    pub(crate) key: Key,
    pub(crate) local_port: u16,
    /// Complete datagrams in the receive ring.
    pub(crate) datagrams: u16,
    /// The newest bytes in the receive ring that may turn out to be the module's words, not the peer's.
    pub(crate) withheld: u16,
    pub(crate) retry: Pause,
    pub(crate) ask_pause: Pause,
    /// A chunk was sent, and it is not known whether the module took it.
    pub(crate) unconfirmed_send: Option<u16>,
    /// Bytes still missing of the newest datagram in the receive ring.
    pub(crate) partial: Option<u16>,
    /// Why the last wish for another mode was refused.
    pub(crate) mode_refused: Option<ErrorCode>,
    /// Why the connection failed.
    pub(crate) fault: Option<Error>,
    pub(crate) rx: Ring<'d>,
    pub(crate) tx: Ring<'d>,
    /// For a socket that carries datagrams, what to do with them.
    pub(crate) part: Option<&'static dyn DatagramPart>,
    /// How many bytes the module has accepted since the open, modulo 2^32.
    pub(crate) accepted: u32,
    /// How many bytes have come since the open, modulo 2^32.
    pub(crate) received: u32,
    /// How many bytes the module had according to its notice, less what was read since.
    pub(crate) announced: Option<u32>,
    /// An accepted connection that nobody has asked for yet: its listener, and how many came before it.
    pub(crate) backlog: Option<(Key, u16)>,
    pub(crate) reader: OneWaker,
    pub(crate) writer: OneWaker,
    /// Before this instant there is nothing to do for an open (Wanted) or a send (Open).
    pub(crate) not_before: Instant,
    /// Before this instant the module is not asked again what the peer has acknowledged.
    pub(crate) ask_after: Instant,
    /// When an open, a stuck send or a linger is given up.
    pub(crate) deadline: Instant,
    /// When to ask the module although it gave no notice.
    pub(crate) recheck: Instant,
    pub(crate) target: Target,
    /// The header of a datagram that is being pushed and has no place in the ring yet.
    pub(crate) arriving: Option<(u16, Option<SocketAddr>)>,
}

impl<'d> Slot<'d> {
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        match self.target {
            Target::Address(address) => Some(address),
            Target::Name(_) | Target::None => None,
        }
    }

    /// Whether somebody has, or will have, a use for what comes.
    pub(crate) fn is_kept(&self) -> bool {
        self.has_handle || self.backlog.is_some()
    }

    pub(crate) fn is_datagram(&self) -> bool {
        self.part.is_some()
    }

    pub(crate) fn is_listener(&self) -> bool {
        matches!(
            self.service,
            ServiceType::TcpListener | ServiceType::UdpListener
        )
    }

    /// Whether the module knows this connectID, as far as we know.
    pub(crate) fn uses_id(&self) -> bool {
        !matches!(self.phase, Phase::Free | Phase::Wanted | Phase::Closed)
    }

    /// Whether the connection carries data.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    #[inline(never)]
    pub(crate) fn wake(&mut self) {
        self.reader.wake();
        self.writer.wake();
    }

    // ---- what happens to a socket -------------------------------------------------------------------------------

    /// The connection is up.
    #[inline(never)]
    pub(crate) fn opened(&mut self) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.deadline = NEVER;
            // A name waited here.
            self.tx.clear();
            self.recheck = NEVER;
            self.wake();
        }
    }

    /// The open failed. Its connectID may be taken all the same, so that a close follows in any case.
    pub(crate) fn open_failed(&mut self, error: Error, passing: bool) {
        if self.phase != Phase::Opening {
            return;
        }
        self.busy = matches!(error, Error::Module(ErrorCode::BUSY));
        self.phase = Phase::Closing;
        if passing && !self.reopened && self.has_handle {
            self.reopen = true;
        } else {
            self.fail(error);
        }
    }

    /// The connection cannot go on; what was received before can still be read.
    #[inline(never)]
    pub(crate) fn fail(&mut self, error: Error) {
        if self.fault.is_none() && !self.ended {
            self.fault = Some(error);
        }
        match self.phase {
            Phase::Wanted => self.phase = Phase::Closed,
            _ if self.uses_id() => self.phase = Phase::Closing,
            _ => {}
        }
        self.reopen = false;
        self.wake();
    }

    /// The module forgot every connection.
    pub(crate) fn fail_all(&mut self, error: Error) {
        match self.phase {
            Phase::Free | Phase::Closed => {}
            // Not sent yet: it can wait for the link to come back.
            Phase::Wanted if self.has_handle => {}
            _ => {
                self.fail(error);
                self.on_id_freed();
            }
        }
    }

    /// The peer, or the network, closed the connection.
    #[inline(never)]
    pub(crate) fn closed_by_peer(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            self.wanted_mode = None;
            // What was pushed came before the notice; all else is still to be fetched.
            self.may_have_data = true;
            self.noticed = true;
            self.state_check_due = false;
            self.wake();
        }
    }

    /// The module says that there is data, and on some firmware how much.
    pub(crate) fn notice(&mut self, length: Option<u32>) {
        self.may_have_data = true;
        self.noticed = true;
        self.announced = length;
    }

    /// A read of `asked` bytes was answered with `length`, and what it brought is in the ring already. An answer without
    /// data tells that there is no more; so does a part of what was asked for, if the module said how much it had.
    pub(crate) fn on_read_done(&mut self, mut more: bool, length: u16, asked: u16) {
        self.recheck = NEVER;
        let is_datagram = self.is_datagram();
        if let Some(announced) = &mut self.announced {
            let is_short = length < asked && !is_datagram;
            *announced = announced.saturating_sub(length.into());
            self.reads_short |= is_short && more && *announced > 0;
            if is_short && *announced == 0 && !self.reads_short && self.phase == Phase::Open {
                self.idle_rechecks = 0;
                more = false;
            }
        }
        if more {
            self.idle_rechecks = 0;
        } else if self.rechecking {
            // The end may have come without a notice as well.
            self.state_check_due |= self.rechecked_in_vain() && self.phase == Phase::Open;
        }
        if more {
            self.may_have_data = true;
        } else if !self.noticed {
            self.may_have_data = false;
            self.announced = None;
            if self.phase == Phase::Draining {
                self.end();
            }
        }
    }

    /// A re-check has brought nothing: whether it was one of so many that the connection may be gone.
    #[inline(never)]
    pub(crate) fn rechecked_in_vain(&mut self) -> bool {
        self.idle_rechecks = (self.idle_rechecks + 1) % STATE_RECHECK;
        // Who still waits says so again; a read that was dropped needs no more re-checks.
        self.awaited = false;
        self.reader.wake();
        self.idle_rechecks == 0
    }

    /// The module has no more data of a closed connection.
    pub(crate) fn end(&mut self) {
        self.may_have_data = false;
        self.ended = true;
        self.phase = Phase::Closing;
        self.wake();
    }

    /// The module accepted `count` bytes.
    pub(crate) fn on_sent(&mut self, count: u16, now: Instant) {
        match self.part {
            None => self.tx.discard(count.into()),
            Some(part) if count > 0 => part.sent(self),
            Some(_) => {}
        }
        self.accepted = self.accepted.wrapping_add(count.into());
        self.unconfirmed_send = None;
        if count > 0 {
            self.retry = SEND_RETRY;
            self.not_before = Instant::MIN;
            self.deadline = if self.shutdown {
                after(now, LINGER)
            } else {
                NEVER
            };
        }
        self.writer.wake();
    }

    /// The module has no room now.
    pub(crate) fn send_later(&mut self, now: Instant, config: &Config<'_>) {
        self.not_before = self.retry.behind(now);
        get_or_set(&mut self.deadline, after(now, config.send_time));
    }

    /// What the module says it has accepted since the open, after a chunk of which that is not known.
    pub(crate) fn counted(&mut self, total: u32, now: Instant) {
        let Some(length) = self.unconfirmed_send.take() else {
            return;
        };
        match u16::try_from(total.wrapping_sub(self.accepted)) {
            // If it took nothing, the pause before the next try has begun already.
            Ok(taken) if taken <= length => self.on_sent(taken, now),
            // A count that cannot be ours: neither sending again nor going on would be right.
            _ => self.fail(Error::DataLost),
        }
    }

    /// Whether the peer has acknowledged everything.
    pub(crate) fn counted_acknowledged(&mut self, all: bool, now: Instant) {
        if all {
            self.ack_wanted = false;
            self.acknowledged = true;
            self.ask_pause = SEND_RETRY;
            self.writer.wake();
        } else {
            self.ask_after = self.ask_pause.behind(now);
        }
    }

    /// The connectID is free again.
    #[inline(never)]
    pub(crate) fn on_id_freed(&mut self) {
        if self.reopen && self.has_handle {
            self.reopen = false;
            self.reopened = true;
            self.close_tries = 0;
            self.phase = Phase::Wanted;
            self.reset_connection();
        } else if self.is_kept() {
            self.phase = Phase::Closed;
        } else {
            self.phase = Phase::Free;
        }
        self.wake();
    }

    /// AT+QICLOSE was refused and the connectID still exists: true if another try is not worth it.
    pub(crate) fn gives_up_closing(&mut self) -> bool {
        self.close_tries += 1;
        self.close_tries >= CLOSE_TRIES
    }

    /// The state is to be asked for as soon as possible.
    pub(crate) fn ask_state(&mut self, now: Instant) {
        self.recheck = now;
    }

    /// The user let go of the handle. What was written is still sent.
    pub(crate) fn release(&mut self, now: Instant) {
        self.has_handle = false;
        self.reopen = false;
        match self.phase {
            Phase::Wanted | Phase::Closed => self.phase = Phase::Free,
            Phase::Open => self.close_when_sent(now),
            Phase::Opening | Phase::Draining => self.phase = Phase::Closing,
            Phase::Free | Phase::Closing => {}
        }
    }

    /// No more writes; closes as soon as the transmit ring is empty.
    pub(crate) fn close_when_sent(&mut self, now: Instant) {
        if !self.shutdown {
            self.shutdown = true;
            self.deadline = after(now, LINGER);
        }
    }
}
