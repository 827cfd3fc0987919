//! Two sockets of the module, one TCP and one UDP, name lookup, and a module that is restarted when it does not answer.

#![no_std]
#![no_main]

use core::net::{Ipv4Addr, SocketAddr};

use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_nal_async::{ConnectedUdp, UdpStack};
use quectel_nal::{Config, Resources, Runner, Stack};
use static_cell::ConstStaticCell;

static RESOURCES: ConstStaticCell<Resources<2, 1024, 512>> = ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let resources = RESOURCES.take();
    let (stack, runner) = quectel_nal::new(resources, Config::new("internet"));
    if let Ok(task) = modem(runner, rx, tx) {
        spawner.spawn(task);
    }
    measure::finish(get(stack).await)
}

async fn get(stack: Stack<'static>) -> Option<usize> {
    stack.wait_link_up().await.ok()?;
    ask(stack).await?;
    measure::get(&stack, &stack, measure::NAMED).await
}

/// A datagram, and its answer.
async fn ask(stack: Stack<'static>) -> Option<()> {
    let server = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 7);
    let (_, mut socket) = stack.connect(server).await.ok()?;
    socket.send(b"hello").await.ok()?;
    let mut answer = [0; 8];
    let received = with_timeout(Duration::from_secs(5), socket.receive_into(&mut answer)).await;
    (received.ok()?.ok()? == 5).then_some(())
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, rx: Rx, tx: Tx) {
    let power_key = async || Timer::after(Duration::from_secs(1)).await;
    runner.run_with_reset(rx, tx, power_key).await;
}
