//! One socket: the phase of its life, its rings, and the state of each direction.

use core::net::SocketAddr;

use embassy_time::{Duration, Instant};

use super::key::Key;
use super::reopen::{Reopen, ReopenStage};
#[cfg(feature = "udp")]
use super::transfer::Datagrams;

use super::request::{Endpoint, Request, Target};
use super::transfer::{Receive, Send};
use crate::at::{AccessMode, ConnectId, ServiceType};
#[cfg(feature = "push")]
use crate::engine::access_mode::mode::Mode;
use crate::engine::effect::Effect;
use crate::engine::wakes::{Queue, WakeSet};
use crate::error::Error;
use crate::util::log::debug;
use crate::util::ring::Ring;
use crate::util::time::{NEVER, after};

/// A closing connection that makes no send progress for this long is closed, and the rest is discarded.
const LINGER: Duration = Duration::from_secs(10);
/// How often AT+QICLOSE is sent for a socket, if it is refused.
const CLOSE_TRIES: u8 = 3;

/// After this many transactions in a row without an answer a socket is given up.
const MOST_UNANSWERED: u8 = 4;

/// State of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The slot is not in use.
    Free,
    /// AT+QIOPEN is still to be sent.
    Wanted,
    /// AT+QIOPEN is sent, and its result has not come.
    Opening,
    Open,
    /// The peer has closed; the module may still hold data.
    Draining,
    /// AT+QICLOSE is due.
    Closing,
    /// The module has freed the connectID; the user can still read what is in the ring.
    Closed,
}

/// Who refers to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A handle of the user.
    Handle,
    /// A listener: an accepted connection that the user has not asked for yet. `order` counts accepted connections.
    #[cfg(feature = "server")]
    Backlog {
        listener: Key,
        order: u16,
    },
    Nobody,
}

/// The end of a socket, as far as it has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Close {
    /// No more writes, for this reason; the socket closes when the transmit ring is empty.
    write_end: Option<Error>,
    /// How often AT+QICLOSE was refused although the connectID exists.
    refusals: u8,
}

impl Close {
    const NEW: Self = Self {
        write_end: None,
        refusals: 0,
    };
}

/// Whether AT+QISTATE is due: it shows whether the connection still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateCheck {
    NotDue,
    Due,
    /// AT+QICLOSE was refused, or not answered. Was it carried out?
    AfterClose,
}

#[derive(Debug)]
pub(crate) struct Slot<'d> {
    pub(crate) phase: Phase,
    pub(crate) id: ConnectId,
    /// Key of the present use of the slot, or of the last one.
    pub(crate) key: Key,
    pub(crate) endpoint: Endpoint,
    pub(crate) owner: Owner,
    /// Received bytes. For datagrams each with a header.
    pub(crate) rx: Ring<'d>,
    /// Bytes to be sent. Until the socket is open, the host name that it connects to.
    pub(crate) tx: Ring<'d>,
    pub(crate) receive: Receive,
    pub(crate) send: Send,
    #[cfg(feature = "push")]
    pub(crate) mode: Mode,
    #[cfg(feature = "udp")]
    pub(crate) datagrams: Datagrams,
    /// Why the connection failed.
    pub(crate) fault: Option<Error>,
    /// The module has opened it, whatever came then.
    pub(crate) has_opened: bool,
    pub(super) reopen: Reopen,
    pub(super) close: Close,
    /// How many of its last transactions were not answered.
    unanswered: u8,
    pub(super) state_check: StateCheck,
    /// Before this instant no AT+QIOPEN or AT+QISEND.
    pub(crate) not_before: Instant,
    /// How long the open may take.
    pub(crate) connect_time: Duration,
    /// When an open, a send that makes no progress, or a closing connection is given up.
    pub(crate) deadline: Instant,
    wakes: &'d WakeSet,
}

