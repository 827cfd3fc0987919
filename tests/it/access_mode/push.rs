//! Direct push access mode on the virtual modem.

use core::net::SocketAddr;
use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, LinkState};
use testbench::{
    Bench, PEER, assert_no_violation, echo, echo_network, excerpt, noise, peer, read_to_end, serve,
    sleep,
};
use virtual_modem::{Chop, InProcess};

use super::{foreign, hostile, small, tcp};

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
            assert_eq!(connection.access_mode(), Some(AccessMode::DirectPush));
            assert!(modem.commands()["QIRD"] < 10, "{:?}", modem.commands());
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_live_connection_is_switched_without_losing_a_byte() {
    for seed in 0..4 {
        let network = echo_network();
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
                    assert_eq!(connected.access_mode(), Some(mode));
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
