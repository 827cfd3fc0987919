//! UDP sockets with one peer and with many.

mod at_once;
mod dialogue;
mod failures;
mod transfers;

use core::net::SocketAddr;
use core::time::Duration;
use quectel_nal::{Stack, UdpSocket};
use testbench::{PEER, adversarial, noise, peer};
use virtual_modem::InProcess;

const ANY: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0);

/// The length of the datagram with this number.
fn length(number: u64, least: usize) -> usize {
    let noise = noise(number, 2);
    let length = usize::from(u16::from_le_bytes([noise[0], noise[1]]));
    match number % 50 {
        0 => 1460,
        1 => least,
        _ => least + length % (1461 - least),
    }
}

/// A datagram with its number in front, as far as there is room.
fn datagram(number: u64, least: usize) -> Vec<u8> {
    let length = length(number, least);
    let mut bytes = if number.is_multiple_of(3) {
        adversarial(length)
    } else {
        noise(number, length)
    };
    for (byte, mark) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = mark;
    }
    bytes
}

fn udp_echo_network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(5));
    network.udp_echo(PEER, 7);
    network
}

async fn connect<'d>(stack: &Stack<'d>) -> UdpSocket<'d> {
    stack.connect_udp(peer(7)).await.unwrap()
}