impl<'d> Slot<'d> {
    pub(crate) fn new(index: u8, rx: &'d mut [u8], tx: &'d mut [u8], wakes: &'d WakeSet) -> Self {
        Self {
            phase: Phase::Free,
            id: ConnectId::FIRST,
            key: Key::first(index),
            endpoint: Endpoint {
                service: ServiceType::Tcp,
                target: Target::Name(0),
                local_port: 0,
                #[cfg(feature = "udp")]
                is_v6: false,
            },
            owner: Owner::Nobody,
            rx: Ring::new(rx),
            tx: Ring::new(tx),
            receive: Receive::NEW,
            send: Send::NEW,
            #[cfg(feature = "push")]
            mode: Mode::new(AccessMode::Buffer),
            #[cfg(feature = "udp")]
            datagrams: Datagrams::NEW,
            fault: None,
            has_opened: false,
            reopen: Reopen::NEW,
            close: Close::NEW,
            unanswered: 0,
            state_check: StateCheck::NotDue,
            not_before: Instant::MIN,
            connect_time: Duration::MIN,
            deadline: NEVER,
            wakes,
        }
    }

    /// Takes a free slot into use.
    pub(crate) fn claim(&mut self, request: &Request<'_>, mode: AccessMode) {
        self.key = self.key.next();
        self.phase = Phase::Wanted;
        self.endpoint = request.endpoint;
        self.owner = Owner::Handle;
        self.rx.clear();
        self.tx.clear();
        self.fault = None;
        self.has_opened = false;
        self.reopen = Reopen::NEW;
        self.close = Close::NEW;
        self.not_before = Instant::MIN;
        self.deadline = NEVER;
        self.reset_connection(mode);
    }

    /// Forgets what belongs to one connection, as opposed to one use of the slot.
    fn reset_connection(&mut self, mode: AccessMode) {
        self.receive = Receive::NEW;
        self.send = Send::NEW;
        self.set_initial_mode(mode);
        #[cfg(feature = "udp")]
        {
            self.datagrams = Datagrams::NEW;
        }
        self.unanswered = 0;
        self.state_check = StateCheck::NotDue;
    }

    #[cfg(feature = "push")]
    const fn set_initial_mode(&mut self, mode: AccessMode) {
        self.mode = Mode::new(mode);
    }

    #[cfg(not(feature = "push"))]
    #[allow(clippy::unused_self)] // There is one access mode only.
    const fn set_initial_mode(&mut self, _: AccessMode) {}

    // ---- what it is ----------------------------------------------------------------------------------------------

    /// The access mode of the connection, or the one in which it is to be opened.
    #[cfg(feature = "push")]
    pub(crate) const fn access_mode(&self) -> AccessMode {
        self.mode.current
    }

    #[cfg(not(feature = "push"))]
    #[allow(clippy::unused_self)] // There is one access mode only.
    pub(crate) const fn access_mode(&self) -> AccessMode {
        AccessMode::Buffer
    }

    #[cfg(not(feature = "udp"))]
    #[allow(clippy::unused_self)] // There are no datagrams.
    pub(crate) const fn has_partial_datagram(&self) -> bool {
        false
    }

    /// The only peer, unless it was given by name.
    pub(crate) const fn remote(&self) -> Option<SocketAddr> {
        match self.endpoint.target {
            Target::Address(address) => Some(address),
            _ => None,
        }
    }

    /// Whether a handle of the user refers to it.
    pub(crate) fn has_handle(&self) -> bool {
        self.owner == Owner::Handle
    }

