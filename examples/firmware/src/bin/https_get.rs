//! Fetches a page over TLS 1.3, with reqwless and embedded-tls.
//!
//! The certificate is not verified and the random numbers are predictable, because the emulated microcontroller has neither a clock with
//! the date nor a random number generator. A product needs both.

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
use reqwless::client::{HttpClient, TlsConfig, TlsVerify};
use reqwless::request::{Method, RequestBuilder};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
const URL: &str = "https://www.example.test/20000";
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(120);
/// A product reads it from the hardware's random number generator.
const SEED: u64 = 4;

/// Buffers for one TLS record each: the longest that a server may send, and the longest that this firmware sends.
static RECORD: ConstStaticCell<[u8; 16_640]> = ConstStaticCell::new([0; 16_640]);
static OWN_RECORD: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
static RESOURCES: ConstStaticCell<Resources<2, 1500, 1024>> =
    ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));

    let (record, own_record) = (RECORD.take(), OWN_RECORD.take());
    for attempt in 1..=ATTEMPTS {
        let tls = TlsConfig::new(SEED, record, own_record, TlsVerify::None);
        match with_timeout(PATIENCE, get(stack, tls)).await {
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

async fn get(stack: Stack<'_>, tls: TlsConfig<'_>) -> Result<Checksum, reqwless::Error> {
    if let Err(error) = stack.wait_link_up().await {
        // The runner keeps trying, and the request waits for the link.
        let _ = writeln!(Output, "{error}");
    }
    let mut http = HttpClient::new_with_tls(&stack, &stack, tls);
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
