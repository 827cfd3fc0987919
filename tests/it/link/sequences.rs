//! Random sequences of everything that an application, a network and a module can do to the link. They end where the last wish says,
//! and nothing is left over.
//!
//! `LINK_SEEDS=from..to` runs other seeds than the usual ones; a failure names its seed. `LINK_TRACE=1` shows the conversation.

#[path = "../../../src/testing/operations/wishes.rs"]
mod wishes;

use core::cell::RefCell;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;

use atat::asynch::AtatClient;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use quectel_nal::at::QueryFunctionality;
use quectel_nal::{
    AccessMode, AccessPoint, Config, Error, LinkMode, LinkState, Resources, Runner, Stack,
    TcpConnection,
};
use testbench::{Dice, each_seed, echo_network, excerpt, exchange, noise, peer, serve, sleep};
use virtual_modem::serial::{HostRx, HostTx, Line, pair};
use virtual_modem::{InProcess, ModemHandle, Settings, VirtualModem, time};

use wishes::{APNS, LINK_MODES};

type Drops = Signal<NoopRawMutex, ()>;

const SOCKETS: usize = 3;
/// The longest pause before a restart, and a bring-up.
const PATIENCE: u64 = 2 * 3600;

/// One application, with what it holds and what it has wanted.
struct World<'w, 'd> {
    stack: Stack<'d>,
    modem: ModemHandle,
    dice: &'w Dice,
    connections: Vec<TcpConnection<'d>>,
    /// Each wish, and its time.
    wishes: RefCell<Vec<(Instant, LinkMode)>>,
    /// The access point that was set last.
    apn: &'static str,
    /// Some connections are in transparent access mode.
    has_transparent: bool,
    /// The runner is dropped, and run again.
    drops: &'w Drops,
}

