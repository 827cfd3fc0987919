//! The three data access modes over the virtual modem, under virtual time.
#![allow(missing_docs)]

mod common;

use common::{Bench, PEER, adversarial, assert_no_violation, excerpt, noise, peer};
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use quectel_nal::command::AccessMode;
use quectel_nal::{LinkState, Stack, TcpConnection, TcpReader, TcpWriter};
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

#[test]
fn escape_and_resume_fifty_times_with_traffic_both_ways() {
    for body in [noise(34, 200_000), adversarial(200_000)] {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        let bench = Bench::new().baud(115_200);
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            let mut sent = 0;
            let mut seen = 0;
            for round in 0..50 {
                let end = body.len() * (round + 1) / 50;
                while sent < end {
                    sent += connection.write(&body[sent..end]).await.unwrap();
                }
                // What the peer sends goes on through the escape.
                let (mut reader, mut writer) = connection.split();
                let escape = async {
                    let escaped = writer.set_access_mode(AccessMode::Buffer).await;
                    escaped.unwrap_or_else(|error| {
                        panic!("{error} in round {round}\n{}", excerpt(&modem))
                    });
                };
                let receive = async {
                    let mut buffer = [0; 1000];
                    while seen + 1000 < sent {
                        let count = reader.read(&mut buffer).await.unwrap();
                        assert!(
                            body[seen..].starts_with(&buffer[..count]),
                            "other bytes behind {seen} in round {round}\n{}",
                            excerpt(&modem)
                        );
                        seen += count;
                    }
                };
                join(escape, receive).await;
                assert!(!connection.has_line());
                connection.resume().await.unwrap();
                assert!(connection.has_line());
            }
            connection.flush().await.unwrap();
            let mut rest = vec![0; body.len() - seen];
            connection.read_exact(&mut rest).await.unwrap();
            assert!(body[seen..] == rest, "other bytes at the end");
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}
