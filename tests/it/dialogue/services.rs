//! Exact conversations, as in `dialogue`: servers, UDP, and the module's tools.
//!
//! The flows are those of the note's sections 3.5 to 3.8, with its figures; connectIDs are the stack's to choose.

use atat::asynch::AtatClient;
use core::net::SocketAddr;
use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
use quectel_nal::at::{DateTime, ErrorCode, QueryClock};
use quectel_nal::{Config, Error, LinkError, PingReply};
use testbench::{Script, dialogue, sleep};

fn config() -> Config<'static> {
    Config::new("internet").close_timeout(None)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

async fn prompt_and_payload(module: &Script<'_>, command: &str, payload: &[u8]) {
    module.expect(command).await;
    module.say("\r\n> ").await;
    module.expect_bytes(payload).await;
    module.line("SEND OK").await;
}

/// Section 3.5.
#[test]
fn tcp_server_in_buffer_access_mode() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0",
                    "OK",
                )
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (listener, ()) = join(stack.listen(2020), open).await;
        let listener = listener.unwrap();

        let come = async {
            sleep(Duration::from_secs(60)).await;
            module
                .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
                .await;
        };
        let (accepted, ()) = join(listener.accept(), come).await;
        let (mut connection, peer) = accepted.unwrap();
        assert_eq!(peer, address("172.31.242.222:54091"));

        let receive = async {
            module.line("+QIURC: \"recv\",11").await;
            module.expect("AT+QIRD=11,1500").await;
            module.say("\r\n+QIRD: 4\r\ntest\r\n\r\nOK\r\n").await;
            module
                .exchange("AT+QIRD=11,1500", "+QIRD: 0\r\n\r\nOK")
                .await;
        };
        let mut buffer = [0; 16];
        let (count, ()) = join(connection.read(&mut buffer), receive).await;
        assert_eq!(&buffer[..count.unwrap()], b"test");

        connection.write_all(b"hello").await.unwrap();
        let send = prompt_and_payload(&module, "AT+QISEND=11,5", b"hello");
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));

        let close = module.exchange("AT+QICLOSE=11", "OK");
        let (closed, ()) = join(connection.close(), close).await;
        assert_eq!(closed, Ok(()));
        let close = module.exchange("AT+QICLOSE=0", "OK");
        let (closed, ()) = join(listener.close(), close).await;
        assert_eq!(closed, Ok(()));
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// Section 3.5.2 with what can go wrong: no slot, no room in the module, a listener that is gone.
#[test]
fn connections_that_cannot_be_served() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"TCP LISTENER\",\"127.0.0.1\",0,2020,0",
                    "OK",
                )
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (listener, ()) = join(stack.listen(2020), open).await;
        let listener = listener.unwrap();
        module
            .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
            .await;
        module
            .line("+QIURC: \"incoming\",10,0,\"172.31.242.222\",54092")
            .await;
        module.exchange("AT+QICLOSE=10,0", "OK").await;
        module.line("+QIURC: \"incoming full\"").await;
        // Nobody's listener.
        module
            .line("+QIURC: \"incoming\",9,5,\"172.31.242.222\",54093")
            .await;
        module.exchange("AT+QICLOSE=9,0", "OK").await;
        assert_eq!(stack.statistics().refused_connections, 3);
        drop(listener);
        module.exchange("AT+QICLOSE=11", "OK").await;
        module.exchange("AT+QICLOSE=0", "OK").await;
        assert_eq!(stack.statistics().refused_connections, 4);
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

