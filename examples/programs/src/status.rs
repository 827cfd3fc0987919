//! Says on a terminal what a program waits for, if that takes longer than a second.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use atat::asynch::AtatClient;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer};
use quectel_nal::Stack;
use quectel_nal::at::{
    QueryLteRegistration, QueryPacketRegistration, QueryRegistration, QuerySim, SimState,
};
use quectel_nal::embedded_nal::nb;

/// The time after which a wait is mentioned, and then from line to line.
const STEP: Duration = Duration::from_secs(1);

/// Something else is printed all the time.
static IS_BUSY: AtomicBool = AtomicBool::new(false);

/// No status is shown from now on.
pub fn leave_out() {
    IS_BUSY.store(true, Ordering::Relaxed);
}

fn is_shown() -> bool {
    io::stderr().is_terminal() && !IS_BUSY.load(Ordering::Relaxed)
}

/// Waits for a future, and says meanwhile what for: `what` completes "waiting for …".
pub async fn waiting<T>(what: &str, future: impl Future<Output = T>) -> T {
    let what = RefCell::new(format!("waiting for {what}"));
    during(future, &what, core::future::pending()).await
}

/// The same without async: calls `operation` until it does not return `WouldBlock`, as `nb::block` does.
pub fn block<T, E>(what: &str, mut operation: impl FnMut() -> nb::Result<T, E>) -> Result<T, E> {
    let begin = Instant::now();
    let (mut shown, mut seconds) = (Shown(false), 1);
    loop {
        match operation() {
            Ok(value) => return Ok(value),
            Err(nb::Error::Other(error)) => return Err(error),
            Err(nb::Error::WouldBlock) => {}
        }
        if begin.elapsed().as_secs() >= seconds && is_shown() {
            shown.say(&format!("waiting for {what}"), seconds);
            seconds += 1;
        }
    }
}

/// Waits for the link, and says how far it is.
pub(crate) async fn waiting_for_link<T>(stack: Stack<'_>, future: impl Future<Output = T>) -> T {
    let what = RefCell::new("waiting for the module to answer".to_owned());
    let asking = async {
        loop {
            if let Some(stage) = stage(stack).await {
                what.replace(stage);
            }
            Timer::after(STEP).await;
        }
    };
    during(future, &what, asking).await
}

async fn during<T>(
    future: impl Future<Output = T>,
    what: &RefCell<String>,
    asking: impl Future<Output = ()>,
) -> T {
    if !is_shown() {
        return future.await;
    }
    let begin = Instant::now();
    let mut shown = Shown(false);
    let showing = async {
        loop {
            Timer::after(STEP).await;
            shown.say(&what.borrow(), begin.elapsed().as_secs());
        }
    };
    match select(future, select(showing, asking)).await {
        Either::First(outcome) => outcome,
        Either::Second(_) => unreachable!("neither shows nor asks to an end"),
    }
}

/// A status line, which is erased when it is dropped: also if nobody waits any more.
struct Shown(bool);

impl Shown {
    fn say(&mut self, what: &str, seconds: u64) {
        self.0 = true;
        eprint!("\r\x1b[K{what} ({seconds} s)");
        let _ = io::stderr().flush();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.0 {
            eprint!("\r\x1b[K");
        }
    }
}

/// What the module is about while the link comes up; `None` if it does not say.
async fn stage(stack: Stack<'_>) -> Option<String> {
    let mut at = stack.at();
    if !matches!(at.send(&QuerySim).await, Ok(sim) if sim.state == SimState::Ready) {
        return Some("waiting for the SIM card".into());
    }
    let signal = match stack.module().signal_quality().await.ok()?.dbm() {
        Some(dbm) => format!("signal {dbm} dBm"),
        None => "no signal".into(),
    };
    // A module need not know all three.
    let is_registered = matches!(at.send(&QueryLteRegistration).await, Ok(it) if it.status.is_registered())
        || matches!(at.send(&QueryPacketRegistration).await, Ok(it) if it.status.is_registered())
        || matches!(at.send(&QueryRegistration).await, Ok(it) if it.status.is_registered());
    let stage = match is_registered {
        true => "connecting to the network",
        false => "searching for a network",
    };
    Some(format!("{stage}, {signal}"))
}
