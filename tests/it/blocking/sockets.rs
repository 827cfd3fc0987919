//! Sockets through the traits of `embedded-nal`.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use embedded_nal::{
    AddrType, Dns, TcpClientStack, TcpError, TcpFullStack, UdpClientStack, UdpFullStack, nb,
};
use quectel_nal::at::{AccessMode, ErrorCode};
use quectel_nal::{Error, KeepAlive, LinkError, LinkState, SocketPhase};
use testbench::polled::{linger, patiently};
use testbench::{PEER, adversarial, assert_no_violation, excerpt, noise, peer, seconds, sleep};
use virtual_modem::{Chop, Fault};

use super::{WOULD_BLOCK, bench, connect, network, receive_all, send_all};

#[test]
fn get_over_http() {
    for chop in [Chop::Whole, Chop::Bytes(1)] {
        bench()
            .chop(chop)
            .run_blocking(&network(), async |stack, modem, _| {
                assert_eq!(stack.link_up(), Err(nb::Error::WouldBlock));
                assert_eq!(stack.link_state(), LinkState::Starting);
                patiently(|| stack.link_up()).await.unwrap();
                let mut tcp = stack.tcp();
                let mut socket = tcp.socket().unwrap();
                let lookup = || tcp.get_host_by_name("http.example", AddrType::IPv4);
                let address = patiently(lookup).await.unwrap();
                let remote = SocketAddr::new(address, 80);
                patiently(|| tcp.connect(&mut socket, remote))
                    .await
                    .unwrap();
                send_all(stack, &mut socket, b"GET / HTTP/1.0\r\n\r\n")
                    .await
                    .unwrap();
                let answer = receive_all(stack, &mut socket).await;
                assert!(answer.ends_with(&noise(1, 5000)), "the body differs");
                // Again and again.
                assert_eq!(
                    tcp.receive(&mut socket, &mut [0; 8]),
                    Err(nb::Error::Other(Error::Closed))
                );
                assert_eq!(tcp.receive(&mut socket, &mut []), Ok(0));
                let error = tcp.send(&mut socket, b"late").unwrap_err();
                assert_eq!(error, nb::Error::Other(Error::Closed));
                tcp.close(socket).unwrap();
                linger(stack, Duration::from_secs(1)).await;
                assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
                assert_no_violation(&modem);
            });
    }
}

#[test]
fn what_is_written_comes_back() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let mut socket = connect(stack, 7).await.unwrap();
        let bytes = noise(2, 20_000);
        let mut back = Vec::new();
        let mut sent = 0;
        let mut tcp = stack.tcp();
        while back.len() < bytes.len() {
            let rest = &bytes[sent..];
            if !rest.is_empty() {
                sent += tcp.send(&mut socket, rest).unwrap_or_default();
            }
            let mut buffer = [0; 300];
            match tcp.receive(&mut socket, &mut buffer) {
                Ok(count) => back.extend_from_slice(&buffer[..count]),
                Err(error) => assert_eq!(error, WOULD_BLOCK),
            }
            sleep(Duration::from_millis(1)).await;
        }
        assert!(back == bytes, "the echo differs");
        patiently(|| tcp.flush(&mut socket)).await.unwrap();
        assert_eq!(tcp.receive(&mut socket, &mut [0; 8]), Err(WOULD_BLOCK));
        assert_no_violation(&modem);
    });
}

/// What portable crates ask for, in one type each.
fn is_complete<T, U>(_: &T, _: &U)
where
    T: TcpFullStack<Error: TcpError> + Dns + Clone,
    U: UdpFullStack + Dns + Clone,
{
}

