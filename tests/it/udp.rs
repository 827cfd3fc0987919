//! UDP over the virtual modem, under virtual time.

use core::net::SocketAddr;
use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::{Instant, with_timeout};
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::at::{ContextId, ContextType, ErrorCode};
use quectel_nal::{Config, Error, LinkError, Stack, UdpService, UdpSocket};
use std::sync::{Arc, Mutex};
use testbench::{
    Bench, PEER, adversarial, assert_no_violation, cancelled, excerpt, noise, peer, sleep,
};
use virtual_modem::{Chop, Fault, InProcess};

const ANY: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), 0);

fn port(port: u16) -> SocketAddr {
    SocketAddr::new(ANY.ip(), port)
}

fn seconds(seconds: u64) -> embassy_time::Duration {
    embassy_time::Duration::from_secs(seconds)
}

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

fn echo_network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(5));
    network.udp_echo(PEER, 7);
    network
}

async fn connect<'d>(stack: &Stack<'d>) -> UdpSocket<'d> {
    stack.connect(peer(7)).await.unwrap().1
}

/// A peer that counts what it gets, checks it, and sends what it is told to.
fn counting_peer(network: &InProcess, count: u64, least: usize) -> Arc<Mutex<u64>> {
    let right = Arc::new(Mutex::new(0));
    let seen = right.clone();
    network.udp(PEER, 9, move |mut socket| async move {
        for number in 0..count {
            let (bytes, from) = socket.receive().await;
            assert!(bytes == datagram(number, 1), "datagram {number} is another");
            *seen.lock().unwrap() += 1;
            // The same number comes back, in another size.
            socket.send(&datagram(number + 1_000_000, least), from);
        }
    });
    right
}

#[test]
fn ten_thousand_datagrams_of_a_connected_socket() {
    const COUNT: u64 = 10_000;
    for (chop, urcs) in [(Chop::Whole, 0.0), (Chop::Random { seed: 2, max: 90 }, 0.3)] {
        let network = InProcess::new();
        let right = counting_peer(&network, COUNT, 1);
        Bench::new().chop(chop).run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::ForeignUrcs {
                probability: urcs,
                seed: 7,
            });
            let (_, mut socket) = stack.connect(peer(9)).await.unwrap();
            let mut buffer = [0; 1500];
            // Some at once, so that they queue in the module and in the rings, but not more than those hold.
            for start in (0..COUNT).step_by(4) {
                for number in start..start + 4 {
                    socket.send(&datagram(number, 1)).await.unwrap();
                }
                for number in start..start + 4 {
                    let count = with_timeout(seconds(60), socket.receive_into(&mut buffer))
                        .await
                        .unwrap_or_else(|_| panic!("{number} is missing\n{}", excerpt(&modem)))
                        .unwrap();
                    assert!(
                        buffer[..count] == datagram(number + 1_000_000, 1),
                        "answer {number} is another"
                    );
                }
            }
            assert_eq!(*right.lock().unwrap(), COUNT);
            assert_eq!(stack.statistics().dropped_datagrams, 0);
            assert_eq!(stack.statistics().dropped_bytes, 0);
            socket.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn ten_thousand_datagrams_of_a_service() {
    const COUNT: u64 = 10_000;
    for (chop, urcs) in [
        (Chop::Bytes(300), 0.0),
        (Chop::Random { seed: 3, max: 90 }, 0.3),
    ] {
        let network = InProcess::new();
        // Empty ones come, too.
        let right = counting_peer(&network, COUNT, 0);
        Bench::new().chop(chop).run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::ForeignUrcs {
                probability: urcs,
                seed: 8,
            });
            let (local, mut socket) = stack.bind_single(port(4000)).await.unwrap();
            let mut buffer = [0; 1500];
            let mut empty = 0;
            for start in (0..COUNT).step_by(4) {
                for number in start..start + 4 {
                    let sent = socket.send(local, peer(9), &datagram(number, 1)).await;
                    sent.unwrap();
                }
                for number in start..start + 4 {
                    let (count, to, from) =
                        with_timeout(seconds(60), socket.receive_into(&mut buffer))
                            .await
                            .unwrap_or_else(|_| panic!("{number} is missing\n{}", excerpt(&modem)))
                            .unwrap();
                    assert!(
                        buffer[..count] == datagram(number + 1_000_000, 0),
                        "answer {number} is another"
                    );
                    assert_eq!((to, from), (local, peer(9)));
                    empty += u32::from(count == 0);
                }
            }
            assert!(empty > 100);
            assert_eq!(*right.lock().unwrap(), COUNT);
            assert_eq!(stack.statistics().dropped_datagrams, 0);
            socket.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn truncation_is_told_by_the_full_length() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut socket = connect(&stack).await;
        let (local, mut service) = stack.bind_single(ANY).await.unwrap();
        for length in [1, 4, 5, 1460] {
            let mut buffer = [0; 4];
            socket.send(&noise(1, length)).await.unwrap();
            assert_eq!(socket.receive_into(&mut buffer).await, Ok(length));
            let kept = length.min(4);
            assert_eq!(buffer[..kept], noise(1, length)[..kept]);
            service
                .send(local, peer(7), &noise(2, length))
                .await
                .unwrap();
            let received = service.receive_into(&mut buffer).await;
            assert_eq!(received, Ok((length, local, peer(7))));
            assert_eq!(buffer[..kept], noise(2, length)[..kept]);
            // What did not fit is gone, and not the next datagram.
            let mut nothing = [0; 0];
            socket.send(b"x").await.unwrap();
            assert_eq!(socket.receive_into(&mut nothing).await, Ok(1));
        }
        assert_no_violation(&modem);
    });
}

