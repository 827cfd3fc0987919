//! Network crates as users have them, over the virtual modem, against real servers on the loopback interface.

mod coap;
mod coap_blocking;
mod edge_http;
mod http;
mod https;
mod minimq;
mod mqtt;
mod sntp;
mod types;

use core::time::Duration;
use std::net::{TcpListener, UdpSocket};

use embassy_time::with_timeout;
use quectel_nal::Stack;
use virtual_modem::{Loopback, ModemHandle};

use testbench::{Bench, excerpt};

/// Nothing here may take longer, in real time.
const LIMIT: Duration = Duration::from_secs(100);

/// Runs `body` on a link that is up; says what passed over the line if it does not end.
fn run<T>(
    bench: Bench,
    network: Loopback,
    body: impl AsyncFnOnce(Stack<'_>, &ModemHandle) -> T,
) -> T {
    bench.run_real(network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let limit = embassy_time::Duration::from_secs(LIMIT.as_secs());
        match with_timeout(limit, body(stack, &modem)).await {
            Ok(result) => result,
            Err(_) => panic!("no end:\n{}", excerpt(&modem)),
        }
    })
}

/// A TCP port of this computer that somebody may listen on.
fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).unwrap()
}

/// A UDP server; what `answer` gives is sent back.
fn serve_udp(
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> core::net::SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            if let Some(bytes) = answer(&buffer[..length]) {
                socket.send_to(&bytes, peer).unwrap();
            }
        }
    });
    address
}
