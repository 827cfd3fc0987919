//! sntpc against a small time server.

use core::net::SocketAddr;

use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use embedded_nal_async::{UdpStack, UnconnectedUdp};
use quectel_nal::UdpService;
use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket, get_time};
use virtual_modem::Loopback;

use super::{run, serve_udp};
use testbench::{Bench, assert_no_violation};

/// Seconds from the beginning of 1900 to that of 1970.
const ERA: u32 = 2_208_988_800;
/// The server's time, in seconds since 1970.
const TIME: u32 = 1_783_000_000;

/// What sntpc asks of everybody: its own trait.
struct Socket<'d>(Mutex<NoopRawMutex, UdpService<'d>>, SocketAddr);

impl NtpUdpSocket for Socket<'_> {
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> sntpc::Result<usize> {
        let sent = self.0.lock().await.send(self.1, to, bytes).await;
        sent.map(|()| bytes.len())
            .map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        let received = self.0.lock().await.receive_into(buffer).await;
        let (length, _, from) = received.map_err(|_| sntpc::Error::Network)?;
        Ok((length, from))
    }
}

/// A clock that has stopped at the server's time.
#[derive(Clone, Copy)]
struct Clock;

impl NtpTimestampGenerator for Clock {
    fn init(&mut self) {}

    fn timestamp_sec(&self) -> u64 {
        TIME.into()
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        0
    }
}

/// RFC 4330: the answer of a server with an atomic clock of its own.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    assert_eq!(question.len(), 48);
    assert_eq!(question[0] & 7, 3, "not from a client");
    let now = (u64::from(TIME + ERA) << 32).to_be_bytes();
    let mut bytes = vec![0x24, 1, 6, 0xec];
    bytes.extend([0; 8]);
    bytes.extend(b"ATOM");
    bytes.extend(now);
    bytes.extend(&question[40..48]);
    bytes.extend(now);
    bytes.extend(now);
    Some(bytes)
}

#[test]
fn the_time_can_be_asked_for() {
    let server = serve_udp(answer);
    let network = Loopback::new().route("192.0.2.123", 123, server);
    run(Bench::new(), network, async |stack, modem| {
        let anywhere = "0.0.0.0:0".parse().unwrap();
        let (local, socket) = stack.bind_single(anywhere).await.unwrap();
        let socket = Socket(Mutex::new(socket), local);
        let server = "192.0.2.123:123".parse().unwrap();
        for _ in 0..3 {
            let result = get_time(server, &socket, NtpContext::new(Clock)).await;
            assert_eq!(result.unwrap().sec(), u64::from(TIME));
        }
        assert_no_violation(modem);
    });
}
