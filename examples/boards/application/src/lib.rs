//! What the firmware of all boards does. A board adds its pins, its UART and its clock.

#![no_std]

mod mqtt;
mod power_key;

pub use power_key::PowerKey;

use defmt::{Debug2Format, error, info, warn};
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::{Read, Write};
use quectel_nal::at::{FlowControl, SetFlowControl};
use quectel_nal::atat::asynch::AtatClient;
use quectel_nal::{Config, ControlLines, Resources, Runner, Stack};
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};

/// Access point name (APN) of the SIM card's operator.
const APN: &str = "internet";
const URL: &str = "http://example.com/";
/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(60);
/// How long one job may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The memory of the stack: two sockets, because one may still be closing while the next is in use. Each has 2048 bytes for received
/// data, and 1024 bytes for data to send.
pub type Sockets = Resources<'static, 2, 2048, 1024>;

/// The configuration of the stack. The module is connected by its UART: on USB, [`Config::urc_port`] has to be set.
pub const fn config() -> Config<'static> {
    Config::new(APN)
}

/// Runs the stack, for ever: the only task that uses the UART.
pub async fn run_modem<L: ControlLines>(
    mut runner: Runner<'static, L>,
    mut rx: impl Read,
    mut tx: impl Write,
) -> ! {
    loop {
        let error = runner.run(&mut rx, &mut tx).await;
        error!("{}", error);
        Timer::after_secs(1).await;
    }
}

/// Fetches a page and publishes its length, again and again.
pub async fn run(stack: Stack<'static>) -> ! {
    loop {
        // The stack tries again by itself; this is only to see why there is no network.
        while let Err(error) = stack.wait_link_up().await {
            warn!("no network: {}", error);
        }
        use_rts_and_cts(stack).await;
        match with_timeout(PATIENCE, fetch(stack)).await {
            Ok(Ok(length)) => {
                info!("{} has {} bytes", URL, length);
                match with_timeout(PATIENCE, mqtt::publish(stack, length)).await {
                    Ok(Ok(())) => info!("published"),
                    Ok(Err(what)) => warn!("{}: {}", what, stack.last_failure()),
                    Err(_) => warn!("the broker is too slow"),
                }
            }
            Ok(Err(error)) => warn!("{}: {}", Debug2Format(&error), stack.last_failure()),
            Err(_) => warn!("the server is too slow"),
        }
        Timer::after(PAUSE).await;
    }
}

/// Switches flow control on in the module, which may have restarted meanwhile. Not needed if the setting is stored (`AT&W`).
async fn use_rts_and_cts(stack: Stack<'static>) {
    let command = SetFlowControl {
        module_by_host: FlowControl::Hardware,
        host_by_module: FlowControl::Hardware,
    };
    if stack.at().send(&command).await.is_err() {
        warn!("no flow control");
    }
}

/// The length of the page.
async fn fetch(stack: Stack<'static>) -> Result<usize, reqwless::Error> {
    let mut http = HttpClient::new(&stack, &stack);
    let request = http.request(Method::GET, URL).await?;
    let mut request = request.headers(&[("Connection", "close")]);
    let mut head = [0; 1024];
    let response = request.send(&mut head).await?;
    let mut body = response.body().reader();
    let mut length = 0;
    let mut buffer = [0; 256];
    while let count @ 1.. = body.read(&mut buffer).await? {
        length += count;
    }
    Ok(length)
}