/// One connection at a time has the line; the next one gets it when that is closed.
#[test]
fn what_is_written_comes_back_in_transparent_mode() {
    let bench = bench().baud(115_200).mode(AccessMode::Transparent);
    bench.run_blocking(&network(), async |stack, modem, _| {
        let mut tcp = stack.tcp();
        for round in 0..3 {
            let mut socket = connect(stack, 7).await.unwrap();
            assert_eq!(stack.link_state(), LinkState::Occupied);
            let bytes = adversarial(3000 + round);
            let mut rest = &bytes[..];
            let mut back = vec![];
            let mut buffer = [0; 300];
            while back.len() < bytes.len() {
                match tcp.send(&mut socket, rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(nb::Error::WouldBlock) => {}
                    Err(nb::Error::Other(error)) => panic!("{error}"),
                }
                match tcp.receive(&mut socket, &mut buffer) {
                    Ok(count) => back.extend_from_slice(&buffer[..count]),
                    Err(nb::Error::WouldBlock) => sleep(Duration::from_millis(1)).await,
                    Err(nb::Error::Other(error)) => panic!("{error}"),
                }
            }
            assert!(back == bytes, "the echo differs");
            tcp.close(socket).unwrap();
            linger(stack, Duration::from_secs(10)).await;
            assert_eq!(stack.link_state(), LinkState::Up);
            assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        }
        assert_no_violation(&modem);
    });
}

#[test]
fn keep_alive_is_that_of_the_handle() {
    let keep_alive = KeepAlive::new(seconds(300), seconds(30), 3);
    let bench = bench().keep_alive(keep_alive);
    bench.run_blocking(&network(), async |stack, modem, _| {
        let _socket = connect(stack, 7).await.unwrap();
        let set = "AT+QICFG=\"tcp/keepalive\",1,5,30,3";
        let log = modem.log();
        assert!(
            log.iter().any(|entry| entry.text() == Some(set)),
            "{}",
            excerpt(&modem)
        );
        assert_no_violation(&modem);
    });
}

#[test]
fn both_handles_are_used_at_once() {
    bench().run_blocking(&network(), async |stack, _, _| {
        let (mut tcp, mut udp) = (stack.tcp(), stack.udp());
        is_complete(&tcp, &udp);
        let mut stream = tcp.socket().unwrap();
        let mut datagrams = udp.socket().unwrap();
        udp.connect(&mut datagrams, peer(7)).unwrap();
        patiently(|| tcp.connect(&mut stream, peer(7)))
            .await
            .unwrap();
        patiently(|| tcp.send(&mut stream, b"stream"))
            .await
            .unwrap();
        patiently(|| udp.send(&mut datagrams, b"datagram"))
            .await
            .unwrap();
        let mut buffer = [0; 100];
        let count = patiently(|| tcp.receive(&mut stream, &mut buffer)).await;
        assert_eq!(&buffer[..count.unwrap()], b"stream");
        let received = patiently(|| udp.receive(&mut datagrams, &mut buffer)).await;
        assert_eq!(received, Ok((8, peer(7))));
        assert_eq!(&buffer[..8], b"datagram");
    });
}

#[test]
fn sockets_say_what_they_are_and_need_no_copy() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let mut tcp = stack.tcp();
        let mut socket = tcp.socket().unwrap();
        assert_eq!((socket.state(), socket.recv_queue()), (None, None));
        assert!(!socket.may_send() && !socket.can_recv());
        patiently(|| tcp.connect(&mut socket, peer(7)))
            .await
            .unwrap();
        assert_eq!(socket.state(), Some(SocketPhase::Open));
        assert_eq!(socket.remote_addr(), Some(peer(7)));
        assert!(socket.connect_id().is_some() && socket.local_addr().is_some());
        assert!(socket.can_send() && socket.may_send() && socket.may_recv());
        let written = tcp.write_with(&mut socket, |room| {
            room[..3].copy_from_slice(b"abc");
            (3, room.len())
        });
        assert_eq!(written, Ok(2048));
        assert_eq!(socket.send_queue(), Some(3));
        assert_eq!(tcp.read_with(&mut socket, |_| (0, ())), Err(WOULD_BLOCK));
        while !socket.can_recv() {
            linger(stack, Duration::from_millis(100)).await;
        }
        let mut into = [0; 8];
        assert_eq!((socket.recv_queue(), socket.peek(&mut into)), (Some(3), 3));
        assert_eq!(&into[..3], b"abc");
        let read = tcp.read_with(&mut socket, |bytes| (2, bytes.to_vec()));
        assert_eq!(read, Ok(b"abc".to_vec()));
        assert_eq!(tcp.receive(&mut socket, &mut into), Ok(1));
        let mut udp = stack.udp();
        let mut datagrams = udp.socket().unwrap();
        udp.connect(&mut datagrams, peer(7)).unwrap();
        patiently(|| udp.send(&mut datagrams, b"datagram"))
            .await
            .unwrap();
        let read = || udp.receive_with(&mut datagrams, |bytes, _, peer| (bytes.to_vec(), peer));
        let received = patiently(read).await;
        assert_eq!(received, Ok((b"datagram".to_vec(), peer(7))));
        assert_no_violation(&modem);
    });
}

