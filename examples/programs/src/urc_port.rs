//! Finds out which of its ports the module calls the one in use, and sends its URCs there.
//!
//! The name of the device file is only a guess. The module tells: AT+QISTATE shows for each socket which port has opened it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};

use atat::asynch::AtatClient;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_nal_async::UdpStack;
use quectel_nal::Stack;
use quectel_nal::at::{ConfigureUrcPort, PortName, QueryUrcPort};

/// How long the socket may take to open.
const OPENING: Duration = Duration::from_secs(5);
/// How often the link is looked at.
const PAUSE: Duration = Duration::from_secs(1);

thread_local! {
    /// Nothing is known yet of the port of the stack that runs in this thread.
    static IS_UNKNOWN: Cell<bool> = const { Cell::new(false) };
}

/// Waits until URCs come. Before that a name lookup would never end.
pub async fn known() {
    while IS_UNKNOWN.get() {
        Timer::after(PAUSE / 100).await;
    }
}

/// The port that the stack was told to use.
#[derive(Clone, Copy)]
pub struct UrcPort<'a> {
    pub name: &'a str,
    /// By the user; otherwise it is a guess.
    pub is_given: bool,
}

/// Runs beside a program, once and again whenever the link has come back. Never ends.
pub async fn watch(stack: Stack<'_>, port: UrcPort<'_>) {
    IS_UNKNOWN.set(!port.is_given);
    while stack.wait_link_up().await.is_err() {}
    let other = settle(stack, port).await;
    IS_UNKNOWN.set(false);
    let Some(other) = other else {
        return core::future::pending().await;
    };
    loop {
        // The stack sets its own port whenever it brings the link up.
        let losses = stack.statistics().link_losses;
        while stack.statistics().link_losses == losses {
            Timer::after(PAUSE).await;
        }
        while stack.wait_link_up().await.is_err() {}
        if let Ok(port) = PortName::new(&other) {
            let _ = stack.at().send(&ConfigureUrcPort { port }).await;
        }
    }
}

/// The link is up: warns if URCs go elsewhere, and corrects a guess. Returns the port that they go to since then.
pub async fn settle(stack: Stack<'_>, port: UrcPort<'_>) -> Option<String> {
    let UrcPort { name, is_given } = port;
    match stack.at().send(&QueryUrcPort).await {
        Ok(set) if ![name, "all"].contains(&set.port.as_str()) => eprintln!(
            "the module refuses {name} as its port for URCs, and sends them to {}",
            set.port.as_str()
        ),
        Ok(_) => {}
        Err(_) => eprintln!(
            "the module refuses AT+QURCCFG: if nothing arrives, its URCs go to another port"
        ),
    }
    let real = ask(stack).await.filter(|real| real != name)?;
    if is_given {
        eprintln!(
            "the module calls this port {real}: with --urc-port {name} nothing that arrives will be noticed"
        );
        return None;
    }
    let port = PortName::new(&real).ok()?;
    match stack.at().send(&ConfigureUrcPort { port }).await {
        Ok(_) => eprintln!(
            "the module calls this port {real}, not {name}: its URCs go there now (--urc-port {real} says so from the start)"
        ),
        Err(_) => eprintln!(
            "the module calls this port {real}, and refuses to send its URCs there: nothing that arrives will be noticed"
        ),
    }
    Some(real)
}

async fn ask(stack: Stack<'_>) -> Option<String> {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    // A result that goes elsewhere is not waited for: the socket is listed all the same.
    let socket = with_timeout(OPENING, stack.bind_multiple(any)).await;
    let mut name = None;
    let module = stack.module();
    let listed = module.socket_states(|socket| name = Some(socket.at_port.to_string()));
    let listed = listed.await;
    drop(socket);
    listed.ok()?;
    // A multiplexer has names that cannot be set.
    name.filter(|name| ["uart1", "usbat", "usbmodem"].contains(&&**name))
}
