//! Faults that are waiting for their moment.

mod inject;
mod strikes;

use super::socket::{Connection, Link, Socket};
use super::{Core, Service};
use crate::fault::NoAddress;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::IpAddr;
pub(super) use strikes::{Damage, OfCommand, Reaction, Strikes};

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

/// URCs of firmware that nobody has seen yet.
const UNKNOWN: &[&[&str]] = &[
    &["+QIURC: \"future\",0,1"],
    &["+QIURC: \"future\",0,5"],
    &["+QIURC: \"future\""],
    &["+QFUTURE: 0,1,\"closed\""],
    &["FUTURE 1"],
];

/// Text messages, each with a line that looks like something else (quirk 125).
const MESSAGES: &[&[&str]] = &[
    &["+CMT: \"+4915112345\",,\"26/11/27,10:00:00+04\"", "RDY"],
    &[
        "+CMT: \"+4915112345\",,\"26/11/27,10:00:00+04\"",
        "+QIURC: \"closed\",0",
    ],
    &[
        "+CMT: \"+4915112345\",,\"26/11/27,10:00:00+04\"",
        "+QIURC: \"pdpdeact\",1",
    ],
    &[
        "+CDS: 25",
        "0006D60B911326880736F4111011719551401110117195714000",
    ],
    &["+CBM: 1,1,0,1,1", "+QIURC: \"recv\",0,4"],
    &["+CMT: ,12", "NO CARRIER"],
];

/// What to do after so much payload.
#[derive(Clone, Copy, Debug)]
enum Blow {
    LoseContext(u8),
    Restart,
}

/// A chance that is taken at random.
type Chance = Option<(f64, fastrand::Rng)>;

#[derive(Debug)]
pub(super) struct Faults {
    dice: fastrand::Rng,
    foreign: Chance,
    unknown: Chance,
    messages: Chance,
    line_loss: Chance,
    ping_loss: Chance,
    failing_sends: Strikes,
    failing_rate: f64,
    failing_taken: bool,
    refused_opens: (u16, Strikes),
    refused_times: (u16, Strikes),
    payload: u64,
    blows: Vec<(u64, Blow)>,
    of_commands: Vec<OfCommand>,
    damages: Vec<(Damage, Strikes)>,
    pub refused_peers: BTreeMap<IpAddr, u16>,
    pub late_recv: Duration,
    pub lost_recv: Strikes,
    pub lost_closed: Strikes,
    pub send_error: Strikes,
    pub late_send_ok: Duration,
    pub lost_send_ok: Strikes,
    pub send_ok_behind: Strikes,
    pub hang_open: Strikes,
    pub lost_open_result: Strikes,
    pub result_first: Strikes,
    pub deactivation: Strikes,
    pub late_address: Option<(Duration, NoAddress)>,
    pub echo_stays: bool,
    pub payload_echo: bool,
    pub one_behind: bool,
    pub black_hole: bool,
    pub short_reads: Option<usize>,
    pub counters_lag: u64,
    pub peer_closes: Option<u64>,
    pub closed_after_close: bool,
    pub resume_fails: Strikes,
    pub dns_fails: Strikes,
    pub dns_silent: Strikes,
    pub dns_late: Duration,
    pub ntp_late: Duration,
    pub read_loss: Strikes,
    pub slow: BTreeMap<String, Duration>,
    pub prompt_error: Strikes,
    pub lost_prompt: Strikes,
}

fn hits(chance: &mut Chance) -> bool {
    chance
        .as_mut()
        .is_some_and(|(probability, dice)| dice.f64() < *probability)
}

