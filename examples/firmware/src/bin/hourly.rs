//! Sends a measurement once an hour, and saves energy in between.
//!
//! In each hour the link comes up, one datagram is sent and acknowledged, and the link goes down: then the module sleeps, in one of two ways.
//! The runner has switched DTR off (AT+QSCLK=1). A module that has got PSM from the network switches itself off; the power key ends that.

#![no_std]
#![no_main]

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use board::pins;
use board::report::{self, Output};
use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_nal_async::ConnectedUdp;
use firmware as _;
use quectel_nal::at::{
    ActiveTimer, EdrxCycle, EdrxMode, EdrxNetwork, PeriodicUpdateTimer, SetEdrx,
    SetPowerSavingMode, Switch,
};
use quectel_nal::atat::asynch::AtatClient;
use quectel_nal::{Config, ControlLines, LinkMode, Resources, Runner, Stack};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
/// It sends each datagram back.
const COLLECTOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 7);
/// From one measurement to the next.
const PERIOD: Duration = Duration::from_secs(if cfg!(feature = "hurry") { 10 } else { 3600 });
/// For everything between link up and link down.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long the collector may take to answer, and how often it is asked.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
/// With the feature `hurry` the program ends after so many measurements.
const ENOUGH: u32 = 3;

static RESOURCES: ConstStaticCell<Resources<1, 256, 256>> = ConstStaticCell::new(Resources::new());
/// How often the module was allowed to sleep.
static SLEEPS: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    spawner.spawn(modem(runner.control_lines(Lines), rx, tx).expect("the only one"));

    let mut hour = Instant::now();
    let mut sent = 0;
    loop {
        match with_timeout(PATIENCE, publish(stack, measure())).await {
            Ok(Ok(())) => sent += 1,
            Ok(Err(what)) => {
                let _ = writeln!(Output, "not sent: {what}");
            }
            Err(_) => {
                let _ = writeln!(Output, "not sent: no time left");
            }
        }
        // The socket is closed and the PDP context deactivated. Then the runner lets the module sleep.
        stack.set_link(LinkMode::Down);
        let _ = stack.wait_link_mode().await;
        if cfg!(feature = "hurry") && sent == ENOUGH {
            let _ = writeln!(Output, "{sent} measurements acknowledged");
            report::exit(if SLEEPS.load(Relaxed) + 1 >= ENOUGH {
                0
            } else {
                1
            });
        }
        hour += PERIOD;
        Timer::at(hour).await;
    }
}

/// The lines between the microcontroller and the module.
struct Lines;

impl ControlLines for Lines {
    fn can_sleep(&self) -> bool {
        true
    }

    async fn sleep(&mut self) {
        pins::set_dtr(true);
        SLEEPS.fetch_add(1, Relaxed);
    }

    async fn wake(&mut self) {
        pins::set_dtr(false);
        Timer::after_millis(20).await;
    }

    fn can_reset(&self) -> bool {
        true
    }

    /// Starts a module that is off, or in PSM.
    async fn reset(&mut self) {
        pins::press_power_key(true);
        Timer::after_millis(600).await;
        pins::press_power_key(false);
    }
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static, Lines>, mut rx: Rx, mut tx: Tx) -> ! {
    loop {
        let error = runner.run(&mut rx, &mut tx).await;
        let _ = writeln!(Output, "{error}");
        Timer::after_secs(1).await;
    }
}

/// Whatever the device is for: degrees Celsius, in tenths.
fn measure() -> i16 {
    215
}

async fn publish(stack: Stack<'static>, value: i16) -> Result<(), &'static str> {
    stack.set_link(LinkMode::Up);
    stack.wait_link_up().await.map_err(|_| "no link")?;
    request_power_saving(stack).await;
    let mut socket = stack
        .connect_udp(COLLECTOR)
        .await
        .map_err(|_| "no socket")?;
    for _ in 0..TRIES {
        socket
            .send(&value.to_be_bytes())
            .await
            .map_err(|_| "not accepted")?;
        let mut answer = [0; 2];
        let received = with_timeout(ANSWER_TIME, socket.receive_into(&mut answer)).await;
        if let Ok(Ok(2)) = received {
            return socket.close().await.map_err(|_| "not closed");
        }
    }
    Err("no answer")
}

/// The module keeps both, and the network decides about them. Modules without PSM or eDRX refuse.
async fn request_power_saving(stack: Stack<'static>) {
    let mut at = stack.at();
    // It can be reached for a minute after the last datagram, then it sleeps, for at most two hours.
    let psm = SetPowerSavingMode {
        mode: Switch::On,
        gprs_periodic_update: None,
        gprs_ready: None,
        periodic_update: Some(PeriodicUpdateTimer::at_least(2 * 3600)),
        active: Some(ActiveTimer::at_least(60)),
    };
    let _ = at.send(&psm).await;
    // In that minute it looks for data every 20 s.
    let edrx = SetEdrx {
        mode: EdrxMode::On,
        network: Some(EdrxNetwork::Lte),
        cycle: Some(EdrxCycle::at_least(20_480)),
    };
    let _ = at.send(&edrx).await;
}
