//! An engine for unit tests: the test plays the runner, the module, the users and the clock.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::Poll;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use embassy_time::{Duration, Instant};

use crate::at::AccessMode;
use crate::config::Config;
use crate::engine::shared::Shared;
use crate::engine::{
    Action, Addresses, Counters, Domain, Engine, Job, Key, LineKind, LinkState, PayloadEcho, Phase,
    Request, Slot, SlotSet, WakeSet, Wiring,
};
use crate::error::Error;
use crate::util::time::{NEVER, virtual_time};
use crate::util::zeroed::Zeroed;

/// Where test connections go.
pub(crate) const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), 80);

pub(crate) const WITH_RESET: Wiring = Wiring {
    reset: true,
    ..Wiring::NONE
};
pub(crate) const WITH_DTR: Wiring = Wiring {
    dtr: true,
    ..Wiring::NONE
};

/// One engine, driven by a test.
pub(crate) struct Rig<'d> {
    pub(crate) shared: &'d Shared<'d>,
    pub(crate) now: Instant,
    /// Whether the module that is played has its context active.
    pub(crate) active: bool,
    /// The command that was sent last.
    command: [u8; crate::at::MAX_COMMAND_LENGTH],
    command_length: usize,
}

impl Rig<'static> {
    /// `N` sockets with rings of `RX` and `TX` bytes; the runner has not started.
    pub(crate) fn new<const N: usize, const RX: usize, const TX: usize>(
        config: Config<'static>,
    ) -> Self {
        Self::with_rings(&[(RX, TX); N], config)
    }

    /// Sockets with receive and transmit rings of these sizes. Those with rings of 0 bytes are for listeners.
    pub(crate) fn with_rings(sizes: &[(usize, usize)], config: Config<'static>) -> Self {
        let wakes = &*Box::leak(Box::new(WakeSet::new()));
        let mut without_rings = SlotSet::EMPTY;
        let mut slots = Vec::new();
        for (index, (rx, tx)) in (0..).zip(sizes) {
            if *rx == 0 {
                without_rings.insert(index);
            }
            let (rx, tx) = (Vec::leak(vec![0; *rx]), Vec::leak(vec![0; *tx]));
            slots.push(Zeroed::Full(Slot::new(index, rx, tx, wakes)));
        }
        let slots = Vec::leak(slots);
        let counters = Box::leak(Box::new(Counters::new()));
        let engine = Box::leak(Box::new(Engine::new(
            slots,
            without_rings,
            wakes,
            counters,
            config,
        )));
        Self::on(Box::leak(Box::new(Shared::new(engine))))
    }

    /// The link is up, no socket is in use.
    pub(crate) fn up<const N: usize, const RX: usize, const TX: usize>() -> Self {
        Self::up_with::<N, RX, TX>(Config::new("internet"))
    }

    pub(crate) fn up_with<const N: usize, const RX: usize, const TX: usize>(
        config: Config<'static>,
    ) -> Self {
        let mut rig = Self::new::<N, RX, TX>(config);
        rig.start();
        rig.bring_up();
        rig
    }
}

impl<'d> Rig<'d> {
    pub(crate) fn on(shared: &'d Shared<'d>) -> Self {
        Self {
            shared,
            now: Instant::from_secs(1000),
            active: false,
            command: [0; crate::at::MAX_COMMAND_LENGTH],
            command_length: 0,
        }
    }

