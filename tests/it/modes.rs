//! The three data access modes over the virtual modem, under virtual time.

use core::net::SocketAddr;
use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{
    Config, Error, LinkError, LinkState, Stack, TcpConnection, TcpReader, TcpWriter,
};
use testbench::{Bench, PEER, adversarial, assert_no_violation, excerpt, noise, peer, sleep};
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

// ---- direct push ---------------------------------------------------------------------------------------------------

#[test]
fn a_slow_reader_holds_the_module_back() {
    let network = InProcess::new();
    let body = noise(35, 20_000);
    serve(&network, 80, body.clone());
    let bench = Bench::new().baud(115_200);
    small(bench, &network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let pushing = stack.with_access_mode(AccessMode::DirectPush);
        let mut connection = tcp(&pushing, 80).await;
        let mut all = Vec::new();
        let mut buffer = [0; 400];
        loop {
            // Slower than the line, faster than the time that it may be held up.
            sleep(Duration::from_millis(500)).await;
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(all == body, "{} of {} bytes", all.len(), body.len());
        assert_eq!(stack.statistics().dropped_bytes, 0);
        assert_no_violation(&modem);
    });
}

#[test]
fn who_does_not_read_fails_and_nobody_else_does() {
    let network = InProcess::new();
    serve(&network, 80, noise(36, 20_000));
    network.tcp_echo(PEER, 7);
    let bench = Bench::new().baud(115_200);
    small(bench, &network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut other = tcp(&stack, 7).await;
        let pushing = stack.with_access_mode(AccessMode::DirectPush);
        let mut idle = tcp(&pushing, 80).await;
        let text = noise(37, 3000);
        echo(other.split(), &text).await;
        echo(other.split(), &text).await;
        // What came before the failure is the user's.
        let mut seen = 0;
        let error = loop {
            let mut buffer = [0; 100];
            match idle.read(&mut buffer).await {
                Ok(count) => seen += count,
                Err(error) => break error,
            }
        };
        assert_eq!((seen, error), (512, Error::Overrun));
        assert!(stack.statistics().dropped_bytes > 0);
        assert_eq!(stack.link_state(), LinkState::Up);
        assert_eq!(stack.statistics().link_losses, 0);
        other.close().await.unwrap();
        assert_no_violation(&modem);
    });
}