/// Of four slots.
#[test]
fn sockets_take_the_slots_of_their_handle() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        patiently(|| stack.link_up()).await.unwrap();
        let (mut tcp, mut udp) = (stack.tcp().with_slots(0..1), stack.udp().with_slots(1..2));
        let (mut stream, mut datagrams) = (tcp.socket().unwrap(), udp.socket().unwrap());
        patiently(|| tcp.connect(&mut stream, peer(7)))
            .await
            .unwrap();
        udp.connect(&mut datagrams, peer(7)).unwrap();
        let mut second = tcp.socket().unwrap();
        let error = tcp.connect(&mut second, peer(7)).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::NoFreeSocket));
        let mut third = udp.socket().unwrap();
        assert_eq!(udp.bind(&mut third, 5000), Err(Error::NoFreeSocket));
        let mut any = stack.tcp();
        patiently(|| any.connect(&mut second, peer(7)))
            .await
            .unwrap();
        assert_no_violation(&modem);
    });
}

#[test]
fn a_server_serves_one_after_the_other() {
    let network = network();
    bench().run_blocking(&network, async |stack, modem, _| {
        let mut tcp = stack.tcp();
        let mut listener = tcp.socket().unwrap();
        assert_eq!(tcp.listen(&mut listener), Err(Error::InvalidState));
        assert_eq!(tcp.bind(&mut listener, 0), Err(Error::InvalidPort));
        tcp.bind(&mut listener, 8080).unwrap();
        let error = tcp.accept(&mut listener).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidState));
        tcp.listen(&mut listener).unwrap();
        assert_eq!(tcp.accept(&mut listener).unwrap_err(), WOULD_BLOCK);
        while network.listening().is_empty() {
            linger(stack, Duration::from_millis(10)).await;
        }
        for round in 0..8_u8 {
            let mut client = network.connect(PEER, 8080).await.unwrap();
            // It need not wait for the accept.
            embedded_io_async::Write::write_all(&mut client, &[round; 3])
                .await
                .unwrap();
            let (mut connection, from) = patiently(|| tcp.accept(&mut listener)).await.unwrap();
            assert_eq!(from.ip(), PEER.parse::<IpAddr>().unwrap());
            let mut buffer = [0; 3];
            let count = patiently(|| tcp.receive(&mut connection, &mut buffer)).await;
            assert_eq!(count, Ok(3));
            assert_eq!(buffer, [round; 3]);
            send_all(stack, &mut connection, b"bye").await.unwrap();
            tcp.close(connection).unwrap();
            linger(stack, Duration::from_secs(1)).await;
            assert_eq!(client.read_to_end().await.unwrap(), b"bye");
        }
        let error = tcp.connect(&mut listener, peer(7)).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidState));
        tcp.close(listener).unwrap();
        linger(stack, Duration::from_secs(2)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}

/// A listener that fails is bound as before, and can listen again.
#[test]
fn a_listener_can_listen_again() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let mut tcp = stack.tcp();
        let mut listener = tcp.socket().unwrap();
        tcp.bind(&mut listener, 8080).unwrap();
        modem.inject(Fault::RefuseOpen {
            code: 556,
            count: 1,
        });
        tcp.listen(&mut listener).unwrap();
        let error = patiently(|| tcp.accept(&mut listener)).await.unwrap_err();
        assert!(matches!(error, Error::Module(_)), "{error}");
        tcp.listen(&mut listener).unwrap();
        linger(stack, Duration::from_secs(5)).await;
        assert_eq!(tcp.accept(&mut listener).unwrap_err(), WOULD_BLOCK);
    });
}