#[test]
fn what_cannot_be_sent_is_refused() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut socket = connect(&stack).await;
        let (local, mut service) = stack.bind_single(ANY).await.unwrap();
        modem.reset_counts();
        for bytes in [&[][..], &[0; 1461], &[0; 5000]] {
            let wrong = Err(Error::InvalidLength { max: 1460 });
            assert_eq!(socket.send(bytes).await, wrong);
            assert_eq!(service.send(local, peer(7), bytes).await, wrong);
        }
        let sent = service.send(local, peer(0), b"x").await;
        assert_eq!(sent, Err(Error::InvalidPort));
        let sent = service.send(local, port(7), b"x").await;
        assert_eq!(sent, Err(Error::InvalidAddress));
        assert_eq!(
            stack.connect(peer(0)).await.unwrap_err(),
            Error::InvalidPort
        );
        let other = "192.0.2.200:5000".parse().unwrap();
        let error = stack.bind_single(other).await.unwrap_err();
        assert_eq!(error, Error::InvalidAddress);
        let error = stack.connect_from(other, peer(7)).await.unwrap_err();
        assert_eq!(error, Error::InvalidAddress);
        assert!(modem.commands().is_empty());
        // One's own is right.
        let own = "10.0.0.2:5000".parse().unwrap();
        let (bound, _service) = stack.bind_single(own).await.unwrap();
        assert_eq!(bound, own);
        socket.send(b"still there").await.unwrap();
        assert_eq!(socket.receive_into(&mut [0; 20]).await, Ok(11));
        assert_no_violation(&modem);
    });
}

