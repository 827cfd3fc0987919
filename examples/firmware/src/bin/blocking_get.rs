//! Fetches a page with the blocking traits of `embedded-nal`, without an executor and without `async`.

#![no_std]
#![no_main]

use core::fmt::Write as _;
use core::pin::pin;

use board::report::{self, Output};
use cortex_m_rt::entry;
use embedded_nal::nb::block;
use embedded_nal::{AddrType, Dns, TcpClientStack};
use firmware::Checksum;
use quectel_nal::{Config, Error, Resources, blocking};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
const HOST: &str = "www.example.test";
const REQUEST: &[u8] =
    b"GET /20000 HTTP/1.0\r\nHost: www.example.test\r\nConnection: close\r\n\r\n";
const ATTEMPTS: u32 = 3;

static RESOURCES: ConstStaticCell<Resources<2, 1024, 512>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    let (rx, tx) = board::start();
    let (stack, mut runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    // A UART driver without `async` would need the adapter `blocking::Uart`.
    let engine = pin!(runner.run(rx, tx));
    let stack = blocking::Stack::new(stack, engine);

    for attempt in 1..=ATTEMPTS {
        if let Err(error) = block!(stack.link_up()) {
            let _ = writeln!(Output, "{error}");
        }
        match get(&mut stack.tcp()) {
            Ok(page) => {
                let _ = writeln!(Output, "{page}, attempt {attempt}");
                report::exit(0);
            }
            Err(error) => {
                let _ = writeln!(Output, "attempt {attempt}: {error}");
            }
        }
    }
    report::exit(1);
}

/// Fetches the page: the body of the response.
fn get<T>(tcp: &mut T) -> Result<Checksum, Error>
where
    T: TcpClientStack<Error = Error> + Dns<Error = Error>,
{
    let address = block!(tcp.get_host_by_name(HOST, AddrType::Either))?;
    let mut socket = tcp.socket()?;
    let page = fetch(tcp, &mut socket, (address, 80).into());
    tcp.close(socket)?;
    page
}

fn fetch<T: TcpClientStack<Error = Error>>(
    tcp: &mut T,
    socket: &mut T::TcpSocket,
    server: core::net::SocketAddr,
) -> Result<Checksum, Error> {
    block!(tcp.connect(socket, server))?;
    let mut rest = REQUEST;
    while !rest.is_empty() {
        let sent = block!(tcp.send(socket, rest))?;
        rest = &rest[sent..];
    }

    let mut page = Checksum::default();
    let mut buffer = [0; 256];
    // The bytes of the blank line after the head that have been received.
    let mut seen = 0;
    loop {
        let count = match block!(tcp.receive(socket, &mut buffer)) {
            Ok(0) | Err(Error::Closed) => return Ok(page),
            count => count?,
        };
        let received = &buffer[..count];
        let head = firmware::end_of_head(received, &mut seen);
        page.add(&received[head..]);
    }
}