    pub(crate) fn engine<T>(&self, access: impl FnOnce(&mut Engine<'d>) -> T) -> T {
        let value = self.at_its_time(|| {
            self.shared.try_with(|engine| {
                engine.env.now = self.now;
                access(engine)
            })
        });
        value.expect("the engine is not in use")
    }

    /// What `work` does with the stack happens at the time of the test.
    pub(crate) fn at_its_time<T>(&self, work: impl FnOnce() -> T) -> T {
        virtual_time::set(Some(self.now));
        let value = work();
        virtual_time::set(None);
        value
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    pub(crate) fn start(&mut self) {
        self.start_wired(Wiring::NONE);
    }

    pub(crate) fn start_wired(&mut self, wiring: Wiring) {
        self.engine(|engine| engine.start(wiring));
    }

    pub(crate) fn next(&mut self) -> Action {
        self.engine(|engine| engine.next())
    }

    pub(crate) fn begin(&mut self, job: Job) {
        let mut command = self.command;
        let length = self.engine(|engine| engine.begin(job, &mut command));
        self.command = command;
        self.command_length = length.expect("a command");
    }

    /// The command that was sent last.
    pub(crate) fn command(&self) -> &[u8] {
        &self.command[..self.command_length]
    }

    /// The transaction in flight.
    pub(crate) fn job(&self) -> Option<Job> {
        self.engine(|engine| engine.exchange.job())
    }

    /// Whether the runner has something to go on with.
    pub(crate) fn is_answered(&self) -> bool {
        self.engine(|engine| engine.exchange.poll_answer().is_ready())
    }

    pub(crate) fn finish(&mut self) {
        self.engine(|engine| engine.finish(None));
    }

    /// The next action has to be this transaction; its command is sent.
    #[track_caller]
    pub(crate) fn expect(&mut self, job: Job) {
        assert_eq!(self.next(), Action::Run(job));
        self.begin(job);
    }

    /// The module says these lines; the last of them, and no other, ends the transaction in flight.
    #[track_caller]
    pub(crate) fn answer(&mut self, lines: &[&str]) {
        let (last, before) = lines.split_last().expect("a final result");
        for line in before {
            assert_ne!(self.on_line(line), LineKind::Final, "{line} ended it");
        }
        assert_eq!(self.on_line(last), LineKind::Final, "{last} did not end it");
    }

    /// One whole transaction.
    #[track_caller]
    pub(crate) fn run(&mut self, job: Job, lines: &[&str]) {
        self.expect(job);
        self.answer(lines);
    }

    /// The time that an answer may take is over.
    pub(crate) fn silence(&mut self) {
        self.finish();
    }

    /// There is nothing to do, and this is when to look again.
    #[track_caller]
    pub(crate) fn idle(&mut self) -> Option<Instant> {
        match self.next() {
            Action::Wait(until) => Some(until).filter(|until| *until < NEVER),
            other => panic!("{other:?} where nothing was due"),
        }
    }

    /// The next action is this transaction, or nothing until the time given.
    #[track_caller]
    pub(crate) fn idle_or(&mut self, job: Job) -> Option<Option<Instant>> {
        match self.next() {
            Action::Wait(until) => Some(Some(until).filter(|until| *until < NEVER)),
            Action::Run(due) if due == job => None,
            other => panic!("{other:?} where {job:?} could be due"),
        }
    }

    /// There is nothing to do before this instant.
    #[track_caller]
    pub(crate) fn wait(&mut self, until: Instant) {
        assert!(until < NEVER, "nothing to wait for");
        self.now = until.max(self.now);
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    // ---- the module ----------------------------------------------------------------------------------------------

    pub(crate) fn on_line(&mut self, line: &str) -> LineKind {
        self.engine(|engine| engine.on_line(line.as_bytes()))
    }

    /// A blank line, as before everything that is no text of a message.
    pub(crate) fn blank_line(&self) {
        self.engine(|engine| engine.on_line_ends(b"\r\n\r\n"));
    }

    /// A prompt: the payload is written.
    #[track_caller]
    pub(crate) fn prompt(&mut self) {
        assert!(self.engine(Engine::prompted), "no prompt was due");
    }

    /// Brings the link up with a module that has no faults.
    pub(crate) fn bring_up(&mut self) {
        for _ in 0..200 {
            if self.engine(|engine| engine.link_state()) == LinkState::Up {
                return;
            }
            self.step_up();
        }
        panic!("the link did not come up");
    }

    /// One action of the way up.
    pub(crate) fn step_up(&mut self) {
        match self.next() {
            Action::Run(job) => {
                self.begin(job);
                let lines = self.reply(job);
                self.answer(lines);
            }
            Action::Wait(until) => self.wait(until),
            Action::Escape(_) | Action::Reset | Action::WriteRaw { .. } | Action::ReadDcd => {}
        }
    }

    /// The link check finds the module and the link as they were.
    #[track_caller]
    pub(crate) fn check_passes(&mut self) {
        for _ in 0..20 {
            if self.engine(|engine| engine.link.is_up()) {
                return;
            }
            self.step_up();
        }
        panic!("the link check does not end");
    }

    /// The module answers nothing for this long.
    pub(crate) fn mute_for(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            self.step_mute(until);
        }
    }

    /// One step with a module that answers nothing: a command that gets no answer for a second, or a pause, which ends at `until` at
    /// the latest. A pause without an end is left as it is.
    pub(crate) fn step_mute(&mut self, until: Instant) {
        match self.next() {
            Action::Run(job) => {
                self.begin(job);
                self.pass(1000);
                self.silence();
            }
            Action::Wait(at) if at.min(until) < NEVER => self.wait(at.min(until)),
            _ => {}
        }
    }

    /// How a module in good health answers a command that is not about a socket.
    pub(crate) fn reply(&mut self, job: Job) -> &'static [&'static str] {
        match job {
            Job::Functionality => &["+CFUN: 1", "OK"],
            Job::SimState => &["+CPIN: READY", "OK"],
            Job::Registration(Domain::Lte) => &["+CEREG: 0,1", "OK"],
            Job::Registration(Domain::Packet) => &["+CGREG: 0,1", "OK"],
            Job::Registration(Domain::Circuit) => &["+CREG: 0,1", "OK"],
            Job::ListContexts if self.active => &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"],
            Job::LastError => &["+QIGETERROR: 550,unknown error", "OK"],
            Job::Activate => {
                self.active = true;
                &["OK"]
            }
            Job::Deactivate => {
                self.active = false;
                &["OK"]
            }
            _ => &["OK"],
        }
    }

    /// The read that is due: as much as the ring takes.
    pub(crate) fn read_job(&self, key: Key) -> Job {
        let length = self.room(key).min(1500) as u16;
        Job::Read { key, length }
    }

    /// A read is due, and these bytes are what the module has.
    #[track_caller]
    pub(crate) fn serve(&mut self, key: Key, bytes: &[u8]) {
        self.expect(self.read_job(key));
        self.say_data(bytes);
        self.answer(&["OK"]);
    }

    /// The length in the last header.
    pub(crate) fn announced(&self) -> usize {
        self.engine(|engine| engine.incoming.length.into())
    }

    /// The header of a read, and its data.
    pub(crate) fn say_data(&mut self, bytes: &[u8]) {
        let heard = self.on_line(&std::format!("+QIRD: {}", bytes.len()));
        match heard {
            LineKind::Header => {
                assert_eq!(self.announced(), bytes.len());
                self.engine(|engine| {
                    engine.deliver(bytes);
                    // Two line ends, and what follows.
                    for byte in *b"\r\n\r\nO" {
                        engine.take_payload_trailer(byte);
                    }
                });
            }
            other => assert!(bytes.is_empty(), "{other:?} in place of data"),
        }
    }

    /// A send is due; its payload is written, and this line is the result.
    #[track_caller]
    pub(crate) fn accept(&mut self, key: Key, length: u16, result: &str) {
        self.expect(Job::Send { key, length });
        self.prompt();
        self.answer(&[result]);
    }

    // ---- the user ------------------------------------------------------------------------------------------------

    /// Takes a slot, without waiting.
    pub(crate) fn try_claim(&mut self) -> Poll<Result<Key, Error>> {
        self.engine(|engine| {
            engine.poll_claim(&Request::connect(PEER).unwrap(), AccessMode::Buffer)
        })
    }

    #[track_caller]
    pub(crate) fn claim(&mut self) -> Key {
        match self.try_claim() {
            Poll::Ready(Ok(key)) => key,
            other => panic!("no slot: {other:?}"),
        }
    }

    pub(crate) fn connected(&mut self, key: Key) -> Poll<Result<(), Error>> {
        self.engine(|engine| engine.poll_connected(key))
    }

    pub(crate) fn read(&mut self, key: Key) -> Poll<Result<Vec<u8>, Error>> {
        self.read_with(key, 4096)
    }

    pub(crate) fn read_with(&mut self, key: Key, most: usize) -> Poll<Result<Vec<u8>, Error>> {
        let mut into = std::vec![0; most];
        let result = self.engine(|engine| engine.poll_read(key, &mut into));
        result.map_ok(|count| into[..count].to_vec())
    }

    pub(crate) fn write(&mut self, key: Key, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.engine(|engine| engine.poll_write(key, bytes))
    }

    pub(crate) fn flush(&mut self, key: Key) -> Poll<Result<(), Error>> {
        self.engine(|engine| engine.poll_flush(key))
    }

    pub(crate) fn closed(&mut self, key: Key) -> Poll<Result<(), Error>> {
        self.engine(|engine| engine.poll_closed(key))
    }

    pub(crate) fn close_when_sent(&mut self, key: Key) {
        self.engine(|engine| engine.close_when_sent(key));
    }

    pub(crate) fn release(&mut self, key: Key) {
        self.end_handle(key, false);
    }

    pub(crate) fn abort(&mut self, key: Key) {
        self.end_handle(key, true);
    }

    fn end_handle(&mut self, key: Key, is_aborted: bool) {
        self.engine(|engine| {
            if engine.slot(key).is_some() {
                engine.release(key.index(), true, is_aborted);
            }
        });
    }

    pub(crate) fn ask(&mut self, name: &str) -> Poll<Result<(), Error>> {
        self.engine(|engine| engine.poll_ask(name)).map_ok(|_| ())
    }

    pub(crate) fn found(&mut self) -> Poll<Result<Addresses, Error>> {
        self.engine(|engine| {
            let ticket = engine.dns.current();
            let pick = |found: &[IpAddr]| Ok(found.iter().copied().collect());
            let answer = engine.dns.poll_answer(ticket, pick);
            if answer.is_ready() {
                // As the one who asked does.
                engine.dns.abandon(ticket);
            }
            answer
        })
    }

    // ---- states --------------------------------------------------------------------------------------------------

    /// The phase of the slot, whoever uses it.
    pub(crate) fn phase(&self, key: Key) -> Phase {
        self.engine(|engine| {
            let slot = engine.sockets.at(key.index());
            slot.expect("a slot").phase
        })
    }

    /// The next connectID is the first one again.
    pub(crate) fn restart_circle(&mut self) {
        self.engine(|engine| engine.ids.restart_circle());
    }

    /// The connectID of a socket.
    pub(crate) fn id(&self, key: Key) -> u8 {
        self.engine(|engine| engine.sockets.get(key).expect("a socket").id.get())
    }

    /// What kind of socket it is.
    pub(crate) fn service(&self, key: Key) -> Option<crate::at::ServiceType> {
        self.engine(|engine| Some(engine.sockets.get(key)?.endpoint.service))
    }

    /// The room in the receive ring.
    pub(crate) fn room(&self, key: Key) -> usize {
        self.engine(|engine| engine.sockets.get(key).map_or(0, |slot| slot.rx.free()))
    }

    /// The complete datagrams in the receive ring, and one that is not certain yet.
    pub(crate) fn datagrams(&self, key: Key) -> usize {
        self.engine(|engine| {
            engine.sockets.get(key).map_or(0, |slot| {
                let is_complete = slot.datagrams.missing == Some(0);
                usize::from(slot.datagrams.complete) + usize::from(is_complete)
            })
        })
    }

    /// How many bytes are in the receive ring.
    pub(crate) fn received(&self, key: Key) -> usize {
        self.engine(|engine| engine.sockets.get(key).map_or(0, |slot| slot.rx.len()))
    }

    /// Whether the rest of a datagram is still to come.
    pub(crate) fn has_partial(&self, key: Key) -> bool {
        self.engine(|engine| {
            engine
                .sockets
                .get(key)
                .is_some_and(|slot| slot.has_partial_datagram())
        })
    }

    /// Whether the connection carries data.
    pub(crate) fn is_live(&self, key: Key) -> bool {
        self.engine(|engine| engine.sockets.get(key).is_some_and(|slot| slot.is_live()))
    }

    /// Whose connection a connectID is.
    pub(crate) fn key_of(&self, id: u8) -> Option<Key> {
        self.engine(|engine| {
            let mut slots = engine.sockets.iter();
            slots
                .find(|slot| slot.id.get() == id && slot.is_live())
                .map(|slot| slot.key)
        })
    }

    /// The only socket that is in use.
    pub(crate) fn key_in_use(&self) -> Key {
        self.engine(|engine| {
            let mut slots = engine
                .sockets
                .iter()
                .filter(|slot| slot.phase != Phase::Free);
            slots.next().expect("a socket in use").key
        })
    }

    /// AT+QIOPEN is to be sent.
    pub(crate) fn wanted(&mut self) -> Key {
        self.claim()
    }

    /// AT+QIOPEN is sent and accepted.
    #[track_caller]
    pub(crate) fn opening(&mut self) -> Key {
        let key = self.claim();
        self.run(Job::Open(key), &["OK"]);
        key
    }

    /// The connection is up.
    #[track_caller]
    pub(crate) fn open(&mut self) -> Key {
        let key = self.opening();
        let line = std::format!("+QIOPEN: {},0", self.id(key));
        self.on_line(&line);
        assert_eq!(self.connected(key), Poll::Ready(Ok(())));
        key
    }

    /// The peer has closed; the module may still hold data.
    #[track_caller]
    pub(crate) fn draining(&mut self) -> Key {
        let key = self.open();
        let line = std::format!("+QIURC: \"closed\",{}", self.id(key));
        self.on_line(&line);
        key
    }

    /// AT+QICLOSE is to be sent for a connection that the peer has closed.
    #[track_caller]
    pub(crate) fn closing(&mut self) -> Key {
        let key = self.draining();
        let length = self.room(key).min(1500) as u16;
        self.run(Job::Read { key, length }, &["+QIRD: 0", "OK"]);
        key
    }

    /// The module has let go of the connection.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> Key {
        let key = self.closing();
        self.run(Job::Close(key), &["OK"]);
        key
    }

