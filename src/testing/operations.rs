//! Users, runner, module and network, in any order: streams, datagrams, and servers.

mod module;
mod network;
mod user;
mod wishes;

use core::task::Poll;
use std::collections::VecDeque;
use std::format;
use std::vec::Vec;

use self::wishes::{APNS, LINK_MODES};
use super::Choices;
use crate::at::{ConnectId, ServiceType};
use crate::config::{AccessPoint, Config};
use crate::engine::rig::Rig;
use crate::engine::{Key, LineKind, LinkMode, LinkState};
use crate::stack::{Resources, new};

const SOCKETS: usize = 4;
/// Receive rings that hold one datagram, and such that hold many, and the largest read.
const SMALL: usize = 64;
const LARGE: usize = 2048;
const TX: usize = 48;
/// What a datagram takes in a ring besides its bytes.
const HEADER: usize = 21;
/// No sequence needs as many transactions to come to rest.
const PATIENCE: usize = 3000;

/// The byte at a place of a stream: each connection and direction has its own.
fn stream(serial: u32, place: usize) -> u8 {
    let mixed = (serial.wrapping_mul(0x9e37_79b9) ^ place as u32).wrapping_mul(0x85eb_ca6b);
    (mixed >> 24) as u8
}

/// A datagram: those of a stream have their bytes from it, each from another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Datagram {
    number: usize,
    length: usize,
}

impl Datagram {
    fn bytes(self, serial: u32) -> Vec<u8> {
        let places = (0..self.length).map(|offset| self.number * 100 + offset);
        places.map(|place| stream(serial, place)).collect()
    }

    /// The port of its sender, or of whom it is sent to.
    fn port(self) -> u16 {
        1000 + self.number as u16
    }
}

/// A connection as the module has it.
struct Connection {
    serial: u32,
    service: ServiceType,
    /// The handle it was opened for; none if the host has no slot for it.
    key: Option<Key>,
    open: bool,
    closed: bool,
    /// How many bytes the peer has sent, and how many the host has read.
    arrived: usize,
    read: usize,
    /// How many bytes the module has accepted.
    accepted: usize,
    /// How many datagrams it has accepted.
    accepted_datagrams: usize,
    /// It has accepted the oldest one in the transmit ring, and the host does not know it.
    oldest_is_accepted: bool,
    /// Datagrams that have arrived, and how many there have been.
    datagrams: VecDeque<Datagram>,
    numbered: usize,
}

impl Connection {
    fn new(serial: u32, service: ServiceType, key: Option<Key>) -> Self {
        Self {
            serial,
            service,
            key,
            open: false,
            closed: false,
            arrived: 0,
            read: 0,
            accepted: 0,
            accepted_datagrams: 0,
            oldest_is_accepted: false,
            datagrams: VecDeque::new(),
            numbered: 0,
        }
    }

    fn is_datagram(&self) -> bool {
        matches!(self.service, ServiceType::Udp | ServiceType::UdpService)
    }

    fn is_listener(&self) -> bool {
        self.service == ServiceType::TcpListener
    }
}

/// A handle as its user has it.
struct User {
    key: Key,
    service: ServiceType,
    /// Names the bytes that are written.
    serial: u32,
    written: usize,
    received: usize,
    /// The datagrams that were sent.
    sent: Vec<Datagram>,
    /// Those that are in the receive ring.
    waiting: VecDeque<Datagram>,
    /// The connections that a listener has, in the order in which they came: handle, serial, port of the peer.
    backlog: VecDeque<(Key, u32, u16)>,
    /// The connection that the handle got.
    connection: Option<u32>,
    closing: bool,
}

impl User {
    fn new(key: Key, service: ServiceType, serial: u32) -> Self {
        Self {
            key,
            service,
            serial,
            written: 0,
            received: 0,
            sent: Vec::new(),
            waiting: VecDeque::new(),
            backlog: VecDeque::new(),
            connection: None,
            closing: false,
        }
    }
}

/// What has to be counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    dropped_datagrams: u32,
    refused_connections: u32,
}

struct World<'d> {
    rig: Rig<'d>,
    /// The size of the receive rings.
    rx: usize,
    ids: [Option<Connection>; ConnectId::COUNT],
    users: Vec<User>,
    /// Handles that are gone: the bytes of theirs still count.
    past: Vec<User>,
    serial: u32,
    /// How many bytes of a connection had arrived in all, for those that the module has forgotten.
    totals: Vec<(u32, usize)>,
    counts: Counts,
    /// What the read under way has brought is damaged.
    damaged: Option<Key>,
    /// The socket of the last send.
    sender: Option<Key>,
    /// Transactions are answered in good order from now on.
    honest: bool,
    /// The last deactivation was refused, which counts as an inactive context (quirk 23).
    keeps_context: bool,
    /// What the application wants of the link.
    wish: LinkMode,
    /// A read was refused although the connection was there: an end may come early.
    lied: bool,
}

/// Carries out the operations that `input` names, and checks after each of them what has to hold at any time.
pub fn operations(input: &[u8]) {
    let mut choices = Choices::new(input);
    match choices.below(3) {
        0 => run::<LARGE>(&mut choices),
        _ => run::<SMALL>(&mut choices),
    }
}

