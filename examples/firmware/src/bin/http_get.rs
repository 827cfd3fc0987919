//! Fetches a page, and fetches it again if the network goes away meanwhile.
//!
//! The crate `board` contains everything that depends on the board. On another board, use the UART and the time driver of its HAL, and a
//! logger in place of `report`.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use board::report::{self, Output};
use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::BufRead;
use firmware::Checksum;
use quectel_nal::{Config, Resources, Runner, Stack};
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
const URL: &str = "http://www.example.test/20000";
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// Two sockets, because the first may still be closing while the second is in use.
static RESOURCES: ConstStaticCell<Resources<2, 1024, 512>> = ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));

    for attempt in 1..=ATTEMPTS {
        match with_timeout(PATIENCE, get(stack)).await {
            Ok(Ok(page)) => {
                let _ = writeln!(Output, "{page}, attempt {attempt}");
                report::exit(0);
            }
            Ok(Err(error)) => {
                let _ = writeln!(Output, "attempt {attempt}: {error:?}");
            }
            Err(_) => {
                let _ = writeln!(Output, "attempt {attempt}: no time left");
            }
        }
    }
    report::exit(1);
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, mut rx: Rx, mut tx: Tx) -> ! {
    loop {
        let error = runner.run(&mut rx, &mut tx).await;
        let _ = writeln!(Output, "{error}");
        Timer::after_secs(1).await;
    }
}

async fn get(stack: Stack<'_>) -> Result<Checksum, reqwless::Error> {
    if let Err(error) = stack.wait_link_up().await {
        // The runner keeps trying, and the request waits for the link.
        let _ = writeln!(Output, "{error}");
    }
    let mut http = HttpClient::new(&stack, &stack);
    let request = http.request(Method::GET, URL).await?;
    let mut request = request.headers(&[("Connection", "close")]);
    let mut buffer = [0; 512];
    let response = request.send(&mut buffer).await?;
    let mut body = response.body().reader();
    let mut page = Checksum::default();
    loop {
        let part = body.fill_buf().await?;
        if part.is_empty() {
            return Ok(page);
        }
        page.add(part);
        let count = part.len();
        body.consume(count);
    }
}
