//! What the measured firmwares share: the HTTP GET, its URL, and the end.

#![no_std]

use core::net::{IpAddr, Ipv4Addr};

use board::report;
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};

/// Capacity of each socket's receive buffer, in bytes.
pub const RX: usize = 512;
/// Capacity of each socket's send buffer, in bytes.
pub const TX: usize = 512;
/// The page, for firmware that looks up names.
pub const NAMED: &str = "http://www.example.test/4000";
/// The same page, for firmware that does not look up names.
pub const NUMBERED: &str = "http://192.0.2.1/4000";
/// Capacity of the buffer that the page is read through, in bytes.
const BUFFER: usize = 512;

/// Fetches the page, discards it, and returns its length.
pub async fn get<T: TcpConnect, D: Dns>(tcp: &T, dns: &D, url: &str) -> Option<usize> {
    let mut buffer = [0; BUFFER];
    let mut http = HttpClient::new(tcp, dns);
    let request = http.request(Method::GET, url).await.ok()?;
    let mut request = request.headers(&[("Connection", "close")]);
    let response = request.send(&mut buffer).await.ok()?;
    response.body().discard().await.ok()
}

/// Prints the peak of the stack and the length of the page, and ends the emulator: with status 1 when the GET failed.
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

/// Accepts IPv4 addresses only, for firmware that does not look up names.
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

/// Loops without a message, as a product does that leaves the restart to its watchdog: nothing is formatted.
#[cfg(not(feature = "print-panics"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Prints the message, which keeps each call of the panic functions apart in the ELF file.
#[cfg(feature = "print-panics")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::fmt::Write as _;

    let _ = writeln!(report::Output, "{info}");
    report::exit(101)
}
