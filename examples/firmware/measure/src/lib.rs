//! What the measured firmwares have in common.

#![no_std]

use core::net::{IpAddr, Ipv4Addr};

use board::report;
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};

/// How many bytes each socket may receive and send ahead.
pub const RX: usize = 512;
/// See [`RX`].
pub const TX: usize = 512;
/// Where the page is, for those who look names up and for those who do not.
pub const NAMED: &str = "http://www.example.test/4000";
/// The same without a name.
pub const NUMBERED: &str = "http://192.0.2.1/4000";
/// The page is thrown away in pieces of this size.
const BUFFER: usize = 512;

/// The GET. All of the page goes through here and is counted.
pub async fn get<T: TcpConnect, D: Dns>(tcp: &T, dns: &D, url: &str) -> Option<usize> {
    let mut buffer = [0; BUFFER];
    let mut http = HttpClient::new(tcp, dns);
    let request = http.request(Method::GET, url).await.ok()?;
    let mut request = request.headers(&[("Connection", "close")]);
    let response = request.send(&mut buffer).await.ok()?;
    response.body().discard().await.ok()
}

/// Says how it went, and ends.
pub fn finish(length: Option<usize>) -> ! {
    report::print_number("stack", report::peak_stack());
    match length {
        Some(length) => {
            report::print_number("bytes", length);
            report::exit(0)
        }
        None => report::exit(1),
    }
}

/// Only addresses, for firmware without a resolver.
pub struct Literal;

impl Dns for Literal {
    type Error = core::net::AddrParseError;

    async fn get_host_by_name(&self, host: &str, _: AddrType) -> Result<IpAddr, Self::Error> {
        host.parse::<Ipv4Addr>().map(IpAddr::V4)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }
}

/// Panics end here, as in a product that leaves the rest to its watchdog. Nothing is formatted.
#[cfg(not(feature = "say-panics"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// With their texts, so that they can be told apart in the program's code.
#[cfg(feature = "say-panics")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::fmt::Write as _;

    let _ = writeln!(report::Output, "{info}");
    report::exit(101)
}
