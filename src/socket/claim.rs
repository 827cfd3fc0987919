//! How a slot is taken into use.

use core::net::SocketAddr;

use embassy_time::Instant;

use super::job::{Key, Target};
use super::part::Parts;
use super::slot::{Phase, SEND_RETRY, Slot};
use super::user::Request;
use crate::clock::NEVER;
use crate::command::{AccessMode, ConnectId, ServiceType};
use crate::ring::Ring;
use crate::waiting::Waiting;

impl<'d> Slot<'d> {
    pub(crate) fn new(index: u8, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self {
            phase: Phase::Free,
            key: Key::new(index, 0),
            id: ConnectId::FIRST,
            service: ServiceType::Tcp,
            part: None,
            held: false,
            backlog: None,
            target: Target::None,
            local_port: 0,
            mode: AccessMode::Buffer,
            wanted_mode: None,
            mode_refused: None,
            suspended: false,
            was_transparent: false,
            resume: false,
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
            partial: None,
            datagrams: 0,
            arriving: None,
            crowded: false,
            withheld: 0,
            announced: None,
            reads_short: false,
            recount_sent: false,
            recount_received: false,
            is_newest_fresh: false,
            ack_wanted: false,
            acknowledged: false,
            gap: false,
            was_read: false,
            reopen: false,
            reopened: false,
            busy: false,
            accepted: 0,
            received: 0,
            not_before: Instant::MIN,
            retry: SEND_RETRY,
            ask_after: Instant::MIN,
            ask_pause: SEND_RETRY,
            deadline: NEVER,
            rechecking: false,
            idle_rechecks: 0,
            recheck: NEVER,
            recheck_wanted: false,
            close_tries: 0,
            reader: Waiting::new(),
            writer: Waiting::new(),
        }
    }

    /// Takes a free slot into use.
    pub(super) fn claim(&mut self, request: &Request<'_>, mode: AccessMode, parts: Parts) {
        self.key = self.key.next();
        self.phase = Phase::Wanted;
        self.service = request.service;
        self.part = parts.datagrams.filter(|_| {
            matches!(
                request.service,
                ServiceType::Udp | ServiceType::UdpService | ServiceType::UdpIncoming
            )
        });
        self.held = true;
        self.backlog = None;
        self.target = request.target;
        self.local_port = request.local_port;
        self.mode = mode;
        self.rx.clear();
        self.tx.clear();
        self.fault = None;
        self.shutdown = false;
        self.reopen = false;
        self.reopened = false;
        self.busy = false;
        self.not_before = Instant::MIN;
        self.close_tries = 0;
        self.deadline = NEVER;
        self.fresh();
    }

    /// Forgets what belongs to one connection, as opposed to one use of the slot.
    #[inline(never)]
    pub(super) fn fresh(&mut self) {
        self.ended = false;
        self.unread = false;
        self.noticed = false;
        self.awaited = false;
        self.doubted = false;
        self.unsure = None;
        self.partial = None;
        self.datagrams = 0;
        self.wanted_mode = None;
        self.mode_refused = None;
        self.resume = false;
        self.suspended = false;
        self.was_transparent = false;
        self.arriving = None;
        self.crowded = false;
        self.withheld = 0;
        self.announced = None;
        self.reads_short = false;
        self.recount_sent = false;
        self.recount_received = false;
        self.ack_wanted = false;
        self.acknowledged = false;
        self.gap = false;
        self.was_read = false;
        self.accepted = 0;
        self.received = 0;
        self.retry = SEND_RETRY;
        self.rechecking = false;
        self.idle_rechecks = 0;
        self.ask_after = Instant::MIN;
        self.ask_pause = SEND_RETRY;
        self.recheck = NEVER;
        self.recheck_wanted = false;
    }

    /// Takes a free slot into use for a connection that a listener of the module has accepted.
    pub(super) fn claim_incoming(
        &mut self,
        service: ServiceType,
        id: ConnectId,
        peer: Option<SocketAddr>,
        backlog: (Key, u16),
        wanted: AccessMode,
        parts: Parts,
    ) {
        let target = peer.map_or(Target::None, Target::Address);
        let request = Request::new(service, target, 0);
        self.claim(&request, AccessMode::Buffer, parts);
        self.wanted_mode = Some(wanted).filter(|wanted| *wanted != self.mode);
        self.held = false;
        self.backlog = Some(backlog);
        self.id = id;
        self.phase = Phase::Open;
    }
}