impl<'d> World<'_, 'd> {
    fn set(&self, mode: LinkMode) {
        self.wishes.borrow_mut().push((Instant::now(), mode));
        self.stack.set_link(mode);
    }

    fn wish(&self) -> LinkMode {
        self.wishes.borrow().last().unwrap().1
    }

    fn random_mode(&self) -> LinkMode {
        LINK_MODES[self.dice.roll(6) as usize]
    }

    /// A time of any order of magnitude: one step of a bring-up, or a good part of it.
    fn pause(&self) -> Duration {
        self.dice
            .millis([10, 300, 3000, 30_000][self.dice.roll(4) as usize])
    }

    /// Carries on with something until it is done, or is dropped. The wish may change meanwhile.
    async fn perhaps<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let disturbance = async {
            sleep(self.pause()).await;
            if self.dice.roll(3) == 0 {
                self.set(self.random_mode());
            }
            sleep(self.pause()).await;
        };
        match select(pin!(work), pin!(disturbance)).await {
            Either::First(result) => Some(result),
            Either::Second(()) => None,
        }
    }

    /// What is read is right.
    async fn read(&mut self, index: usize) {
        let mut connection = self.connections.swap_remove(index);
        let mut buffer = [0; 300];
        if let Some(Ok(count)) = self.perhaps(connection.read(&mut buffer)).await {
            // What a module says while it boots is data to whoever has the line.
            assert!(self.has_transparent || buffer[..count].iter().all(|byte| *byte == b'x'));
        }
        self.connections.push(connection);
    }

    async fn step(&mut self) {
        let count = self.connections.len();
        let index = self.dice.roll(count.max(1) as u64) as usize;
        match self.dice.roll(16) {
            0..=2 => self.set(self.random_mode()),
            3 | 4 => {
                let mode = match self.dice.roll(4) {
                    0 if self.has_transparent => AccessMode::Transparent,
                    1 => AccessMode::DirectPush,
                    _ => AccessMode::Buffer,
                };
                let stack = self.stack.with_access_mode(mode);
                let opened = self.perhaps(stack.connect(peer(7))).await;
                self.connections.extend(opened.and_then(Result::ok));
            }
            5 | 6 if count > 0 => {
                let mut connection = self.connections.swap_remove(index);
                let length = self.dice.roll(900) as usize;
                let _ = self
                    .perhaps(connection.write_all(&vec![b'x'; length]))
                    .await;
                self.connections.push(connection);
            }
            7 if count > 0 => self.read(index).await,
            8 if count > 0 => drop(self.connections.swap_remove(index)),
            9 if count > 0 => {
                let connection = self.connections.swap_remove(index);
                let _ = self.perhaps(connection.close()).await;
            }
            10 => {
                let _ = self.perhaps(self.stack.resolve("name.example")).await;
            }
            11 => {
                let _ = self.perhaps(self.listen()).await;
            }
            12 => {
                let _ = self
                    .perhaps(self.stack.at().send(&QueryFunctionality))
                    .await;
            }
            13 if self.dice.roll(2) == 0 => {
                let apn = APNS[self.dice.roll(2) as usize];
                self.apn = apn;
                let access_point = AccessPoint::new(apn).unwrap();
                self.stack.set_access_point(access_point).await;
            }
            13 => match self.dice.roll(6) {
                0 => self.modem.restart(),
                1 => self.modem.pdpdeact(1),
                2 => self.modem.power(self.dice.roll(2) == 0),
                3 => self.modem.silent_for(self.pause()),
                4 => self.modem.network(self.dice.roll(2) == 0),
                _ => self.drops.signal(()),
            },
            14 => {
                let _ = self.perhaps(self.stack.wait_link_mode()).await;
            }
            _ => sleep(self.pause()).await,
        }
    }

    async fn listen(&self) -> Result<(), Error> {
        let listener = self.stack.listen(80).await?;
        listener.accept().await.map(|_| ())
    }

    // ---- the end -------------------------------------------------------------------------------------------------

    /// Waits until the wish is fulfilled.
    async fn arrive(&self) {
        let end = Instant::now() + embassy_time::Duration::from_secs(PATIENCE);
        loop {
            let result = select(self.stack.wait_link_mode(), embassy_time::Timer::at(end)).await;
            match result {
                Either::First(Ok(mode)) if mode == self.wish() => return,
                Either::First(Ok(mode)) => panic!("{mode:?}, not {:?}", self.wish()),
                Either::First(Err(_)) => {}
                Either::Second(()) => panic!("never {:?}: {:?}", self.wish(), self.stack),
            }
        }
    }

    /// The module is as the wish says.
    async fn check(&self) {
        let wish = self.wish();
        let (power, _, contexts) = self.modem.link_state();
        if wish == LinkMode::Up {
            let state = self.stack.link_state();
            assert!(matches!(state, LinkState::Up | LinkState::Occupied));
            return;
        }
        assert_eq!(self.stack.link_state(), LinkState::TurnedOff(wish));
        assert!(contexts.is_empty(), "{wish:?} with {contexts:?}");
        assert!(self.modem.sockets().is_empty(), "{wish:?} with a socket");
        if wish == LinkMode::Off {
            assert!(power == "off" || self.has_started_unheard(), "{power}");
        } else {
            // Somebody may have switched the module off, which nobody hears.
            while self.stack.at().send(&QueryFunctionality).await.is_err() {
                self.arrive().await;
            }
            let functionality = self.stack.at().send(&QueryFunctionality).await;
            let expected = match wish {
                LinkMode::Down => 1,
                LinkMode::Airplane => 4,
                _ => 0,
            };
            assert_eq!(functionality.unwrap().level, expected);
        }
        // So it stays, and nothing is sent.
        let before = self.modem.counters().bytes_to_module;
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(self.modem.counters().bytes_to_module, before);
    }

    /// Somebody has switched the module on, and it could not say so.
    fn has_started_unheard(&self) -> bool {
        let log = self.modem.log();
        let mut newest = log.iter().rev().filter_map(|entry| entry.text());
        newest.find(|text| ["RDY", "the module restarts"].contains(text))
            == Some("the module restarts")
    }

    /// Every slot can be used, and nothing is left in the module.
    async fn check_leaks(&self) {
        // Somebody may have switched the module off, which the first command notices.
        let mut result = self.use_all().await;
        if let Err(Error::Link(_)) = result {
            self.arrive().await;
            result = self.use_all().await;
        }
        assert_eq!(result, Ok(()));
        assert!(
            self.modem.sockets().is_empty(),
            "{:?}",
            self.modem.sockets()
        );
    }

    async fn use_all(&self) -> Result<(), Error> {
        let mut connections = Vec::new();
        for _ in 0..SOCKETS {
            connections.push(self.stack.connect(peer(7)).await?);
        }
        for connection in connections {
            exchange(connection, b"nothing is lost").await?;
        }
        Ok(())
    }

    /// Nothing that needs a link was sent while none was wanted, and nothing else switched the module off.
    fn check_commands(&self) {
        let wishes = self.wishes.borrow();
        let log = self.modem.log();
        let mut newest = log.iter().rev().filter_map(|entry| entry.text());
        let configured = newest.find(|text| text.starts_with("AT+QICSGP="));
        let expected = format!("AT+QICSGP=1,1,\"{}\",\"\",\"\",0", self.apn);
        assert_eq!(configured, Some(expected.as_str()));
        for entry in &log {
            let Some(text) = entry.text().filter(|text| text.starts_with("AT+")) else {
                continue;
            };
            // What was sent in the same instant may have been sent before the wish.
            let at = entry.time.as_micros() as u64;
            let is_earlier = |(since, _): &&(Instant, LinkMode)| since.as_micros() < at;
            let before = wishes.iter().rev().find(is_earlier).map(|(_, mode)| *mode);
            let is_now = |mode| {
                let mut now = wishes.iter().filter(|(since, _)| since.as_micros() == at);
                before == Some(mode) || now.any(|(_, now)| *now == mode)
            };
            let needs_link = text.starts_with("AT+QIOPEN=")
                || text.starts_with("AT+QIACT=")
                || text.starts_with("AT+CPIN?")
                || text.starts_with("AT+QIDNSGIP=");
            assert!(!needs_link || is_now(LinkMode::Up), "{entry}");
            assert!(text != "AT+QPOWD=1" || is_now(LinkMode::Off), "{entry}");
            assert!(text != "AT+CFUN=0" || is_now(LinkMode::Minimum), "{entry}");
            assert!(text != "AT+CFUN=4" || is_now(LinkMode::Airplane), "{entry}");
        }
    }
}

