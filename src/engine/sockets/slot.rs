//! One socket: the phase of its life, its rings, and the state of each direction.

use core::net::SocketAddr;

use embassy_time::{Duration, Instant};

#[cfg(feature = "keep-alive")]
use super::keep_alive::Probing;
use super::key::{Key, SlotSet};
use super::reopen::{Reopen, ReopenStage};
use super::request::{Endpoint, Request, Target};
#[cfg(feature = "udp")]
use super::transfer::Datagrams;
use super::transfer::{Receive, Send};
use crate::at::{AccessMode, ConnectId, ServiceType};
#[cfg(feature = "push")]
use crate::engine::access_mode::mode::Mode;
use crate::engine::wakes::{Queue, WakeSet};
use crate::error::Error;
use crate::util::ring::Ring;
use crate::util::time::NEVER;

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
    pub(super) write_end: Option<Error>,
    /// How often AT+QICLOSE was refused although the connectID exists.
    pub(super) refusals: u8,
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
    /// Of a listener: the slots for the connections that it accepts.
    #[cfg(feature = "server")]
    pub(super) slots: SlotSet,
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
    pub(super) unanswered: u8,
    pub(super) state_check: StateCheck,
    /// Before this instant no AT+QIOPEN or AT+QISEND.
    pub(crate) not_before: Instant,
    /// How long the open may take.
    pub(crate) connect_time: Duration,
    #[cfg(feature = "keep-alive")]
    pub(crate) keep_alive: Option<Probing>,
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
            #[cfg(feature = "server")]
            slots: SlotSet::ALL,
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
            #[cfg(feature = "keep-alive")]
            keep_alive: None,
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
        #[cfg(feature = "server")]
        {
            self.slots = request.slots;
        }
        self.rx.clear();
        self.tx.clear();
        self.fault = None;
        self.has_opened = false;
        self.reopen = Reopen::NEW;
        self.close = Close::NEW;
        self.not_before = Instant::MIN;
        self.deadline = NEVER;
        #[cfg(feature = "keep-alive")]
        {
            self.keep_alive = None;
        }
        self.reset_connection(mode);
    }

    /// Forgets what belongs to one connection, as opposed to one use of the slot.
    pub(super) fn reset_connection(&mut self, mode: AccessMode) {
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
        self.endpoint.is_listener()
    }

    pub(crate) fn is_free(&self) -> bool {
        self.phase == Phase::Free
    }

    /// Whether it is free, and one of these.
    pub(super) fn is_free_in(&self, slots: SlotSet) -> bool {
        self.is_free() && slots.contains(self.key)
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
}