fn run<const RX: usize>(choices: &mut Choices<'_>) {
    let mut resources = Resources::<SOCKETS, RX, TX>::new();
    let (stack, _) = new(&mut resources, Config::new("internet"));
    let mut rig = Rig::on(stack.shared);
    rig.start();
    rig.bring_up();
    let mut world = World {
        rig,
        rx: RX,
        ids: [const { None }; ConnectId::COUNT],
        users: Vec::new(),
        past: Vec::new(),
        serial: 0,
        totals: Vec::new(),
        counts: Counts::default(),
        damaged: None,
        sender: None,
        honest: false,
        keeps_context: false,
        wish: LinkMode::Up,
        lied: false,
    };
    while !choices.is_empty() {
        match choices.below(16) {
            0..=5 => {
                world.transaction(choices);
            }
            6..=10 => world.user(choices),
            11..=13 => world.network(choices),
            14 => world.rig.pass(u64::from(choices.byte()) * 40),
            _ => world.fault(choices),
        }
        world.check();
    }
    world.come_to_rest();
}

impl World<'_> {
    fn say(&mut self, line: &str) -> LineKind {
        self.whatever_ends(|world| world.rig.on_line(line))
    }

    fn at(&mut self, id: u8) -> &mut Option<Connection> {
        &mut self.ids[usize::from(id)]
    }

    fn next_serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn forget(&mut self, id: usize) {
        if let Some(connection) = self.ids[id].take() {
            self.totals.push((connection.serial, connection.arrived));
        }
    }

    fn counted(&self) -> Counts {
        self.rig.engine(|engine| Counts {
            dropped_datagrams: engine.counters.dropped_datagrams.get(),
            refused_connections: engine.counters.refused_connections.get(),
        })
    }

    /// What has to hold at any time.
    fn check(&self) {
        self.rig.check();
        assert_eq!(self.counted(), self.counts);
        for user in &self.users {
            let has_handle = self.rig.datagrams(user.key);
            assert_eq!(has_handle, user.waiting.len(), "datagrams in the ring");
            let lengths = user.waiting.iter().map(|datagram| HEADER + datagram.length);
            let is_datagram = matches!(user.service, ServiceType::Udp | ServiceType::UdpService);
            if is_datagram && !self.rig.has_partial(user.key) {
                assert_eq!(
                    self.rig.received(user.key),
                    lengths.sum::<usize>(),
                    "bytes in the ring"
                );
            }
        }
    }

    fn fault(&mut self, choices: &mut Choices<'_>) {
        let id = choices.below(13);
        match choices.below(40) {
            0 => {
                self.say("+QIURC: \"pdpdeact\",1");
                self.rig.active = false;
            }
            1 => {
                self.say("RDY");
                self.rig.active = false;
                (0..ConnectId::COUNT).for_each(|id| self.forget(id));
            }
            2 => {
                self.rig.engine(|engine| engine.stop(false));
                self.rig.start();
            }
            3 => {
                self.say("OK");
            }
            4 => {
                self.say("ERROR");
            }
            // Late, for the last user of the id.
            5..=9 if self.ids.get(id).is_some_and(Option::is_none) => {
                self.say(&format!("+QIURC: \"closed\",{id}"));
            }
            10..=14 => {
                self.say(&format!("+QGPS: {id}"));
            }
            15 => {
                self.say("+QIURC: \"incoming full\"");
                self.counts.refused_connections += 1;
            }
            16 | 17 => self.set_link(LINK_MODES[choices.below(LINK_MODES.len())]),
            18 => {
                let access_point = AccessPoint::new(APNS[choices.below(APNS.len())]);
                self.rig
                    .engine(|engine| engine.set_access_point(access_point.unwrap()));
            }
            _ => {}
        }
    }

    fn set_link(&mut self, mode: LinkMode) {
        self.rig.engine(|engine| engine.set_link(mode));
        self.wish = mode;
    }

    /// With a module that answers everything, and no handles, the link is as it was wanted last, every slot comes free, and the module
    /// is left with nothing.
    fn come_to_rest(&mut self) {
        self.honest = true;
        if self.wish != LinkMode::Up {
            self.turn_off();
            self.set_link(LinkMode::Up);
        }
        while !self.users.is_empty() {
            self.let_go(0, false);
            self.check();
        }
        for _ in 0..PATIENCE {
            let free = self.rig.all_free();
            let up = self.rig.engine(|engine| engine.link_state()) == LinkState::Up;
            let busy = self.transaction(&mut Choices::new(&[]));
            self.check();
            if free && up && !busy {
                assert!(matches!(self.rig.try_claim(), Poll::Ready(Ok(_))));
                let left = self.ids.iter().position(Option::is_some);
                assert_eq!(left, None, "the module still has a connection");
                return;
            }
            assert!(busy, "asleep with a slot in use, or without a link");
        }
        panic!("no rest: {:?}", self.rig.next());
    }

    /// The link goes down, with handles that nobody uses.
    fn turn_off(&mut self) {
        for _ in 0..PATIENCE {
            let busy = self.transaction(&mut Choices::new(&[]));
            self.check();
            if !busy {
                let state = self.rig.engine(|engine| engine.link_state());
                assert!(matches!(state, LinkState::TurnedOff(_)), "{state:?}");
                if !self.keeps_context {
                    assert!(!self.rig.active, "the context is active");
                    let left = self.ids.iter().position(Option::is_some);
                    assert_eq!(left, None, "the module still has a connection");
                }
                return;
            }
        }
        panic!("not off: {:?}", self.rig.next());
    }
}
