//! Finds out which of its ports the module calls the one in use, and sends its URCs there.
//!
//! The name of the device file is only a guess. The module tells: AT+QISTATE shows for each socket which port has opened it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};

use atat::asynch::AtatClient;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_nal_async::UdpStack;
use quectel_nal::Stack;
use quectel_nal::at::{ConfigureUrcPort, PortName};

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

/// Runs beside a program of which the user has named the port. Warns if that is another one. Never ends.
pub async fn compare(stack: Stack<'_>, given: &str) {
    while stack.wait_link_up().await.is_err() {}
    if let Some(name) = ask(stack).await.filter(|name| name != given) {
        eprintln!(
            "the module calls this port {name}: with --urc-port {given} nothing that arrives will be noticed"
        );
    }
    core::future::pending().await
}

/// Runs beside a program that was told to use the port `guess` without knowing it. Never ends.
pub async fn correct(stack: Stack<'_>, guess: &str) {
    IS_UNKNOWN.set(true);
    while stack.wait_link_up().await.is_err() {}
    let name = match ask(stack).await {
        Some(name) if name != guess => name,
        // Right, or not to be found out.
        _ => {
            IS_UNKNOWN.set(false);
            return core::future::pending().await;
        }
    };
    eprintln!(
        "the module calls this port {name}, not {guess}: its URCs go there now (--urc-port {name} says so from the start)"
    );
    loop {
        if let Ok(port) = PortName::new(&name) {
            let _ = stack.at().send(&ConfigureUrcPort { port }).await;
        }
        IS_UNKNOWN.set(false);
        // The stack sets its own port whenever it brings the link up.
        let losses = stack.statistics().link_losses;
        while stack.statistics().link_losses == losses {
            Timer::after(PAUSE).await;
        }
        while stack.wait_link_up().await.is_err() {}
    }
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