/// Section 2.1.4: only some modules have it.
#[test]
fn udp_listener() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"UDP LISTENER\",\"127.0.0.1\",0,2020,0",
                    "ERROR",
                )
                .await;
            module
                .exchange(
                    "AT+QIGETERROR",
                    "+QIGETERROR: 560, operation not supported\r\n\r\nOK",
                )
                .await;
            module.exchange("AT+QICLOSE=0", "OK").await;
        };
        let (listener, ()) = join(stack.listen_udp(2020), open).await;
        let error = listener.unwrap_err();
        assert!(matches!(error, Error::Module(_)), "{error}");

        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"UDP LISTENER\",\"127.0.0.1\",0,2020,0",
                    "OK",
                )
                .await;
            module.line("+QIOPEN: 0,0").await;
            module
                .line("+QIURC: \"incoming\",11,0,\"172.31.242.222\",54091")
                .await;
            module.line("+QIURC: \"recv\",11").await;
            module.expect("AT+QIRD=11,1500").await;
            module.say("\r\n+QIRD: 4\r\ntest\r\n\r\nOK\r\n").await;
        };
        let listen = async {
            let listener = stack.listen_udp(2020).await.unwrap();
            let (mut socket, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, address("172.31.242.222:54091"));
            let mut buffer = [0; 16];
            let count = socket.receive_into(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], b"test");
            (listener, socket)
        };
        let ((listener, mut socket), ()) = join(listen, open).await;
        // The datagram is taken: there is room for the next.
        module
            .exchange("AT+QIRD=11,1500", "+QIRD: 0\r\n\r\nOK")
            .await;
        socket.send(b"answer").await.unwrap();
        prompt_and_payload(&module, "AT+QISEND=11,6", b"answer").await;
        drop((listener, socket));
    });
}

/// Section 3.6.
#[test]
fn udp_service() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0", "OK")
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (service, ()) = join(stack.bind_single(address("0.0.0.0:3030")), open).await;
        let (local, mut service) = service.unwrap();
        assert_eq!(local, address("10.7.157.1:3030"));

        let remote = address("10.7.89.10:6969");
        service.send(local, remote, b"1234567890").await.unwrap();
        let send = prompt_and_payload(&module, "AT+QISEND=0,10,\"10.7.89.10\",6969", b"1234567890");
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
            module.exchange("AT+QIRD=0", "+QIRD: 0\r\n\r\nOK").await;
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
        prompt_and_payload(&module, "AT+QISEND=0,10,\"10.7.76.34\",7687", b"1234567890").await;

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
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"UDP\",\"10.7.89.10\",6969,4040,0", "OK")
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (local, remote) = (address("10.7.157.1:4040"), address("10.7.89.10:6969"));
        let (socket, ()) = join(stack.connect_from(local, remote), open).await;
        let (bound, mut socket) = socket.unwrap();
        assert_eq!(bound, local);
        // Two datagrams are two sends.
        socket.send(b"one").await.unwrap();
        socket.send(b"three").await.unwrap();
        prompt_and_payload(&module, "AT+QISEND=0,3", b"one").await;
        prompt_and_payload(&module, "AT+QISEND=0,5", b"three").await;
        let receive = async {
            module.line("+QIURC: \"recv\",0").await;
            module.expect("AT+QIRD=0,1500").await;
            module.say("\r\n+QIRD: 4\r\ntest\r\n\r\nOK\r\n").await;
            module
                .exchange("AT+QIRD=0,1500", "+QIRD: 0\r\n\r\nOK")
                .await;
        };
        let mut buffer = [0; 2];
        let (length, ()) = join(socket.receive_into(&mut buffer), receive).await;
        assert_eq!((length, &buffer), (Ok(4), b"te"));
        drop(socket);
        module.exchange("AT+QICLOSE=0", "OK").await;
        module.expect_silence(Duration::from_secs(60)).await;
    });
}

fn answered(reply: PingReply) -> (String, u16, u64, u8) {
    match reply {
        PingReply::Answered {
            address,
            bytes,
            time,
            time_to_live,
            ..
        } => (address.to_string(), bytes, time.as_millis(), time_to_live),
        other => panic!("{other:?}"),
    }
}

/// Section 3.7.
#[test]
fn ping() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let four = embassy_time::Duration::from_secs(4);
        let answer = module.exchange("AT+QPING=1,\"www.baidu.com\",4,4", "OK");
        let (pinging, ()) = join(stack.ping("www.baidu.com", four, 4), answer).await;
        let mut pinging = pinging.unwrap();
        for time in [192, 240, 241, 479] {
            let say = async {
                sleep(Duration::from_millis(time)).await;
                module
                    .line(&format!("+QPING: 0,\"61.135.169.125\",32,{time},255"))
                    .await;
            };
            let (reply, ()) = join(pinging.next(), say).await;
            let expected = ("61.135.169.125".to_string(), 32, time, 255);
            assert_eq!(answered(reply.unwrap()), expected);
        }
        let end = module.line("+QPING: 0,4,4,0,192,479,287");
        let (none, ()) = join(pinging.next(), end).await;
        assert_eq!(none, None);
        let summary = pinging.summary().await.unwrap();
        assert_eq!((summary.sent, summary.received, summary.lost), (4, 4, 0));
        let times = [summary.min, summary.max, summary.average];
        assert_eq!(times.map(|time| time.as_millis()), [192, 479, 287]);
    });
}

