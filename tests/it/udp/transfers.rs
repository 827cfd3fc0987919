//! Datagrams both ways, on the virtual modem.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use embassy_time::with_timeout;
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::Error;
use quectel_nal::at::{ContextId, ContextType, ErrorCode};
use std::sync::{Arc, Mutex};
use testbench::{
    Bench, PEER, assert_no_violation, excerpt, local_port, noise, peer, seconds, sleep,
};
use virtual_modem::{Chop, Fault, InProcess};

use super::{ANY, connect, datagram, udp_echo_network};

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
            let mut socket = stack.connect_udp(peer(9)).await.unwrap();
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
            let (local, mut socket) = stack.bind_single(local_port(4000)).await.unwrap();
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
    Bench::new().run(&udp_echo_network(), async |stack, modem| {
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
    Bench::new().run(&udp_echo_network(), async |stack, modem| {
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
        let sent = service.send(local, local_port(7), b"x").await;
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

/// A scope means nothing to the module: an address with one is refused, not shortened.
#[test]
fn addresses_with_a_scope_are_refused() {
    Bench::new().run(&udp_echo_network(), async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let scoped = "[fe80::1%1]:7".parse().unwrap();
        let refused = Some(Error::InvalidAddress);
        assert_eq!(
            embedded_nal_async::TcpConnect::connect(&stack, scoped)
                .await
                .err(),
            refused
        );
        assert_eq!(stack.connect(scoped).await.err(), refused);
        assert_eq!(stack.connect_from(scoped, peer(7)).await.err(), refused);
        assert_eq!(stack.bind_single(scoped).await.err(), refused);
        assert_eq!(stack.bind_multiple(scoped).await.err(), refused);
        let any = "[::%1]:7".parse().unwrap();
        assert_eq!(stack.bind_single(any).await.err(), refused);
        let (local, mut service) = stack.bind_single(ANY).await.unwrap();
        assert_eq!(service.send(local, scoped, b"x").await.err(), refused);
    });
}

#[test]
fn local_addresses_are_those_of_the_link() {
    let other = "[2001:db8::99]:0".parse().unwrap();
    let any = "[::]:0".parse().unwrap();
    Bench::new().run(&udp_echo_network(), async |stack, _| {
        // Also before the addresses are known.
        for _ in 0..2 {
            let bound = stack.bind_single(other).await;
            assert_eq!(bound.err(), Some(Error::InvalidAddress));
        }
        let (local, _service) = stack.bind_single(any).await.unwrap();
        assert_eq!(local.ip(), "10.0.0.2".parse::<IpAddr>().unwrap());
    });
    dual_stack().run(&udp_echo_network(), async |stack, _| {
        let bound = stack.bind_single(other).await;
        assert_eq!(bound.err(), Some(Error::InvalidAddress));
        for (asked, expected) in [
            (any, "2001:db8::2"),
            (ANY, "10.0.0.2"),
            ("[2001:db8::2]:0".parse().unwrap(), "2001:db8::2"),
        ] {
            let (local, _service) = stack.bind_single(asked).await.unwrap();
            assert_eq!(local.ip(), expected.parse::<IpAddr>().unwrap());
        }
    });
}

/// What is too large for the ring is dropped whole and counted; what fits is not lost.
#[test]
fn datagrams_larger_than_the_ring_are_dropped_and_counted() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run_with::<_, 2, 200, 100>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (local, mut service) = stack.bind_single(local_port(4000)).await.unwrap();
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
        let mut socket = stack.connect_udp(peer(9)).await.unwrap();
        assert!(matches!(
            socket.send(b"x").await,
            Err(Error::InvalidLength { .. })
        ));
    });
}

#[test]
fn port_zero_gets_a_free_port() {
    Bench::new().run(&udp_echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (first, one) = stack.bind_single(ANY).await.unwrap();
        let (second, two) = UdpStack::connect(&stack, peer(7)).await.unwrap();
        assert_ne!(first.port(), second.port());
        assert!(first.port() >= 49_152 && second.port() >= 49_152);
        let taken = stack
            .bind_single(local_port(first.port()))
            .await
            .unwrap_err();
        assert_eq!(taken, Error::Module(ErrorCode::BIND));
        drop((one, two));
        // The port that would be next is taken by somebody else.
        let next = second.port() + 1;
        let _blocker = stack.bind_multiple(local_port(next)).await.unwrap();
        let (third, _three) = stack.bind_single(ANY).await.unwrap();
        assert!(third.port() > next);
        assert_no_violation(&modem);
    });
}

fn dual_stack() -> Bench {
    Bench::new()
        .settings(|settings| {
            let addresses = ["10.0.0.2", "2001:db8::2"].map(|own| own.parse().unwrap());
            settings.addresses(1, &addresses)
        })
        .config(|config| config.context(ContextId::FIRST, ContextType::Ipv4v6))
}

#[test]
fn service_with_several_peers_tells_them_apart() {
    let network = InProcess::new();
    for peer in 1..=5 {
        network.udp_echo([192, 0, 2, peer], 1000 + u16::from(peer));
    }
    network.udp_echo("2001:db8::7", 7);
    dual_stack().run(&network, async |stack, modem| {
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
        let (local, mut socket) = UdpStack::connect(&stack, peers[5]).await.unwrap();
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
fn connected_socket_gets_nothing_from_strangers() {
    let network = udp_echo_network();
    let mut stranger = network.udp_socket("192.0.2.66", 6);
    Bench::new().run(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (local, mut socket) = UdpStack::connect(&stack, peer(7)).await.unwrap();
        stranger.send_to_port(b"me", local.port());
        sleep(Duration::from_secs(1)).await;
        socket.send(b"you").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.receive_into(&mut buffer).await, Ok(3));
        assert_eq!(&buffer[..3], b"you");
    });
}