fn draw<T: Copy>(chance: &mut Chance, all: &[T]) -> Option<T> {
    hits(chance).then_some(())?;
    let (_, dice) = chance.as_mut()?;
    Some(all[dice.usize(..all.len())])
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Faults {
            dice: fastrand::Rng::with_seed(seed),
            foreign: None,
            unknown: None,
            messages: None,
            line_loss: None,
            ping_loss: None,
            failing_sends: Strikes::default(),
            failing_rate: 0.0,
            failing_taken: false,
            refused_opens: (0, Strikes::default()),
            refused_times: (0, Strikes::default()),
            payload: 0,
            blows: Vec::new(),
            of_commands: Vec::new(),
            damages: Vec::new(),
            refused_peers: BTreeMap::new(),
            late_recv: Duration::ZERO,
            lost_recv: Strikes::default(),
            lost_closed: Strikes::default(),
            send_error: Strikes::default(),
            late_send_ok: Duration::ZERO,
            lost_send_ok: Strikes::default(),
            send_ok_behind: Strikes::default(),
            hang_open: Strikes::default(),
            lost_open_result: Strikes::default(),
            result_first: Strikes::default(),
            deactivation: Strikes::default(),
            late_address: None,
            echo_stays: false,
            payload_echo: false,
            one_behind: false,
            black_hole: false,
            short_reads: None,
            counters_lag: 0,
            peer_closes: None,
            closed_after_close: false,
            resume_fails: Strikes::default(),
            dns_fails: Strikes::default(),
            dns_silent: Strikes::default(),
            dns_late: Duration::ZERO,
            ntp_late: Duration::ZERO,
            read_loss: Strikes::default(),
            slow: BTreeMap::new(),
            prompt_error: Strikes::default(),
            lost_prompt: Strikes::default(),
        }
    }

    pub fn loses_line(&mut self) -> bool {
        hits(&mut self.line_loss)
    }

    pub fn loses_ping(&mut self) -> bool {
        hits(&mut self.ping_loss)
    }

    /// The lines of a URC that is none of the sockets'.
    pub fn foreign_urc(&mut self) -> Vec<&'static str> {
        let mut lines = Vec::new();
        lines.extend(draw(&mut self.foreign, FOREIGN));
        lines.extend(draw(&mut self.unknown, UNKNOWN).unwrap_or_default());
        lines.extend(draw(&mut self.messages, MESSAGES).unwrap_or_default());
        lines
    }

    /// Whether a send fails, and if so, whether the data was taken.
    pub fn failing_send(&mut self) -> Option<bool> {
        let fails = self.failing_sends.strikes()
            || self.failing_rate > 0.0 && self.dice.f64() < self.failing_rate;
        fails.then_some(self.failing_taken)
    }

    pub fn refused_open(&mut self) -> Option<u16> {
        let (code, strikes) = &mut self.refused_opens;
        strikes.strikes().then_some(*code)
    }

    pub fn refused_time(&mut self) -> Option<u16> {
        let (code, strikes) = &mut self.refused_times;
        strikes.strikes().then_some(*code)
    }

    /// What strikes this command, of the reactions that `wanted` chooses.
    pub fn reaction(&mut self, command: &str, wanted: fn(&Reaction) -> bool) -> Option<Reaction> {
        self.of_commands
            .iter_mut()
            .filter(|fault| fault.is_for(command) && wanted(&fault.reaction))
            .find_map(|fault| fault.strikes.strikes().then(|| fault.reaction.clone()))
    }

    /// What happens to the data that is about to be sent.
    pub fn damage(&mut self) -> Option<Damage> {
        self.damages
            .iter_mut()
            .find_map(|(damage, strikes)| strikes.strikes().then_some(*damage))
    }

    /// Lets go of those that never strike again.
    pub fn forget_spent(&mut self) {
        self.of_commands.retain(|fault| !fault.strikes.is_spent());
        self.damages.retain(|(_, strikes)| !strikes.is_spent());
    }

    pub fn count_payload(&mut self, bytes: usize) {
        self.payload += bytes as u64;
    }
}

impl Core {
    /// Ends what [`Core::inject`] armed; what has happened stays.
    pub fn clear_faults(&mut self) {
        self.remark("no more faults");
        self.faults = Faults::new(self.settings.seed);
        self.settings.readings = self.first_readings.clone();
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