/// Section 2.1.11: a request without an answer is a lone number, and so is the end of a ping that could not begin.
#[test]
fn ping_that_fails() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let second = embassy_time::Duration::from_secs(1);
        let answer = module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK");
        let (pinging, ()) = join(stack.ping("192.0.2.1", second, 2), answer).await;
        let mut pinging = pinging.unwrap();
        for line in ["+QPING: 569", "+QPING: 569", "+QPING: 0,2,0,2,0,0,0"] {
            module.line(line).await;
        }
        for _ in 0..2 {
            let reply = pinging.next().await;
            assert_eq!(reply, Some(PingReply::Failed(ErrorCode::TIMEOUT)));
        }
        assert_eq!(pinging.next().await, None);
        assert_eq!(pinging.summary().await.unwrap().lost, 2);

        let answer = module.exchange("AT+QPING=1,\"nowhere.example\",1,2", "OK");
        let (pinging, ()) = join(stack.ping("nowhere.example", second, 2), answer).await;
        let mut pinging = pinging.unwrap();
        module.line("+QPING: 565").await;
        assert_eq!(pinging.next().await, None);
        assert_eq!(pinging.summary().await, Err(Error::NameNotFound));

        let answer = async {
            module
                .exchange("AT+QPING=1,\"192.0.2.1\",1,2", "ERROR")
                .await;
            module
                .exchange(
                    "AT+QIGETERROR",
                    "+QIGETERROR: 561, open PDP context failed\r\n\r\nOK",
                )
                .await;
        };
        let (pinging, ()) = join(stack.ping("192.0.2.1", second, 2), answer).await;
        assert_eq!(pinging.unwrap_err(), Error::Link(LinkError::ContextLost));
    });
}

/// Section 3.8.
#[test]
fn synchronize_local_time() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let answer = async {
            module
                .exchange("AT+QNTP=1,\"202.112.10.36\",123,1", "OK")
                .await;
            sleep(Duration::from_secs(100)).await;
            module.line("+QNTP: 0,\"2019/07/21,06:10:59+00\"").await;
        };
        let (time, ()) = join(stack.ntp("202.112.10.36", true), answer).await;
        let expected = DateTime {
            year: 2019,
            month: 7,
            day: 21,
            hour: 6,
            minute: 10,
            second: 59,
            zone: Some(0),
        };
        assert_eq!(time, Ok(expected));

        let clock = module.exchange("AT+CCLK?", "+CCLK: \"19/07/21,06:11:05+00\"\r\n\r\nOK");
        let mut client = stack.at();
        let (clock, ()) = join(client.send(&QueryClock), clock).await;
        let expected = DateTime {
            minute: 11,
            second: 5,
            ..expected
        };
        assert_eq!(clock.unwrap().time, expected);

        // Quirk 99: two digits of the year.
        let answer = async {
            module
                .exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK")
                .await;
            module.line("+QNTP: 0,\"19/07/21,06:11:05-12\"").await;
        };
        let (time, ()) = join(stack.ntp("ntp.example", false), answer).await;
        let expected = DateTime {
            zone: Some(-12),
            ..expected
        };
        assert_eq!(time, Ok(expected));

        let answer = async {
            module
                .exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK")
                .await;
            module.line("+QNTP: 565").await;
        };
        let (time, ()) = join(stack.ntp("ntp.example", false), answer).await;
        assert_eq!(time, Err(Error::NameNotFound));

        // Nothing at all.
        let answer = module.exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK");
        let (time, ()) = join(stack.ntp("ntp.example", false), answer).await;
        assert_eq!(time, Err(Error::TimedOut));
    });
}
