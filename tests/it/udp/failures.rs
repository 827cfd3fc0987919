//! UDP with a lost link, refused sends and receives, and dropped futures, on the virtual modem.

use core::time::Duration;
use embassy_time::with_timeout;
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::{Error, LinkError, UdpService, UdpSocket};
use testbench::{
    Bench, PEER, assert_no_violation, cancelled, excerpt, local_port, noise, peer, seconds, sleep,
};
use virtual_modem::{Chop, Fault, InProcess};

use super::{ANY, connect, udp_echo_network};

/// Whatever is dropped, nothing is lost that was sent, and every slot is free again.
#[test]
fn cancelled_at_every_poll() {
    let bench = Bench::new()
        .baud(115_200)
        .chop(Chop::Bytes(11))
        .settings(|settings| settings.latency(Duration::from_millis(3)));
    bench.run(&udp_echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..60 {
            let bound = cancelled(polls, stack.bind_single(ANY)).await;
            drop(bound);
            let connected = cancelled(polls, stack.connect_udp(peer(7))).await;
            if let Some(Ok(mut socket)) = connected {
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
        let mut socket = stack.connect_udp(peer(9)).await.unwrap();
        for number in 0..5 {
            socket.send(&[number; 300]).await.unwrap();
        }
        drop(socket);
        for number in 0..5 {
            assert_eq!(outside.receive().await.0, [number; 300]);
        }
        let mut socket = stack.connect_udp(peer(9)).await.unwrap();
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
    // Everything had been accepted before.
    assert_eq!(socket.flush().await, Ok(()));
}

#[test]
fn lost_link_fails_sockets_after_what_came_before() {
    let network = udp_echo_network();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for error in [LinkError::ContextLost, LinkError::Restarted] {
            let mut socket = connect(&stack).await;
            let (_, mut service) = stack.bind_single(local_port(4000)).await.unwrap();
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

/// Faults on the way out: each datagram arrives once, or not at all if the module refuses it.
#[test]
fn datagram_of_a_failing_send_arrives_once_at_most() {
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
            let mut socket = stack.connect_udp(peer(9)).await.unwrap();
            modem.inject(fault.clone());
            let mut dropped = 0;
            for number in 0..20_u8 {
                let bytes = noise(number.into(), 100 + usize::from(number));
                socket.send(&bytes).await.unwrap();
                socket.flush().await.unwrap();
                if stack.statistics().dropped_datagrams > dropped {
                    dropped += 1;
                } else {
                    assert!(outside.receive().await.0 == bytes, "{fault:?} {number}");
                }
            }
            let refused = matches!(fault, Fault::PromptError(_));
            assert_eq!(dropped, if refused { 2 } else { 0 }, "{fault:?}");
            assert_no_violation(&modem);
        });
    }
}

/// Faults on the way in: notices late, lost; reads that bring nothing.
#[test]
fn receive_beside_faults_returns_the_right_datagrams() {
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
        Bench::new().run(&udp_echo_network(), async |stack, modem| {
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