    /// Whether a handle or a listener's backlog refers to the socket, so that received data is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.owner != Owner::Nobody
    }

    pub(crate) const fn is_datagram(&self) -> bool {
        cfg!(feature = "udp")
            && match self.endpoint.service {
                ServiceType::Tcp => false,
                // Firmware without listeners has no other kinds. Saves 420 bytes of flash.
                _ if !cfg!(feature = "server") => true,
                ServiceType::Udp | ServiceType::UdpService | ServiceType::UdpIncoming => true,
                _ => false,
            }
    }

    /// Whether each of its datagrams has an address of its own.
    pub(crate) const fn is_service(&self) -> bool {
        cfg!(feature = "udp") && matches!(self.endpoint.service, ServiceType::UdpService)
    }

    pub(crate) const fn is_listener(&self) -> bool {
        cfg!(feature = "server")
            && matches!(
                self.endpoint.service,
                ServiceType::TcpListener | ServiceType::UdpListener
            )
    }

    pub(crate) fn is_free(&self) -> bool {
        self.phase == Phase::Free
    }

    pub(crate) fn is_opening(&self) -> bool {
        self.phase == Phase::Opening
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the connection carries data.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    /// Whether the module knows its connectID, as far as the host knows.
    pub(crate) const fn uses_id(&self) -> bool {
        !matches!(self.phase, Phase::Free | Phase::Wanted | Phase::Closed)
    }

    /// Whether the sending direction has ended.
    pub(crate) const fn is_write_ended(&self) -> bool {
        self.close.write_end.is_some()
    }

    /// What a user of a socket that has ended learns.
    pub(crate) fn end_reason(&self) -> Error {
        self.fault.or(self.close.write_end).unwrap_or(Error::Closed)
    }

    /// Whether AT+QIOPEN is being repeated, on the connectID that was just closed for it.
    pub(crate) fn is_reopening(&self) -> bool {
        self.reopen.stage == ReopenStage::Repeating
    }

    /// Something says that the connection may be gone: AT+QISTATE is due.
    pub(crate) fn check_state(&mut self) {
        if self.state_check == StateCheck::NotDue {
            self.state_check = StateCheck::Due;
        }
    }

    #[inline(never)] // Many callers.
    pub(crate) fn wake_readers(&self) {
        self.wakes.wake(Queue::Reader(self.key));
    }

    #[inline(never)] // Many callers.
    pub(crate) fn wake_writers(&self) {
        self.wakes.wake(Queue::Writer(self.key));
    }

    pub(crate) fn wake(&self) {
        self.wake_readers();
        self.wake_writers();
    }

    /// Wakes the readers. One that still waits registers again.
    pub(crate) fn end_wait_for_data(&mut self) {
        self.receive.recheck.reader_waits = false;
        // The next reader asks for a re-check of its own.
        self.receive.recheck.requested = false;
        self.wake_readers();
    }

    /// All of what is withheld was data.
    pub(crate) fn give_withheld(&mut self) {
        if self.receive.withheld > 0 {
            self.receive.withheld = 0;
            self.end_wait_for_data();
        }
    }

    // ---- its life ------------------------------------------------------------------------------------------------

    /// The module has opened the socket.
    pub(crate) fn on_opened(&mut self) {
        if self.phase == Phase::Opening {
            debug!("connectID {:?} open", self.id);
            self.phase = Phase::Open;
            self.has_opened = true;
            self.deadline = NEVER;
            // The host name.
            self.tx.clear();
            self.receive.recheck.cancel();
            self.wake();
        }
    }

    /// The open failed, and is repeated or not. Its connectID may be taken all the same, so that a close follows in any case.
    #[inline(never)] // Many callers.
    pub(crate) fn on_open_failed(&mut self, error: Error, repeats: bool) {
        if self.phase != Phase::Opening {
            return;
        }
        self.phase = Phase::Closing;
        if repeats && self.has_handle() {
            self.reopen.stage = ReopenStage::AfterClose;
        } else {
            self.fail(error);
        }
    }

    /// The connection cannot go on. What was received before can still be read.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.fault.is_none() && !self.receive.ended {
            debug!("connectID {:?} failed: {:?}", self.id, error);
            self.fault = Some(error);
        }
        match self.phase {
            Phase::Wanted => self.phase = Phase::Closed,
            _ if self.uses_id() => self.phase = Phase::Closing,
            _ => {}
        }
        self.cancel_reopen();
        self.wake();
    }

    fn cancel_reopen(&mut self) {
        self.reopen.stage = ReopenStage::None;
    }

    /// The time of an open, or of a send that makes no progress, is over.
    pub(super) fn on_deadline(&mut self) {
        self.deadline = NEVER;
        let repeats = self.reopen.stage != ReopenStage::None;
        match self.phase {
            Phase::Opening | Phase::Open => self.fail(Error::TimedOut),
            Phase::Wanted | Phase::Closing if repeats => self.fail(Error::TimedOut),
            _ => {}
        }
    }

    /// A transaction of the socket has ended with this effect. A socket whose commands are not answered fails alone: the module
    /// answers others.
    pub(crate) fn after_transaction(&mut self, is_answered: bool, effect: Effect) -> Effect {
        self.unanswered += 1;
        if is_answered {
            self.unanswered = 0;
        } else if self.unanswered >= MOST_UNANSWERED {
            self.unanswered = 0;
            if self.phase == Phase::Closing {
                return self.orphan_id();
            }
            self.fail(Error::TimedOut);
        }
        effect
    }

    /// All connections are lost.
    pub(crate) fn on_all_connections_lost(&mut self, error: Error) {
        match self.phase {
            Phase::Free | Phase::Closed => {}
            // AT+QIOPEN was not sent: it can wait until the link is back.
            Phase::Wanted if self.has_handle() => {}
            _ => {
                self.fail(error);
                self.detach_id();
            }
        }
    }

    /// The peer, or the network, has closed the connection.
    pub(crate) fn on_closed_by_peer(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            #[cfg(feature = "push")]
            {
                self.mode.wanted = None;
            }
            // Pushed data came before the URC. What the module still holds has to be read.
            self.receive.mark_readable();
            if !self.is_datagram() {
                self.send.on_closed_by_peer();
            }
            self.state_check = StateCheck::NotDue;
            self.wake();
        }
    }

    /// The module has no more data of a connection that the peer has closed.
    pub(crate) fn on_end_of_stream(&mut self) {
        self.receive.may_have_data = false;
        self.receive.ended = true;
        self.phase = Phase::Closing;
        self.wake();
    }

    /// The socket does not use its connectID any more: opens again, keeps what was received, or frees the slot.
    pub(crate) fn detach_id(&mut self) {
        debug!("connectID {:?} closed", self.id);
        if (self.reopen.stage, self.owner) == (ReopenStage::AfterClose, Owner::Handle) {
            self.reopen.stage = ReopenStage::Repeating;
            self.close.refusals = 0;
            self.phase = Phase::Wanted;
            // What came before the failure was pushed to another connection, which had the connectID.
            self.rx.clear();
            self.reset_connection(self.access_mode());
        } else if self.is_kept() {
            self.phase = Phase::Closed;
        } else {
            self.phase = Phase::Free;
        }
        self.wake();
    }

    /// Counts a refused AT+QICLOSE whose connectID still exists. Returns whether it was the last try.
    pub(crate) const fn count_close_refusal(&mut self) -> bool {
        self.close.refusals += 1;
        self.close.refusals >= CLOSE_TRIES
    }

    /// The user has dropped the handle. What was written is still sent.
    pub(crate) fn release(&mut self, now: Instant) {
        self.owner = Owner::Nobody;
        self.cancel_reopen();
        match self.phase {
            Phase::Wanted | Phase::Closed => self.phase = Phase::Free,
            Phase::Open => self.close_when_sent(now),
            Phase::Opening | Phase::Draining => self.phase = Phase::Closing,
            Phase::Free | Phase::Closing => {}
        }
    }

    /// The user has dropped the handle, and what was not sent with it.
    pub(crate) fn abort(&mut self, error: Error) {
        let is_unknown_to_module = matches!(self.phase, Phase::Wanted | Phase::Closed);
        self.fail(error);
        if is_unknown_to_module {
            self.phase = Phase::Free;
        }
        self.owner = Owner::Nobody;
    }

    /// No more writes: closes as soon as the transmit ring is empty.
    pub(crate) fn close_when_sent(&mut self, now: Instant) {
        self.end(Error::Closed, now);
    }

    fn end(&mut self, reason: Error, now: Instant) {
        if self.close.write_end.is_none() {
            self.close.write_end = Some(reason);
            self.restart_deadline(now);
        }
    }

    /// The link goes down, for this reason: closes as soon as the transmit ring is empty.
    #[cfg(feature = "link-control")]
    pub(crate) fn leave(&mut self, reason: Error, now: Instant) {
        match self.phase {
            Phase::Open => self.end(reason, now),
            Phase::Wanted | Phase::Opening => self.fail(reason),
            Phase::Closing if self.reopen.stage != ReopenStage::None => self.fail(reason),
            Phase::Draining | Phase::Closing | Phase::Closed | Phase::Free => {}
        }
        self.wake();
    }

    /// Send progress: restarts the deadline of a closing connection, and clears that of a send.
    pub(crate) fn restart_deadline(&mut self, now: Instant) {
        self.deadline = if self.is_write_ended() {
            after(now, LINGER)
        } else {
            NEVER
        };
    }
}