    /// A socket that its handle still refers to, in any phase but the free one.
    #[track_caller]
    pub(crate) fn in_phase(&mut self, phase: Phase) -> Key {
        let key = match phase {
            Phase::Wanted => self.wanted(),
            Phase::Opening => self.opening(),
            Phase::Open => self.open(),
            Phase::Draining => self.draining(),
            Phase::Closing => self.closing(),
            Phase::Closed => self.ended(),
            Phase::Free => panic!("nobody refers to a free slot"),
        };
        assert_eq!(self.phase(key), phase);
        key
    }

    /// What is known of the module's payload echo.
    pub(crate) fn payload_echo(&self) -> PayloadEcho {
        self.engine(|engine| engine.exchange.payload_echo)
    }

    pub(crate) fn set_payload_echo(&self, echo: PayloadEcho) {
        self.engine(|engine| engine.exchange.payload_echo = echo);
    }

    /// Where the next datagram of a socket goes.
    pub(crate) fn destination(&self, key: Key) -> Option<SocketAddr> {
        self.engine(|engine| engine.sockets.get(key)?.datagram_to_send()?.1)
    }

    // ---- what has to hold at any time ----------------------------------------------------------------------------

    #[track_caller]
    pub(crate) fn check(&self) {
        self.engine(|engine| {
            // The module can give a connectID that an open has asked for to an incoming connection first.
            let (mut live, mut others) = (0_u16, 0_u16);
            for slot in engine.sockets.iter() {
                assert!(slot.rx.len() <= slot.rx.capacity());
                assert!(slot.tx.len() <= slot.tx.capacity());
                if slot.uses_id() {
                    let used = if slot.is_live() {
                        &mut live
                    } else {
                        &mut others
                    };
                    let bit = 1 << slot.id.get();
                    assert_eq!(*used & bit, 0, "connectID {} twice", slot.id.get());
                    *used |= bit;
                }
            }
        });
    }

    /// Whether all slots are free.
    pub(crate) fn all_free(&self) -> bool {
        self.engine(|engine| {
            let mut slots = engine.sockets.iter();
            slots.all(|slot| slot.phase == Phase::Free)
        })
    }
}