/// What is too large for the ring is dropped whole and counted; what fits is not lost.
#[test]
fn small_rings() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run_with::<_, 2, 200, 100>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (local, mut service) = stack.bind_single(port(4000)).await.unwrap();
        let lengths = [100, 179, 180, 1, 0, 1460, 50, 50, 179, 1000, 3];
        for length in lengths {
            outside.send_to_port(&noise(length as u64, length), 4000);
        }
        sleep(Duration::from_secs(1)).await;
        let mut buffer = [0; 1500];
        for length in lengths.into_iter().filter(|length| *length <= 179) {
            let received = with_timeout(seconds(20), service.receive_into(&mut buffer));
            let (count, ..) = received.await.unwrap().unwrap();
            assert_eq!(count, length, "{}", excerpt(&modem));
            assert!(buffer[..count] == noise(length as u64, length));
        }
        assert_eq!(stack.statistics().dropped_datagrams, 3);
        let wrong = Err(Error::InvalidLength { max: 79 });
        assert_eq!(service.send(local, peer(9), &[0; 80]).await, wrong);
        for number in 0..20 {
            service.send(local, peer(9), &[number; 79]).await.unwrap();
        }
        service.flush().await.unwrap();
        for number in 0..20 {
            assert_eq!(outside.receive().await.0, [number; 79]);
        }
        assert_no_violation(&modem);
    });
    // So small that nothing can be sent.
    Bench::new().run_with::<_, 1, 21, 21>(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (_, mut socket) = stack.connect(peer(9)).await.unwrap();
        assert!(matches!(
            socket.send(b"x").await,
            Err(Error::InvalidLength { .. })
        ));
    });
}

#[test]
fn local_ports() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (first, one) = stack.bind_single(ANY).await.unwrap();
        let (second, two) = stack.connect(peer(7)).await.unwrap();
        assert_ne!(first.port(), second.port());
        assert!(first.port() >= 49_152 && second.port() >= 49_152);
        let taken = stack.bind_single(port(first.port())).await.unwrap_err();
        assert_eq!(taken, Error::Module(ErrorCode::BIND));
        drop((one, two));
        // The port that would be next is taken by somebody else.
        let next = second.port() + 1;
        let _blocker = stack.bind_multiple(port(next)).await.unwrap();
        let (third, _three) = stack.bind_single(ANY).await.unwrap();
        assert!(third.port() > next);
        assert_no_violation(&modem);
    });
}

#[test]
fn several_peers() {
    let network = InProcess::new();
    for peer in 1..=5 {
        network.udp_echo([192, 0, 2, peer], 1000 + u16::from(peer));
    }
    network.udp_echo("2001:db8::7", 7);
    let bench = Bench::new()
        .settings(|settings| {
            settings.addresses(
                1,
                &["10.0.0.2".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            )
        })
        .config(|config| config.context(ContextId::FIRST, ContextType::Ipv4v6));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (local, mut service) = stack.bind_single(ANY).await.unwrap();
        let mut buffer = [0; 64];
        let mut peers: Vec<SocketAddr> = (1..=5)
            .map(|peer| SocketAddr::from(([192, 0, 2, peer], 1000 + u16::from(peer))))
            .collect();
        peers.push("[2001:db8::7]:7".parse().unwrap());
        for peer in &peers {
            service
                .send(local, *peer, peer.to_string().as_bytes())
                .await
                .unwrap();
        }
        for peer in &peers {
            let (count, to, from) = service.receive_into(&mut buffer).await.unwrap();
            assert_eq!(from, *peer);
            assert_eq!(to.is_ipv6(), peer.is_ipv6(), "{to}");
            assert_eq!(&buffer[..count], peer.to_string().as_bytes());
        }
        let (local, mut socket) = stack.connect(peers[5]).await.unwrap();
        assert_eq!(
            local.ip(),
            "2001:db8::2".parse::<core::net::IpAddr>().unwrap()
        );
        socket.send(b"six").await.unwrap();
        assert_eq!(socket.receive_into(&mut buffer).await, Ok(3));
        assert_no_violation(&modem);
    });
}

/// A connected socket hears nobody else.
#[test]
fn one_peer_only() {
    let network = echo_network();
    let mut stranger = network.udp_socket("192.0.2.66", 6);
    Bench::new().run(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (local, mut socket) = stack.connect(peer(7)).await.unwrap();
        stranger.send_to_port(b"me", local.port());
        sleep(Duration::from_secs(1)).await;
        socket.send(b"you").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.receive_into(&mut buffer).await, Ok(3));
        assert_eq!(&buffer[..3], b"you");
    });
}

