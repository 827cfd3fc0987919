//! The three access modes: buffer, direct push and transparent.

mod dialogue;
mod push;
mod transparent;

use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, LinkState, Stack, TcpConnection, TcpReader, TcpWriter};
use testbench::{Bench, PEER, adversarial, assert_no_violation, noise, peer};
use virtual_modem::network::PeerStream;
use virtual_modem::{Chop, Fault, InProcess};

const MEGABYTE: usize = 1 << 20;

/// A ring of 512 bytes is enough in every mode.
fn small<T>(
    bench: Bench,
    network: &InProcess,
    body: impl AsyncFnOnce(Stack<'_>, virtual_modem::ModemHandle) -> T,
) -> T {
    bench.run_with::<T, 4, 512, 512>(network, body)
}

async fn tcp<'d>(stack: &Stack<'d>, port: u16) -> TcpConnection<'d> {
    TcpConnect::connect(stack, peer(port)).await.unwrap()
}

/// Sends `bytes` to an echo server and compares what comes back.
async fn echo((mut reader, mut writer): (TcpReader<'_, '_>, TcpWriter<'_, '_>), bytes: &[u8]) {
    let send = async {
        writer.write_all(bytes).await.unwrap();
        writer.flush().await.unwrap();
    };
    let receive = async {
        let mut buffer = [0; 300];
        let mut seen = 0;
        while seen < bytes.len() {
            let count = reader.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the end after {seen} bytes");
            assert!(
                bytes[seen..].starts_with(&buffer[..count]),
                "other bytes behind {seen}"
            );
            seen += count;
        }
    };
    join(send, receive).await;
}

fn hostile(bench: Bench) -> Bench {
    bench.baud(921_600).chop(Chop::Random { seed: 11, max: 90 })
}

fn foreign() -> Fault {
    Fault::ForeignUrcs {
        probability: 0.3,
        seed: 5,
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_direct_push_mode() {
    for body in [noise(31, MEGABYTE), adversarial(MEGABYTE)] {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let stack = stack.with_access_mode(AccessMode::DirectPush);
            let mut connection = tcp(&stack, 7).await;
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_no_violation(&modem);
            assert!(modem.commands().get("QIRD").is_none_or(|count| *count <= 1));
        });
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_transparent_mode() {
    for body in [noise(32, MEGABYTE), adversarial(MEGABYTE)] {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            assert_eq!(stack.link_state(), LinkState::Occupied);
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_eq!(stack.link_state(), LinkState::Up);
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_buffer_mode() {
    for body in [noise(33, MEGABYTE), adversarial(MEGABYTE)] {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let mut connection = tcp(&stack, 7).await;
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}

/// A server that sends `bytes` to everybody, waits until the peer has gone, and closes.
fn serve(network: &InProcess, port: u16, bytes: Vec<u8>) {
    network.tcp(PEER, port, move |mut stream: PeerStream| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
            stream.close();
            let _ = stream.read_to_end().await;
        }
    });
}

async fn read_to_end(connection: &mut impl Read<Error = Error>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let mut buffer = [0; 700];
    loop {
        match connection.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}
