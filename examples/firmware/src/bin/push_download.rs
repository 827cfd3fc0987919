//! Fetches 1 MB in direct push mode, with a receive buffer of 1 KB.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use board::report::{self, Output};
use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns};
use firmware::Checksum;
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, Error, Resources, Runner, Stack, TcpConnection};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
const HOST: &str = "www.example.test";
const REQUEST: &[u8] =
    b"GET /1000000 HTTP/1.0\r\nHost: www.example.test\r\nConnection: close\r\n\r\n";

static RESOURCES: ConstStaticCell<Resources<1, 1024, 256>> = ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    match download(stack).await {
        Ok(body) => {
            let _ = writeln!(Output, "{body}");
            report::exit(0);
        }
        Err(error) => {
            let _ = writeln!(Output, "{error}");
            report::exit(1);
        }
    }
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, mut rx: Rx, mut tx: Tx) -> ! {
    loop {
        let error = runner.run(&mut rx, &mut tx).await;
        let _ = writeln!(Output, "{error}");
        Timer::after_secs(1).await;
    }
}

/// Connects in direct push mode: the module sends received data without being asked for it.
async fn connect(stack: Stack<'static>) -> Result<TcpConnection<'static>, Error> {
    let address = stack.get_host_by_name(HOST, AddrType::Either).await?;
    let stack = stack.with_access_mode(AccessMode::DirectPush);
    stack.connect((address, 80).into()).await
}

async fn download(stack: Stack<'static>) -> Result<Checksum, Error> {
    stack.wait_link_up().await?;
    let mut connection = connect(stack).await?;
    connection.write_all(REQUEST).await?;
    connection.flush().await?;

    let mut buffer = [0; 256];
    let mut body = Checksum::default();
    // The bytes of the blank line after the head that have been received.
    let mut seen = 0;
    loop {
        let count = connection.read(&mut buffer).await?;
        if count == 0 {
            return Ok(body);
        }
        let received = &buffer[..count];
        let head = firmware::end_of_head(received, &mut seen);
        body.add(&received[head..]);
    }
}