/// Whatever is dropped, nothing is lost that was sent, and every slot is free again.
#[test]
fn cancelled_at_every_poll() {
    let bench = Bench::new()
        .baud(115_200)
        .chop(Chop::Bytes(11))
        .settings(|settings| settings.latency(Duration::from_millis(3)));
    bench.run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..60 {
            let bound = cancelled(polls, stack.bind_single(ANY)).await;
            drop(bound);
            let connected = cancelled(polls, stack.connect(peer(7))).await;
            if let Some(Ok((_, mut socket))) = connected {
                let sent = cancelled(polls % 7, socket.send(&[1; 200])).await;
                assert!(matches!(sent, None | Some(Ok(()))));
                cancelled(polls % 11, socket.flush()).await;
                if sent.is_some() {
                    let mut buffer = [0; 300];
                    let mut idle = 0;
                    loop {
                        match cancelled(1, socket.receive_into(&mut buffer)).await {
                            Some(count) => break assert_eq!(count, Ok(200)),
                            None => sleep(Duration::from_millis(1)).await,
                        }
                        idle += 1;
                        assert!(idle < 10_000, "{}", excerpt(&modem));
                    }
                }
                cancelled(polls, socket.close()).await;
            }
        }
        sleep(Duration::from_secs(30)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        // Dropped with something still to be sent.
        for _ in 0..8 {
            let mut socket = connect(&stack).await;
            socket.send(&[2; 100]).await.unwrap();
            drop(socket);
        }
        sleep(Duration::from_secs(30)).await;
        assert!(modem.sockets().is_empty());
        assert_no_violation(&modem);
    });
}

#[test]
fn a_dropped_socket_sends_what_it_was_given() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (_, mut socket) = stack.connect(peer(9)).await.unwrap();
        for number in 0..5 {
            socket.send(&[number; 300]).await.unwrap();
        }
        drop(socket);
        for number in 0..5 {
            assert_eq!(outside.receive().await.0, [number; 300]);
        }
        let (_, mut socket) = stack.connect(peer(9)).await.unwrap();
        socket.send(b"one").await.unwrap();
        socket.close().await.unwrap();
        assert_eq!(outside.receive().await.0, b"one");
    });
}

async fn ends(socket: &mut UdpSocket<'_>, service: &mut UdpService<'_>, error: Error) {
    let mut buffer = [0; 8];
    let received = with_timeout(seconds(5), socket.receive_into(&mut buffer)).await;
    assert_eq!(received.expect("it waits"), Err(error));
    let received = with_timeout(seconds(5), service.receive_into(&mut buffer)).await;
    assert_eq!(received.expect("it waits").unwrap_err(), error);
    assert_eq!(socket.send(b"x").await, Err(error));
    assert_eq!(service.send(ANY, peer(7), b"x").await, Err(error));
    assert_eq!(socket.flush().await, Err(error));
}

#[test]
fn link_loss() {
    let network = echo_network();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for error in [LinkError::ContextLost, LinkError::Restarted] {
            let mut socket = connect(&stack).await;
            let (_, mut service) = stack.bind_single(port(4000)).await.unwrap();
            outside.send_to_port(b"before", 4000);
            sleep(Duration::from_secs(1)).await;
            match error {
                LinkError::ContextLost => modem.pdpdeact(1),
                _ => modem.restart(),
            }
            // What came before can still be taken.
            let mut buffer = [0; 8];
            let received = with_timeout(seconds(60), socket.receive_into(&mut buffer)).await;
            assert_eq!(received.expect("it waits"), Err(Error::Link(error)));
            assert_eq!(service.receive_into(&mut buffer).await.unwrap().0, 6);
            ends(&mut socket, &mut service, Error::Link(error)).await;
            drop((socket, service));
            while stack.wait_link_up().await.is_err() {}
            let mut socket = connect(&stack).await;
            socket.send(b"again").await.unwrap();
            assert_eq!(socket.receive_into(&mut buffer).await, Ok(5));
        }
    });
}