/// Runs the runner, and drops it when it is asked to.
async fn run(
    runner: Runner<'_>,
    mut rx: HostRx,
    mut tx: HostTx,
    modem: &ModemHandle,
    drops: &Drops,
) {
    // The power key switches a module on that is off, and restarts it otherwise.
    let mut runner = runner.reset(async || modem.restart());
    loop {
        if let Either::First(error) = select(runner.run(&mut rx, &mut tx), drops.wait()).await {
            panic!("the runner stopped: {error}");
        }
        sleep(Duration::from_millis(500)).await;
    }
}

fn network() -> InProcess {
    let network = echo_network();
    serve(&network, 80, noise(80, 3000));
    network
}

async fn sequence(seed: u64) {
    let dice = &Dice::new(seed);
    let settings = Settings::new()
        .boot_time(dice.millis(8000))
        .activation_delay(dice.millis(4000))
        .latency(dice.millis(30))
        .dns("name.example", &["192.0.2.9"])
        .seed(seed);
    let modem = VirtualModem::new(settings, network());
    let handle = modem.handle();
    if std::env::var_os("LINK_TRACE").is_some() {
        handle.set_trace(|entry| eprintln!("{entry}"));
    }
    let (rx, tx, end) = pair(Line::new(0));
    let mut resources = Box::new(Resources::<SOCKETS, 512, 512>::new());
    let (stack, runner) = quectel_nal::new(&mut resources, Config::new(APNS[0]));
    let drops = &Drops::new();
    let body = async {
        let mut world = World {
            stack,
            modem: handle.clone(),
            dice,
            connections: Vec::new(),
            wishes: RefCell::new(vec![(Instant::from_ticks(0), LinkMode::Up)]),
            apn: APNS[0],
            has_transparent: dice.roll(2) == 0,
            drops,
        };
        if dice.roll(2) == 0 {
            stack.wait_link_up().await.unwrap();
        }
        for _ in 0..5 + dice.roll(30) {
            world.step().await;
        }
        world.modem.network(true);
        world.modem.silent(false);
        // What was begun last has its effect, and a boot ends.
        sleep(Duration::from_secs(10)).await;
        if world.wish() == LinkMode::Off {
            // A module that somebody has switched on meanwhile is left alone until it is asked for again.
            world.set(LinkMode::Off);
        }
        world.arrive().await;
        world.check().await;
        world.connections.clear();
        world.set(LinkMode::Up);
        world.arrive().await;
        world.check_leaks().await;
        world.check_commands();
    };
    let engine = select(modem.run(end), run(runner, rx, tx, &handle, drops));
    match select(engine, body).await {
        Either::First(_) => panic!("the engine stopped\n{}", excerpt(&handle)),
        Either::Second(()) => {}
    }
}

#[test]
fn any_sequence_ends_where_the_last_wish_says() {
    each_seed("LINK_SEEDS", 0..1000, |seed| {
        time::run_virtual(sequence(seed))
    });
}