#[test]
fn udp_with_one_peer_and_with_many() {
    let network = network();
    let mut other = network.udp_socket("192.0.2.9", 99);
    bench().run_blocking(&network, async |stack, modem, _| {
        let mut udp = stack.udp();
        let mut buffer = [0; 100];

        let mut socket = udp.socket().unwrap();
        let error = udp.send(&mut socket, b"to whom").unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidState));
        let error = udp.receive(&mut socket, &mut buffer).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidState));
        udp.connect(&mut socket, peer(7)).unwrap();
        assert_eq!(udp.send(&mut socket, b"early"), Err(WOULD_BLOCK));
        assert_eq!(udp.bind(&mut socket, 5000), Err(Error::InvalidState));
        for length in [1, 50, 100] {
            patiently(|| udp.send(&mut socket, &noise(3, length)))
                .await
                .unwrap();
            let received = patiently(|| udp.receive(&mut socket, &mut buffer)).await;
            assert_eq!(received, Ok((length, peer(7))));
            assert_eq!(buffer[..length], noise(3, length));
        }
        // The rest of a longer one is lost.
        patiently(|| udp.send(&mut socket, &[9; 500]))
            .await
            .unwrap();
        let received = patiently(|| udp.receive(&mut socket, &mut buffer)).await;
        assert_eq!(received, Ok((100, peer(7))));
        let error = udp.send(&mut socket, &[0; 1461]).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidLength { max: 1460 }));
        let error = udp.send_to(&mut socket, peer(8), b"x").unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidAddress));
        patiently(|| udp.send_to(&mut socket, peer(7), b"x"))
            .await
            .unwrap();
        udp.close(socket).unwrap();

        let mut service = udp.socket().unwrap();
        udp.bind(&mut service, 5683).unwrap();
        linger(stack, Duration::from_secs(5)).await;
        other.send_to_port(b"from elsewhere", 5683);
        let received = patiently(|| udp.receive(&mut service, &mut buffer)).await;
        assert_eq!(received, Ok((14, other.address())));
        patiently(|| udp.send_to(&mut service, peer(7), b"one"))
            .await
            .unwrap();
        // To where the last one went.
        patiently(|| udp.send(&mut service, b"two")).await.unwrap();
        for expected in [b"one", b"two"] {
            let received = patiently(|| udp.receive(&mut service, &mut buffer)).await;
            assert_eq!(received, Ok((3, peer(7))));
            assert_eq!(&buffer[..3], expected);
        }
        drop(service);

        // Some port will do.
        let mut anywhere = udp.socket().unwrap();
        patiently(|| udp.send_to(&mut anywhere, peer(7), b"three"))
            .await
            .unwrap();
        let received = patiently(|| udp.receive(&mut anywhere, &mut buffer)).await;
        assert_eq!(received, Ok((5, peer(7))));
        drop(anywhere);
        linger(stack, Duration::from_secs(5)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}

/// A local port that is taken is an error if it was asked for, and another one is tried otherwise.
#[test]
fn taken_ports() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let mut udp = stack.udp();
        patiently(|| stack.link_up()).await.unwrap();
        modem.inject(Fault::RefuseOpen {
            code: 556,
            count: 2,
        });
        let mut socket = udp.socket().unwrap();
        udp.connect(&mut socket, peer(7)).unwrap();
        let sent = patiently(|| udp.send(&mut socket, b"hello")).await;
        assert_eq!(sent, Ok(()), "{}", excerpt(&modem));
        modem.inject(Fault::RefuseOpen {
            code: 556,
            count: 1,
        });
        let mut socket = udp.socket().unwrap();
        udp.bind(&mut socket, 5000).unwrap();
        let error = patiently(|| udp.receive(&mut socket, &mut [0; 9])).await;
        assert_eq!(error, Err(Error::Module(ErrorCode::BIND)));
        // And it can be bound elsewhere.
        udp.bind(&mut socket, 5001).unwrap();
        let sent = patiently(|| udp.send_to(&mut socket, peer(7), b"hello")).await;
        assert_eq!(sent, Ok(()));
    });
}