#[test]
fn datagrams_are_pushed_with_their_borders() {
    let network = InProcess::new();
    network.udp_echo(PEER, 9);
    for push_tells_peer in [true, false] {
        let bench = hostile(Bench::new()).settings(|settings| {
            settings.read(|readings| readings.push_tells_peer = push_tells_peer)
        });
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let stack = stack.with_access_mode(AccessMode::DirectPush);
            let any = SocketAddr::new([0, 0, 0, 0].into(), 0);
            let (_, mut connected) = stack.connect_from(any, peer(9)).await.unwrap();
            let (local, mut service) = stack.bind_single(any).await.unwrap();
            let mut buffer = [0; 1500];
            for round in 0..200 {
                let datagram = noise(round, 1 + (round as usize * 37) % 1460);
                connected.send(&datagram).await.unwrap();
                let count = connected.receive_into(&mut buffer).await.unwrap();
                assert!(buffer[..count] == datagram, "round {round}");
                if push_tells_peer {
                    service.send(local, peer(9), &datagram).await.unwrap();
                    let (count, _, from) = service.receive_into(&mut buffer).await.unwrap();
                    assert!(buffer[..count] == datagram, "round {round}");
                    assert_eq!(from, peer(9));
                }
            }
            if !push_tells_peer {
                // Of no use to anyone, but not dropped in silence.
                service.send(local, peer(9), b"who is it?").await.unwrap();
                sleep(Duration::from_secs(2)).await;
                assert_eq!(stack.statistics().dropped_datagrams, 1);
            }
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn connections_of_a_listener_are_pushed_to() {
    for inherits in [true, false] {
        let network = InProcess::new();
        let bench = hostile(Bench::new()).settings(|settings| {
            settings.read(|readings| readings.incoming_inherits_mode = inherits)
        });
        let text = noise(38, 30_000);
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let pushing = stack.with_access_mode(AccessMode::DirectPush);
            let listener = pushing.listen(2020).await.unwrap();
            let client = network.connect("192.0.2.10", 2020);
            let (accepted, client) = join(listener.accept(), client).await;
            let (mut connection, _) = accepted.unwrap();
            let mut client = client.unwrap();
            let send = async {
                client.write_all(&text).await.unwrap();
                client.close();
            };
            let (received, ()) = join(read_to_end(&mut connection), send).await;
            assert!(received.unwrap() == text, "other bytes");
            assert_eq!(connection.access_mode(), AccessMode::DirectPush);
            assert!(modem.commands()["QIRD"] < 10, "{:?}", modem.commands());
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_live_connection_is_switched_without_losing_a_byte() {
    for seed in 0..4 {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        let body = noise(40 + seed, 60_000);
        hostile(Bench::new()).run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = tcp(&stack, 7).await;
            let (mut reader, mut writer) = connection.split();
            let send = async {
                for (round, piece) in body.chunks(1500).enumerate() {
                    writer.write_all(piece).await.unwrap();
                    let mode = match round % 4 {
                        0 => AccessMode::DirectPush,
                        2 => AccessMode::Buffer,
                        _ => continue,
                    };
                    writer.set_access_mode(mode).await.unwrap();
                }
                writer.flush().await.unwrap();
            };
            let receive = async {
                let mut all = vec![0; body.len()];
                reader.read_exact(&mut all).await.unwrap();
                all
            };
            let ((), all) = join(send, receive).await;
            assert!(all == body, "seed {seed}\n{}", excerpt(&modem));
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn live_datagram_sockets_are_switched_without_losing_a_datagram() {
    for seed in 0..4 {
        let network = InProcess::new();
        let mut outside = network.udp_socket(PEER, 9);
        let bench = hostile(Bench::new());
        bench.run_with::<_, 4, 4096, 512>(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let any = SocketAddr::new([0, 0, 0, 0].into(), 0);
            let (_, mut connected) = stack.connect_from(any, peer(9)).await.unwrap();
            let (local, mut service) = stack.bind_single(any).await.unwrap();
            connected.send(b"here").await.unwrap();
            let (_, to_connected) = outside.receive().await;
            service.send(local, peer(9), b"here").await.unwrap();
            let (_, to_service) = outside.receive().await;
            let send = async {
                for number in 0..60 {
                    let datagram = noise(seed * 1000 + number, 1 + (number as usize * 53) % 600);
                    outside.send(&datagram, to_connected);
                    outside.send(&datagram, to_service);
                    sleep(Duration::from_millis(11 + seed)).await;
                }
            };
            let mut buffer = [0; 1500];
            let receive = async {
                for number in 0..60 {
                    let datagram = noise(seed * 1000 + number, 1 + (number as usize * 53) % 600);
                    let count = connected.receive_into(&mut buffer).await.unwrap();
                    assert!(buffer[..count] == datagram, "{number}\n{}", excerpt(&modem));
                    let (count, _, from) = service.receive_into(&mut buffer).await.unwrap();
                    assert!(buffer[..count] == datagram, "{number}\n{}", excerpt(&modem));
                    assert_eq!(from, peer(9));
                    let mode = match number % 6 {
                        1 => AccessMode::DirectPush,
                        4 => AccessMode::Buffer,
                        _ => continue,
                    };
                    connected.set_access_mode(mode).await.unwrap();
                    assert_eq!(connected.access_mode(), mode);
                    service.set_access_mode(mode).await.unwrap();
                }
            };
            join(send, receive).await;
            let refused = connected.set_access_mode(AccessMode::Transparent).await;
            assert_eq!(refused, Err(Error::Unsupported));
            assert_eq!(stack.statistics().dropped_datagrams, 0);
            assert_no_violation(&modem);
        });
    }
}

// ---- transparent ---------------------------------------------------------------------------------------------------

#[test]
fn the_end_of_a_transparent_download_is_the_end_of_the_stream() {
    for with_closed in [false, true] {
        let network = InProcess::new();
        // A body that ends in the very words.
        let body = [noise(50, 50_000), b"\r\nNO CARRIER\r\n".repeat(3)].concat();
        serve(&network, 80, body.clone());
        let bench = hostile(Bench::new()).settings(|settings| {
            settings.read(|readings| readings.no_carrier_with_closed = with_closed)
        });
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_transparent(peer(80)).await.unwrap();
            let read = read_to_end(&mut connection).await.unwrap();
            assert!(read == body, "{} of {} bytes", read.len(), body.len());
            connection.close().await.unwrap();
            assert_no_violation(&modem);
            // All is as before.
            let mut next = tcp(&stack, 80).await;
            assert!(read_to_end(&mut next).await.unwrap() == body);
        });
    }
}

#[test]
fn suspicious_words_with_pauses_are_data() {
    let words: [&[u8]; 6] = [
        b"\r\nNO CARRIER\r\n",
        b"\r\nRDY\r\n",
        b"\r\nOK\r\n",
        b"+++",
        b"\r\nNO CARRIER\r\n\r\n+QIURC: \"closed\",0\r\n",
        b"\r\nNO",
    ];
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            for word in words {
                for pause in [0, 500, 1500, 5000] {
                    connection.write_all(word).await.unwrap();
                    let mut back = vec![0; word.len()];
                    connection.read_exact(&mut back).await.unwrap();
                    assert_eq!(back, word, "{}", excerpt(&modem));
                    sleep(Duration::from_millis(pause)).await;
                }
            }
            assert!(connection.has_line());
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
}

#[test]
fn others_wait_for_the_line_and_miss_nothing() {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    let greeting = noise(51, 700);
    let late = greeting.clone();
    network.tcp(PEER, 21, move |mut stream: PeerStream| {
        let late = late.clone();
        async move {
            sleep(Duration::from_secs(3)).await;
            let _ = stream.write_all(&late).await;
            stream.close();
        }
    });
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut other = tcp(&stack, 21).await;
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            assert_eq!(stack.link_state(), LinkState::Occupied);
            assert_eq!(stack.wait_link_up().await, Ok(()));
            let text = noise(52, 40_000);
            let transfer = async {
                echo(connection.split(), &text).await;
                sleep(Duration::from_secs(10)).await;
                connection.escape().await.unwrap();
            };
            let missed = async {
                let all = read_to_end(&mut other).await;
                assert_eq!(stack.link_state(), LinkState::Up);
                all
            };
            let ((), missed) = join(transfer, missed).await;
            assert!(missed.unwrap() == greeting);
            // In buffer mode the connection lives on.
            echo(connection.split(), &text).await;
            assert_no_violation(&modem);
        });
}

#[test]
fn dropping_a_transparent_connection_gives_the_line_back() {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            for _ in 0..3 {
                let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
                connection.write_all(&noise(53, 5000)).await.unwrap();
                drop(connection);
                let mut next = tcp(&stack, 7).await;
                echo(next.split(), b"next").await;
                next.close().await.unwrap();
            }
            assert!(modem.sockets().is_empty(), "{:?}", modem.sockets());
            assert_no_violation(&modem);
        });
}

