//! Calls that return at once, and those that give the bytes where they lie in the ring.

use core::time::Duration;

use embassy_futures::join::join;
use embedded_nal_async::{ConnectedUdp, UnconnectedUdp};
use quectel_nal::{Error, LinkError, SocketPhase};
use testbench::{
    Bench, PEER, address, assert_no_violation, cancelled, local_port, noise, peer, sleep,
};
use virtual_modem::InProcess;

use super::{connect, udp_echo_network};

/// A ring of 100 bytes holds three datagrams of 10 bytes with their headers of 21.
#[test]
fn a_socket_with_one_peer_sends_and_receives_at_once() {
    Bench::new().run_with::<_, 2, 200, 100>(&udp_echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut socket = connect(&stack).await;
        let mut buffer = [0; 10];
        assert_eq!(socket.try_receive_into(&mut buffer), Ok(None));
        assert_eq!(
            socket.recv(|_, _, _| unreachable!("nothing is there")),
            Ok::<Option<()>, _>(None)
        );
        for number in 0..3 {
            assert_eq!(socket.try_send(&[number; 10]), Ok(Some(())));
        }
        assert_eq!(socket.send_queue(), Some(93));
        assert_eq!(socket.try_send(&[3; 10]), Ok(None));
        assert_eq!(socket.send_queue(), Some(93));
        socket.flush().await.unwrap();
        assert_eq!(socket.try_send(&[3; 10]), Ok(Some(())));
        // The length decides before the room does.
        assert_eq!(socket.try_send(&[]), Err(Error::InvalidLength { max: 79 }));
        assert_eq!(
            socket.try_send(&[0; 80]),
            Err(Error::InvalidLength { max: 79 })
        );

        for number in 0..4 {
            socket.wait_read_ready().await;
            assert!(socket.can_recv());
            match number {
                0 => assert_eq!(
                    socket.try_receive_into(&mut buffer),
                    Ok(Some((10, peer(7))))
                ),
                // The rest is lost.
                1 => assert_eq!(
                    socket.try_receive_into(&mut buffer[..4]),
                    Ok(Some((10, peer(7))))
                ),
                2 => {
                    let copied = socket.recv(|bytes, more, from| {
                        buffer.copy_from_slice(&[bytes, more].concat());
                        from
                    });
                    assert_eq!(copied, Ok(Some(peer(7))));
                }
                _ => {
                    let received = socket.receive_with(|bytes, more, from| {
                        buffer.copy_from_slice(&[bytes, more].concat());
                        from
                    });
                    assert_eq!(received.await, Ok(peer(7)));
                }
            }
            let whole = if number == 1 { 4 } else { 10 };
            assert_eq!(buffer[..whole], [number; 10][..whole]);
        }
        assert_eq!(socket.try_receive_into(&mut buffer), Ok(None));
        assert_no_violation(&modem);
    });
}

#[test]
fn a_service_sends_and_receives_at_once() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run_with::<_, 1, 200, 100>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut service = stack.bind_udp(local_port(4000)).await.unwrap();
        for (to, error) in [
            (peer(0), Error::InvalidPort),
            (address("0.0.0.0:9"), Error::InvalidAddress),
            (address("[fe80::1%3]:9"), Error::InvalidAddress),
        ] {
            assert_eq!(service.try_send(to, b"x"), Err(error), "{to}");
        }
        for number in 0..3 {
            assert_eq!(service.try_send(peer(9), &[number; 10]), Ok(Some(())));
        }
        assert_eq!(service.try_send(peer(9), &[3; 10]), Ok(None));
        for number in 0..3 {
            assert_eq!(outside.receive().await.0, [number; 10]);
        }

        // An empty datagram is one, too.
        for length in [5, 0, 7] {
            outside.send_to_port(&noise(1, length), 4000);
        }
        let mut buffer = [0; 3];
        service.wait_read_ready().await;
        assert_eq!(
            service.try_receive_into(&mut buffer),
            Ok(Some((5, peer(9))))
        );
        assert_eq!(buffer[..], noise(1, 5)[..3]);
        service.wait_read_ready().await;
        assert_eq!(
            service.try_receive_into(&mut buffer),
            Ok(Some((0, peer(9))))
        );
        let received = service.receive_with(|bytes, more, from| ([bytes, more].concat(), from));
        assert_eq!(received.await, Ok((noise(1, 7), peer(9))));
        assert_eq!(service.try_receive_into(&mut buffer), Ok(None));
        assert_no_violation(&modem);
    });
}

/// The two slices are the datagram, wherever it lies in the ring; a future that is dropped takes nothing.
#[test]
fn datagrams_are_read_where_they_lie() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    let datagram = |number: u64| noise(number, 1 + (number as usize * 37) % 300);
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut service = stack.bind_udp(local_port(4000)).await.unwrap();
        for polls in 1..4 {
            let waiting = service.receive_with(|_, _, _| ());
            assert_eq!(cancelled(polls, waiting).await, None);
        }
        let mut in_two = 0;
        // The ring is never empty, so that it does not begin anew.
        for number in 0..100 {
            outside.send_to_port(&datagram(number), 4000);
            let Some(number) = number.checked_sub(4) else {
                continue;
            };
            sleep(Duration::from_secs(10)).await;
            let take = |bytes: &[u8], more: &[u8], from| {
                in_two += u32::from(!more.is_empty());
                ([bytes, more].concat(), from)
            };
            let received = service.receive_with(take).await;
            assert_eq!(received, Ok((datagram(number), peer(9))), "{number}");
        }
        assert!(in_two > 2, "{in_two} datagrams were in two parts");
        assert_no_violation(&modem);
    });
}

/// What came before is received; then each call says why there is no more.
#[test]
fn a_failed_socket_says_why_at_once() {
    Bench::new().run(&udp_echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut socket = connect(&stack).await;
        let mut service = stack.bind_udp(local_port(4000)).await.unwrap();
        socket.send(b"before").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let lose = async {
            sleep(Duration::from_secs(1)).await;
            modem.pdpdeact(1);
        };
        let mut buffer = [0; 8];
        let (waited, ()) = join(service.receive_with(|_, _, _| ()), lose).await;
        let lost = Error::Link(LinkError::ContextLost);
        assert_eq!(waited, Err(lost));
        assert_eq!(service.try_receive_into(&mut buffer), Err(lost));
        assert_eq!(service.recv(|_, _, _| ()), Err(lost));
        assert_eq!(service.try_send(peer(7), b"after"), Err(lost));
        let refused = service.send(local_port(4000), peer(7), b"after").await;
        assert_eq!(refused, Err(lost));

        assert_eq!(socket.try_send(b"after"), Err(lost));
        assert_eq!(socket.try_receive_into(&mut buffer), Ok(Some((6, peer(7)))));
        assert_eq!(&buffer[..6], b"before");
        assert_eq!(socket.try_receive_into(&mut buffer), Err(lost));
        assert_eq!(socket.receive_with(|_, _, _| ()).await, Err(lost));
        assert_eq!(socket.state(), Some(SocketPhase::Closed));
    });
}