#[test]
fn names_are_looked_up_in_turn() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let (mut tcp, mut udp) = (stack.tcp(), stack.udp());
        let literal = tcp.get_host_by_name("192.0.2.1", AddrType::Either);
        assert_eq!(literal, Ok("192.0.2.1".parse().unwrap()));
        let error = tcp.get_host_by_name("no\"name", AddrType::Either);
        assert!(matches!(
            error,
            Err(nb::Error::Other(Error::InvalidName(_)))
        ));
        let error = tcp.get_host_by_address("192.0.2.1".parse().unwrap(), &mut [0; 255]);
        assert_eq!(error, Err(nb::Error::Other(Error::Unsupported)));

        let (mut first, mut second) = (None, None);
        while first.is_none() || second.is_none() {
            if first.is_none() {
                first = tcp.get_host_by_name("http.example", AddrType::IPv4).ok();
            }
            if second.is_none() {
                second = udp.get_host_by_name("other.example", AddrType::IPv4).ok();
            }
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(first, Some(PEER.parse().unwrap()));
        assert_eq!(second, Some("192.0.2.9".parse().unwrap()));
        assert_eq!(modem.commands()["QIDNSGIP"], 2);

        let lookup = || tcp.get_host_by_name("http.example", AddrType::IPv6);
        assert_eq!(patiently(lookup).await, Err(Error::NameNotFound));
        let lookup = || tcp.get_host_by_name("nowhere.example", AddrType::Either);
        assert_eq!(patiently(lookup).await, Err(Error::NameNotFound));

        // One who gives up stands in nobody's way.
        let error = tcp.get_host_by_name("http.example", AddrType::IPv4);
        assert_eq!(error, Err(WOULD_BLOCK));
        let lookup = || udp.get_host_by_name("other.example", AddrType::IPv4);
        assert!(patiently(lookup).await.is_ok());
        assert_no_violation(&modem);
    });
}

#[test]
fn errors_say_why() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        let mut tcp = stack.tcp();
        let mut socket = tcp.socket().unwrap();
        let unconnected = nb::Error::Other(Error::InvalidState);
        assert_eq!(tcp.send(&mut socket, b"x"), Err(unconnected));
        assert_eq!(tcp.receive(&mut socket, &mut [0]), Err(unconnected));
        let nobody = "0.0.0.0:7".parse().unwrap();
        let error = tcp.connect(&mut socket, nobody).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidAddress));
        let error = tcp.connect(&mut socket, peer(0)).unwrap_err();
        assert_eq!(error, nb::Error::Other(Error::InvalidPort));
        let refused = patiently(|| tcp.connect(&mut socket, peer(1))).await;
        assert_eq!(refused, Err(Error::ConnectionRefused));
        // The same socket, elsewhere and again.
        patiently(|| tcp.connect(&mut socket, peer(7)))
            .await
            .unwrap();
        assert_eq!(tcp.connect(&mut socket, peer(7)), Ok(()));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(connect(stack, 7).await.unwrap());
        }
        let error = connect(stack, 7).await.unwrap_err();
        assert_eq!(error, Error::NoFreeSocket);
        drop(held);

        modem.pdpdeact(1);
        let lost = patiently(|| tcp.receive(&mut socket, &mut [0])).await;
        assert_eq!(lost, Err(Error::Link(LinkError::ContextLost)));
        patiently(|| stack.link_up()).await.unwrap();
        patiently(|| tcp.connect(&mut socket, peer(7)))
            .await
            .unwrap();
        patiently(|| tcp.send(&mut socket, b"again")).await.unwrap();
        assert_no_violation(&modem);
    });
}

#[test]
fn dropping_and_closing_free_the_connect_id() {
    bench().run_blocking(&network(), async |stack, modem, _| {
        for round in 0..40 {
            let mut socket = connect(stack, 7).await.unwrap();
            send_all(stack, &mut socket, &noise(5, round))
                .await
                .unwrap();
            if round % 2 == 0 {
                stack.tcp().close(socket).unwrap();
            }
        }
        // Given up on its way.
        let mut tcp = stack.tcp();
        let mut socket = tcp.socket().unwrap();
        for _ in 0..50 {
            assert_eq!(tcp.connect(&mut socket, peer(2)), Err(WOULD_BLOCK));
            sleep(Duration::from_millis(1)).await;
        }
        drop(socket);
        linger(stack, Duration::from_secs(20)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}