#[test]
fn a_context_lost_in_transparent_mode_fails_the_connection_and_comes_back() {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            echo(connection.split(), b"before").await;
            modem.pdpdeact(1);
            let mut buffer = [0; 10];
            let end = connection.read(&mut buffer).await;
            let lost = Err(Error::Link(LinkError::ContextLost));
            assert!(end == Ok(0) || end == lost, "{end:?}");
            drop(connection);
            stack.wait_link_up().await.unwrap();
            let mut next = tcp(&stack, 7).await;
            echo(next.split(), b"after").await;
        });
}

#[test]
fn a_restart_in_transparent_mode_is_noticed() {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_transparent(peer(7)).await.unwrap();
            echo(connection.split(), b"before").await;
            modem.restart();
            let end = connection.read(&mut [0; 10]).await;
            assert_eq!(
                end,
                Err(Error::Link(LinkError::Restarted)),
                "{}",
                excerpt(&modem)
            );
            drop(connection);
            stack.wait_link_up().await.unwrap();
            let mut next = tcp(&stack, 7).await;
            echo(next.split(), b"after").await;
        });
}

#[test]
fn with_too_little_time_for_a_stall_an_escape_fails_loudly() {
    let network = InProcess::new();
    serve(&network, 80, noise(54, 100_000));
    let bench = Bench::new()
        .baud(115_200)
        .config(|config: Config<'static>| {
            config.stall_time(embassy_time::Duration::from_millis(500))
        });
    small(bench, &network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect_transparent(peer(80)).await.unwrap();
        // The ring is full, and nobody reads.
        sleep(Duration::from_secs(5)).await;
        assert_eq!(connection.escape().await, Err(Error::Overrun));
        drop(connection);
        stack.wait_link_up().await.unwrap();
        let mut next = tcp(&stack, 80).await;
        assert_eq!(read_to_end(&mut next).await.unwrap().len(), 100_000);
    });
}

/// Datagrams come so often that one is half here whenever the runner looks at the clock.
#[test]
fn a_long_stream_of_datagrams_is_pushed() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    let bench = Bench::new().baud(115_200).chop(Chop::Bytes(64));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let pushing = stack.with_access_mode(AccessMode::DirectPush);
        let any = SocketAddr::new([0, 0, 0, 0].into(), 0);
        let (_, mut socket) = pushing.connect_from(any, peer(9)).await.unwrap();
        socket.send(b"here").await.unwrap();
        let (_, local) = outside.receive().await;
        let send = async {
            for number in 0..200 {
                outside.send(&noise(number, 1400), local);
                sleep(Duration::from_millis(130)).await;
            }
        };
        let receive = async {
            let mut buffer = [0; 1500];
            for number in 0..200 {
                let count = socket.receive_into(&mut buffer).await.unwrap();
                assert!(buffer[..count] == noise(number, 1400), "{number}");
            }
        };
        join(send, receive).await;
        assert_no_violation(&modem);
    });
}
