//! UDP, byte for byte.
//!
//! The flows are those of section 3.6 of the note, with its figures; the stack chooses the connectIDs.

use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::Instant;
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::Config;
use testbench::{address, config, dialogue, local_port};

/// Section 3.6.
#[test]
fn udp_service() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0");
        let (service, ()) = join(stack.bind_single(address("0.0.0.0:3030")), open).await;
        let (local, mut service) = service.unwrap();
        assert_eq!(local, address("10.7.157.1:3030"));

        let remote = address("10.7.89.10:6969");
        service.send(local, remote, b"1234567890").await.unwrap();
        let send = module.accept_payload("AT+QISEND=0,10,\"10.7.89.10\",6969", b"1234567890");
        let (flushed, ()) = join(service.flush(), send).await;
        assert_eq!(flushed, Ok(()));

        // The second one is empty, and has a sender all the same.
        let receive = async {
            module.line("+QIURC: \"recv\",0").await;
            module.expect("AT+QIRD=0").await;
            module
                .say("\r\n+QIRD: 4,\"10.7.76.34\",7687\r\nAAAA\r\n\r\nOK\r\n")
                .await;
            module
                .exchange("AT+QIRD=0", "+QIRD: 0,\"10.7.76.35\",7688\r\n\r\nOK")
                .await;
            module.return_nothing("AT+QIRD=0").await;
        };
        let mut buffer = [0; 16];
        let take = async {
            let (count, to, from) = service.receive_into(&mut buffer).await.unwrap();
            assert_eq!(
                (&buffer[..count], to, from),
                (&b"AAAA"[..], local, address("10.7.76.34:7687"))
            );
            let (count, to, from) = service.receive_into(&mut buffer).await.unwrap();
            assert_eq!((count, to, from), (0, local, address("10.7.76.35:7688")));
        };
        join(take, receive).await;

        let remote = address("10.7.76.34:7687");
        service.send(local, remote, b"1234567890").await.unwrap();
        module
            .accept_payload("AT+QISEND=0,10,\"10.7.76.34\",7687", b"1234567890")
            .await;

        let (closed, ()) = join(service.close(), module.exchange("AT+QICLOSE=0", "OK")).await;
        assert_eq!(closed, Ok(()));
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// Section 2.1.4: a UDP socket with one peer.
#[test]
fn udp_client() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"UDP\",\"10.7.89.10\",6969,4040,0");
        let (local, remote) = (address("10.7.157.1:4040"), address("10.7.89.10:6969"));
        let (socket, ()) = join(stack.connect_from(local, remote), open).await;
        let (bound, mut socket) = socket.unwrap();
        assert_eq!(bound, local);
        // Two datagrams are two sends.
        socket.send(b"one").await.unwrap();
        socket.send(b"three").await.unwrap();
        module.accept_payload("AT+QISEND=0,3", b"one").await;
        module.accept_payload("AT+QISEND=0,5", b"three").await;
        let receive = async {
            module.line("+QIURC: \"recv\",0").await;
            module.return_payload("AT+QIRD=0,1500", "test").await;
            module.return_nothing("AT+QIRD=0,1500").await;
        };
        let mut buffer = [0; 2];
        let (length, ()) = join(socket.receive_into(&mut buffer), receive).await;
        assert_eq!((length, &buffer), (Ok(4), b"te"));
        drop(socket);
        module.exchange("AT+QICLOSE=0", "OK").await;
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// With "recvind" the module says how long a datagram is, but not that another one came behind it before it was read.
#[test]
fn a_datagram_costs_one_read() {
    const READ: &str = "AT+QIRD=0,1500";
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"UDP\",\"10.7.89.10\",6969,4040,0");
        let (local, remote) = (address("10.7.157.1:4040"), address("10.7.89.10:6969"));
        let (socket, ()) = join(stack.connect_from(local, remote), open).await;
        let mut socket = socket.unwrap().1;
        let notice = "+QIURC: \"recv\",0,4";
        let mut receive = async |text: &[u8; 4]| {
            let mut buffer = [0; 4];
            assert_eq!(socket.receive_into(&mut buffer).await, Ok(4));
            assert_eq!(&buffer, text);
        };
        // The first three show that they come alone.
        for _ in 0..3 {
            let come = async {
                module.line(notice).await;
                module.return_payload(READ, "lone").await;
                module.return_nothing(READ).await;
                module.expect_silence(Duration::from_millis(50)).await;
            };
            join(receive(b"lone"), come).await;
        }
        for _ in 0..3 {
            let come = async {
                module.line(notice).await;
                module.return_payload(READ, "lone").await;
                module.expect_silence(Duration::from_secs(3600)).await;
            };
            join(receive(b"lone"), come).await;
        }
        // A reader that waits on: did another one come with it?
        let come = async {
            module.line(notice).await;
            module.return_payload(READ, "one!").await;
            module.expect_silence(Duration::from_millis(99)).await;
            module.return_payload(READ, "two!").await;
            module.return_payload(READ, "last").await;
            module.return_nothing(READ).await;
        };
        let read = async {
            receive(b"one!").await;
            receive(b"two!").await;
            receive(b"last").await;
        };
        join(read, come).await;
        // It did: now the next ones are asked for at once.
        let come = async {
            module.line(notice).await;
            module.return_payload(READ, "one!").await;
            module.return_payload(READ, "two!").await;
            module.return_nothing(READ).await;
        };
        let read = async {
            receive(b"one!").await;
            receive(b"two!").await;
        };
        join(read, come).await;
        module.expect_silence(Duration::from_secs(3600)).await;
    });
}

/// The module hands over a length and nothing behind it: the datagram is dropped, counted, and the next one is whole.
#[test]
fn a_datagram_that_ends_early() {
    testbench::dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0");
        let (service, ()) = join(stack.bind_multiple(local_port(3030)), open).await;
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
        assert!(start.elapsed().as_secs() < 30);
        assert_eq!(stack.statistics().dropped_datagrams, 2);
    });
}

/// A destination that the module refuses: the next datagram goes at once, and the socket lives.
#[test]
fn a_refused_datagram_is_dropped() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = module.open("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0");
        let (service, ()) = join(stack.bind_single(address("0.0.0.0:3030")), open).await;
        let (local, mut service) = service.unwrap();
        let broadcast = address("255.255.255.255:7");
        let good = address("10.7.89.10:6969");
        service.send(local, broadcast, b"lost").await.unwrap();
        service.send(local, good, b"good").await.unwrap();
        let send = async {
            module
                .exchange("AT+QISEND=0,4,\"255.255.255.255\",7", "ERROR")
                .await;
            module.give_reason("552,invalid parameters").await;
            module
                .accept_payload("AT+QISEND=0,4,\"10.7.89.10\",6969", b"good")
                .await;
        };
        let start = Instant::now();
        let (flushed, ()) = join(service.flush(), send).await;
        assert_eq!(flushed, Ok(()));
        assert!(start.elapsed().as_millis() < 100);
        assert_eq!(stack.statistics().dropped_datagrams, 1);
    });
}
