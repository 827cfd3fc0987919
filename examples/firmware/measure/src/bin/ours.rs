//! The sockets of the module: one for TCP. The features `dns`, `udp` and `reset` add name lookup, a socket for UDP, and a
//! restart of the module when it does not answer. Firmware with one of the other features is measured but not run.

#![no_std]
#![no_main]

use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use quectel_nal::{Config, Resources, Runner, Stack};
use static_cell::ConstStaticCell;

const SOCKETS: usize = if cfg!(feature = "udp") { 2 } else { 1 };

static RESOURCES: ConstStaticCell<Resources<SOCKETS, { measure::RX }, { measure::TX }>> =
    ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new("internet"));
    if let Ok(task) = modem(runner, rx, tx) {
        spawner.spawn(task);
    }
    measure::finish(get(stack).await)
}

async fn get(stack: Stack<'static>) -> Option<usize> {
    stack.wait_link_up().await.ok()?;
    #[cfg(feature = "udp")]
    ask(stack).await?;
    #[cfg(feature = "server")]
    stack.listen(80).await.ok()?.accept().await.ok()?;
    #[cfg(feature = "push")]
    let stack = stack.with_access_mode(quectel_nal::at::AccessMode::DirectPush);
    #[cfg(feature = "transparent")]
    transparent(stack).await?;
    #[cfg(feature = "at-client")]
    command(stack).await?;
    #[cfg(feature = "ping")]
    ping(stack).await?;
    #[cfg(feature = "ntp")]
    stack.module().ntp("192.0.2.1", false).await.ok()?;
    #[cfg(feature = "link-control")]
    down_and_up(stack).await?;
    #[cfg(feature = "keep-alive")]
    let stack = keep_alive(stack);
    #[cfg(feature = "dns")]
    return measure::get(&stack, &stack, measure::NAMED).await;
    #[cfg(not(feature = "dns"))]
    measure::get(&stack, &measure::Literal, measure::NUMBERED).await
}

/// Sends a datagram and waits for the answer.
#[cfg(feature = "udp")]
async fn ask(stack: Stack<'static>) -> Option<()> {
    use core::net::{Ipv4Addr, SocketAddr};
    use embassy_time::{Duration, with_timeout};
    use embedded_nal_async::{ConnectedUdp, UdpStack};

    let server = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 7);
    let (_, mut socket) = UdpStack::connect(&stack, server).await.ok()?;
    socket.send(b"hello").await.ok()?;
    let mut answer = [0; 8];
    let received = with_timeout(Duration::from_secs(5), socket.receive_into(&mut answer)).await;
    (received.ok()?.ok()? == 5).then_some(())
}

#[cfg(feature = "transparent")]
async fn transparent(stack: Stack<'static>) -> Option<()> {
    use core::net::{Ipv4Addr, SocketAddr};
    use embedded_io_async::{Read, Write};
    use quectel_nal::AccessMode;

    let server = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 7);
    let mut line = stack
        .with_access_mode(AccessMode::Transparent)
        .connect(server)
        .await
        .ok()?;
    line.write_all(b"hello").await.ok()?;
    line.read(&mut [0; 8]).await.ok()?;
    line.set_access_mode(AccessMode::Buffer).await.ok()?;
    line.set_access_mode(AccessMode::Transparent).await.ok()
}

#[cfg(feature = "at-client")]
async fn command(stack: Stack<'static>) -> Option<()> {
    use atat::asynch::AtatClient;
    use quectel_nal::at::QuerySignalQuality;

    stack.at().send(&QuerySignalQuality).await.ok()?;
    Some(())
}

#[cfg(feature = "ping")]
async fn ping(stack: Stack<'static>) -> Option<()> {
    let limit = embassy_time::Duration::from_secs(4);
    let mut pings = stack.module().ping("192.0.2.1", limit, 2).await.ok()?;
    while pings.next().await.is_some() {}
    pings.summary().await.ok()?;
    Some(())
}

#[cfg(feature = "link-control")]
async fn down_and_up(stack: Stack<'static>) -> Option<()> {
    use quectel_nal::LinkMode;

    for mode in [LinkMode::Down, LinkMode::Up] {
        stack.set_link(mode);
        stack.wait_link_mode().await.ok()?;
    }
    Some(())
}

#[cfg(feature = "keep-alive")]
fn keep_alive(stack: Stack<'static>) -> Stack<'static> {
    use quectel_nal::{Duration, KeepAlive};

    let keep_alive = KeepAlive::new(Duration::from_secs(300), Duration::from_secs(30), 3);
    stack.with_keep_alive(keep_alive)
}

/// DTR, as far as the library is concerned.
#[cfg(feature = "sleep")]
struct Dtr;

#[cfg(feature = "sleep")]
impl quectel_nal::ControlLines for Dtr {
    fn can_sleep(&self) -> bool {
        true
    }

    async fn sleep(&mut self) {
        core::hint::black_box(true);
    }

    async fn wake(&mut self) {
        embassy_time::Timer::after_millis(20).await;
    }
}

#[embassy_executor::task]
async fn modem(#[allow(unused_mut)] mut runner: Runner<'static>, rx: Rx, tx: Tx) {
    #[cfg(feature = "sleep")]
    let mut runner = runner.control_lines(Dtr);
    #[cfg(feature = "reset")]
    {
        use embassy_time::{Duration, Timer};

        let power_key = async || Timer::after(Duration::from_secs(1)).await;
        let _ = runner.reset(power_key).run(rx, tx).await;
    }
    #[cfg(not(feature = "reset"))]
    let _ = runner.run(rx, tx).await;
}
