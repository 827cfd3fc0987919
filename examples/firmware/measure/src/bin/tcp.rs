//! One TCP socket of the module.

#![no_std]
#![no_main]

use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use quectel_nal::{Config, Resources, Runner, Stack};
use static_cell::ConstStaticCell;

static RESOURCES: ConstStaticCell<Resources<1, 1024, 512>> = ConstStaticCell::new(Resources::new());

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
    measure::get(&stack, &measure::Literal, measure::NUMBERED).await
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, rx: Rx, tx: Tx) {
    runner.run(rx, tx).await;
}
