//! Faults that are waiting for their moment.

use super::socket::{Connection, Link, Socket};
use super::{Core, Service};
use crate::fault::Fault;
use crate::readings::Errors;
use core::time::Duration;
use std::collections::BTreeMap;

/// URCs that have nothing to do with sockets (quirk 96).
const FOREIGN: &[&str] = &[
    "+QGPS: \"firmware\",0,0",
    "+CTZV: 1",
    "+CREG: 1",
    "+CEREG: 5",
    "+QIND: SMS DONE",
    "+CMTI: \"SM\",3",
    "RING",
    "+QSSLURC: \"recv\",2",
    "+QMTRECV: 0,0",
];

/// What to do after so much payload.
#[derive(Clone, Copy, Debug)]
enum Blow {
    LoseContext(u8),
    Restart,
}

#[derive(Debug)]
pub(super) struct Faults {
    dice: fastrand::Rng,
    foreign: Option<(f64, fastrand::Rng)>,
    line_loss: Option<(f64, fastrand::Rng)>,
    failing_sends: u32,
    failing_rate: f64,
    failing_taken: bool,
    refused_opens: (u16, u32),
    payload: u64,
    blows: Vec<(u64, Blow)>,
    pub late_recv: Duration,
    pub lost_recv: u32,
    pub lost_closed: u32,
    pub send_error: u32,
    pub late_send_ok: Duration,
    pub lost_send_ok: u32,
    pub hang_open: u32,
    pub lost_open_result: u32,
    pub echo_stays: bool,
    pub payload_echo: bool,
    pub short_reads: Option<usize>,
    pub peer_closes: Option<u64>,
    pub closed_after_close: bool,
    pub dns_fails: u32,
    pub dns_silent: u32,
    pub dns_late: Duration,
    pub read_loss: u32,
    pub slow: BTreeMap<String, Duration>,
    pub prompt_error: u32,
}

fn hits(dice: &mut fastrand::Rng, probability: f64) -> bool {
    dice.f64() < probability
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Faults {
            dice: fastrand::Rng::with_seed(seed),
            foreign: None,
            line_loss: None,
            failing_sends: 0,
            failing_rate: 0.0,
            failing_taken: false,
            refused_opens: (0, 0),
            payload: 0,
            blows: Vec::new(),
            late_recv: Duration::ZERO,
            lost_recv: 0,
            lost_closed: 0,
            send_error: 0,
            late_send_ok: Duration::ZERO,
            lost_send_ok: 0,
            hang_open: 0,
            lost_open_result: 0,
            echo_stays: false,
            payload_echo: false,
            short_reads: None,
            peer_closes: None,
            closed_after_close: false,
            dns_fails: 0,
            dns_silent: 0,
            dns_late: Duration::ZERO,
            read_loss: 0,
            slow: BTreeMap::new(),
            prompt_error: 0,
        }
    }

    pub fn loses_line(&mut self) -> bool {
        self.line_loss
            .as_mut()
            .is_some_and(|(probability, dice)| hits(dice, *probability))
    }

    pub fn foreign_urc(&mut self) -> Option<&'static str> {
        let (probability, dice) = self.foreign.as_mut()?;
        hits(dice, *probability).then(|| FOREIGN[dice.usize(..FOREIGN.len())])
    }

    /// Whether a send fails, and if so, whether the data was taken.
    pub fn failing_send(&mut self) -> Option<bool> {
        if self.failing_sends > 0 {
            self.failing_sends -= 1;
            return Some(self.failing_taken);
        }
        (self.failing_rate > 0.0 && hits(&mut self.dice, self.failing_rate))
            .then_some(self.failing_taken)
    }

    pub fn refused_open(&mut self) -> Option<u16> {
        let (code, count) = &mut self.refused_opens;
        *count = count.checked_sub(1)?;
        Some(*code)
    }

    pub fn count_payload(&mut self, bytes: usize) {
        self.payload += bytes as u64;
    }
}