/// Faults on the way out: each datagram arrives once, or at most once more where the module does not know.
#[test]
fn failing_sends() {
    for fault in [
        Fault::SendFail {
            count: 3,
            taken: false,
        },
        Fault::SendFail {
            count: 3,
            taken: true,
        },
        Fault::SendFailRate {
            probability: 0.4,
            taken: false,
        },
        Fault::SendFailRate {
            probability: 0.4,
            taken: true,
        },
        Fault::PromptError(2),
        Fault::LateSendOk(Duration::from_secs(5)),
    ] {
        let network = InProcess::new();
        let mut outside = network.udp_socket(PEER, 9);
        Bench::new().run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let (_, mut socket) = stack.connect(peer(9)).await.unwrap();
            modem.inject(fault.clone());
            for number in 0..20_u8 {
                let bytes = noise(number.into(), 100 + usize::from(number));
                socket.send(&bytes).await.unwrap();
                socket.flush().await.unwrap();
                assert!(outside.receive().await.0 == bytes, "{fault:?} {number}");
            }
            assert_no_violation(&modem);
        });
    }
}

/// Faults on the way in: notices late, lost; reads that bring nothing.
#[test]
fn failing_receives() {
    for fault in [
        Fault::LateRecv(Duration::from_millis(700)),
        Fault::LostRecv(3),
        Fault::ReadLoss(1),
        Fault::Reading("notice_has_length".into()),
        Fault::Reading("read_ends_with_blank_line".into()),
        Fault::Reading("lines_have_own_line_end".into()),
        Fault::Reading("datagram_rest_is_lost".into()),
        Fault::CmeErrors { text: false },
    ] {
        Bench::new().run(&echo_network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut socket = connect(&stack).await;
            modem.inject(fault.clone());
            let mut lost = 0;
            let mut buffer = [0; 1500];
            for number in 0..10_u64 {
                let bytes = noise(number, 500);
                socket.send(&bytes).await.unwrap();
                let received = with_timeout(seconds(30), socket.receive_into(&mut buffer));
                match received.await {
                    Ok(count) => assert!(buffer[..count.unwrap()] == bytes, "{fault:?}"),
                    Err(_) => lost += 1,
                }
            }
            let expected = u32::from(matches!(fault, Fault::ReadLoss(_)));
            assert_eq!(lost, expected, "{fault:?}");
            assert_no_violation(&modem);
        });
    }
}

/// The module hands over a length and nothing behind it: the datagram is dropped, counted, and the next one is whole.
#[test]
fn a_datagram_that_ends_early() {
    testbench::dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0", "OK")
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (service, ()) = join(stack.bind_multiple(port(3030)), open).await;
        let mut service = service.unwrap();
        let play = async {
            module.line("+QIURC: \"recv\",0").await;
            module.expect("AT+QIRD=0").await;
            module.say("\r\n+QIRD: 8,\"10.7.76.34\",7687\r\nhalf").await;
            // Nothing more comes.
            module.exchange("AT", "OK").await;
            module.exchange("AT", "OK").await;
            module
                .exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
                .await;
            module.expect("AT+QIRD=0").await;
            // One without a sender is of no use to anybody.
            module.say("\r\n+QIRD: 3\r\nwho\r\n\r\nOK\r\n").await;
            module.expect("AT+QIRD=0").await;
            module
                .say("\r\n+QIRD: 5,\"10.7.76.34\",7687\r\nwhole\r\n\r\nOK\r\n")
                .await;
        };
        let mut buffer = [0; 16];
        let start = Instant::now();
        let (received, ()) = join(service.receive_into(&mut buffer), play).await;
        assert_eq!(&buffer[..received.unwrap().0], b"whole");
        assert!(start.elapsed().as_secs() < 15);
        assert_eq!(stack.statistics().dropped_datagrams, 2);
    });
}
