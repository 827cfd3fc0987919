//! How a slot is taken into use.

use core::net::SocketAddr;

use embassy_time::Instant;

use crate::at::{AccessMode, ConnectId, ServiceType};
use crate::engine::exchange::job::{Key, Target};
use crate::engine::part::Parts;
use crate::engine::sockets::request::Request;
use crate::engine::sockets::slot::{Phase, SEND_RETRY, Slot};
use crate::util::ring::Ring;
use crate::util::time::NEVER;
use crate::util::wakers::OneWaker;

impl<'d> Slot<'d> {
    pub(crate) fn new(index: u8, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self {
            phase: Phase::Free,
            key: Key::new(index, 0),
            id: ConnectId::FIRST,
            service: ServiceType::Tcp,
            part: None,
            has_handle: false,
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
            may_have_data: false,
            noticed: false,
            awaited: false,
            shutdown: false,
            state_check_due: false,
            unconfirmed_send: None,
            partial: None,
            datagrams: 0,
            arriving: None,
            drop_until_room: false,
            withheld: 0,
            announced: None,
            reads_short: false,
            recount_sent: false,
            recount_received: false,
            is_newest_fresh: false,
            ack_wanted: false,
            acknowledged: false,
            read_unconfirmed: false,
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
            reader: OneWaker::new(),
            writer: OneWaker::new(),
        }
    }

    /// Takes a free slot into use.
    pub(crate) fn claim(&mut self, request: &Request<'_>, mode: AccessMode, parts: Parts) {
        self.key = self.key.next();
        self.phase = Phase::Wanted;
        self.service = request.service;
        self.part = parts.datagrams.filter(|_| {
            matches!(
                request.service,
                ServiceType::Udp | ServiceType::UdpService | ServiceType::UdpIncoming
            )
        });
        self.has_handle = true;
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
        self.reset_connection();
    }

    /// Forgets what belongs to one connection, as opposed to one use of the slot.
    #[inline(never)]
    pub(crate) fn reset_connection(&mut self) {
        self.ended = false;
        self.may_have_data = false;
        self.noticed = false;
        self.awaited = false;
        self.state_check_due = false;
        self.unconfirmed_send = None;
        self.partial = None;
        self.datagrams = 0;
        self.wanted_mode = None;
        self.mode_refused = None;
        self.resume = false;
        self.suspended = false;
        self.was_transparent = false;
        self.arriving = None;
        self.drop_until_room = false;
        self.withheld = 0;
        self.announced = None;
        self.reads_short = false;
        self.recount_sent = false;
        self.recount_received = false;
        self.ack_wanted = false;
        self.acknowledged = false;
        self.read_unconfirmed = false;
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
    pub(crate) fn claim_incoming(
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
        self.has_handle = false;
        self.backlog = Some(backlog);
        self.id = id;
        self.phase = Phase::Open;
    }
}