impl Core {
    /// Arms a fault, or lets it happen.
    pub fn inject(&mut self, fault: Fault) {
        self.remark(format!("fault: {fault:?}"));
        let faults = &mut self.faults;
        let seeded = fastrand::Rng::with_seed;
        match fault {
            Fault::Chop(chop) => self.chop = Some(chop),
            Fault::ForeignUrcs { probability, seed } => {
                faults.foreign = Some((probability, seeded(seed)))
            }
            Fault::LateRecv(delay) => faults.late_recv = delay,
            Fault::LostRecv(count) => faults.lost_recv = count,
            Fault::LostClosed(count) => faults.lost_closed = count,
            Fault::SendFail { count, taken } => {
                (faults.failing_sends, faults.failing_taken) = (count, taken)
            }
            Fault::SendFailRate { probability, taken } => {
                (faults.failing_rate, faults.failing_taken) = (probability, taken);
            }
            Fault::SendError(count) => faults.send_error = count,
            Fault::LateSendOk(delay) => faults.late_send_ok = delay,
            Fault::LostSendOk(count) => faults.lost_send_ok = count,
            Fault::RefuseOpen { code, count } => faults.refused_opens = (code, count),
            Fault::HangOpen(count) => faults.hang_open = count,
            Fault::LostOpenResult(count) => faults.lost_open_result = count,
            Fault::PdpDeact { context, after: 0 } => self.lose_context(context),
            Fault::PdpDeact { context, after } => {
                faults
                    .blows
                    .push((faults.payload + after, Blow::LoseContext(context)));
            }
            Fault::Restart { after: 0 } => self.restart(),
            Fault::Restart { after } => faults.blows.push((faults.payload + after, Blow::Restart)),
            Fault::Silent(time) => self.fall_silent(time),
            Fault::LeftOpen(id) => self.leave_open(id, 0, &[]),
            Fault::EchoStays => faults.echo_stays = true,
            Fault::PayloadEcho => faults.payload_echo = true,
            Fault::ViewMode => {
                self.settings.stored.view_mode = 1;
                self.config.view_mode = 1;
            }
            Fault::HexData => {
                self.settings.stored.data_format = (1, 1);
                self.config.data_format = (1, 1);
            }
            Fault::ShortReads(limit) => faults.short_reads = Some(limit.max(1)),
            Fault::PeerCloses(bytes) => faults.peer_closes = Some(bytes),
            Fault::ClosedAfterClose => faults.closed_after_close = true,
            Fault::CmeErrors { text } => {
                self.settings.readings.errors = if text { Errors::Text } else { Errors::Numeric };
            }
            Fault::DnsFails(count) => faults.dns_fails = count,
            Fault::DnsSilent(count) => faults.dns_silent = count,
            Fault::DnsLate(delay) => faults.dns_late = delay,
            Fault::LineLoss { probability, seed } => {
                faults.line_loss = Some((probability, seeded(seed)))
            }
            Fault::ReadLoss(count) => faults.read_loss = count,
            Fault::Slow { command, delay } => drop(faults.slow.insert(command, delay)),
            Fault::PromptError(count) => faults.prompt_error = count,
            Fault::Reading(name) => {
                if let Err(error) = self.settings.readings.flip(&name) {
                    self.remark(error);
                }
            }
        }
    }

    /// Ends what [`Core::inject`] armed; what has happened stays.
    pub fn clear_faults(&mut self) {
        self.remark("no more faults");
        self.faults = Faults::new(self.settings.seed);
    }

    /// Strikes the blows that wait for an amount of payload.
    pub(super) fn after_payload(&mut self) {
        let payload = self.faults.payload;
        while let Some(index) = self.faults.blows.iter().position(|(at, _)| *at <= payload) {
            match self.faults.blows.swap_remove(index).1 {
                Blow::LoseContext(context) => self.lose_context(context),
                Blow::Restart => self.restart(),
            }
        }
    }

    /// A socket that was open all along, as far as the module is concerned.
    pub(super) fn leave_open(&mut self, id: u8, access_mode: u8, unread: &[u8]) {
        let Some(slot) = self.sockets.get(usize::from(id)) else {
            return;
        };
        if slot.is_some() {
            return;
        }
        self.generation += 1;
        let mut socket = Socket::new(id, self.generation, 1, Service::Tcp);
        socket.address = "192.0.2.1".into();
        socket.remote_port = 1883;
        socket.local_port = 65_000;
        socket.state = 2;
        socket.link = Link::Open(Connection::Nothing);
        socket.access_mode = access_mode;
        socket.unread.extend(unread);
        socket.received = unread.len() as u64;
        self.sockets[usize::from(id)] = Some(socket);
    }
}
