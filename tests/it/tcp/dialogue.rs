//! TCP clients, byte for byte.
//!
//! The flows are those of chapter 3 of the note, with its figures.

use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::at::ErrorCode;
use quectel_nal::{Config, Error, KeepAlive, Stack, TcpConnection};
use testbench::{SERVER, Script, config, dialogue, seconds};

async fn connect<'d>(stack: &Stack<'d>, module: &Script<'_>) -> TcpConnection<'d> {
    let open = module.open("AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0");
    let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
    connection.unwrap()
}

/// Sections 3.2.1 to 3.2.4.
#[test]
fn tcp_client_in_buffer_access_mode() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let mut connection = connect(&stack, &module).await;

        // Fixed length, with the OK that the note's example shows before SEND OK.
        connection.write_all(b"test").await.unwrap();
        let send = async {
            module.expect("AT+QISEND=0,4").await;
            module.say("\r\n> ").await;
            module.expect_bytes(b"test").await;
            module.say("\r\nOK\r\n\r\nSEND OK\r\n").await;
        };
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));

        let mut buffer = [0; 16];
        let receive = async {
            module.line("+QIURC: \"recv\",0").await;
            module.return_payload("AT+QIRD=0,1500", "test1").await;
            module.return_nothing("AT+QIRD=0,1500").await;
        };
        let (count, ()) = join(connection.read(&mut buffer), receive).await;
        assert_eq!(&buffer[..count.unwrap()], b"test1");

        // With "recvind" the notice has a length: not a header all the same, and no empty read has to follow.
        let receive = async {
            module.line("+QIURC: \"recv\",0,5").await;
            module.return_payload("AT+QIRD=0,1500", "test1").await;
        };
        let (count, ()) = join(connection.read(&mut buffer), receive).await;
        assert_eq!(&buffer[..count.unwrap()], b"test1");

        let (closed, ()) = join(connection.close(), module.exchange("AT+QICLOSE=0", "OK")).await;
        assert_eq!(closed, Ok(()));
    });
}

/// Section 2.1.15, and quirk 112.
#[test]
fn keep_alive_is_set_before_the_open() {
    let often = seconds(30);
    let longest = seconds(1 << 40);
    let asked = [
        // Rounded up to minutes.
        (KeepAlive::new(seconds(61), often, 3), "1,2,30,3"),
        (KeepAlive::new(longest, longest, 99), "1,120,100,10"),
        (KeepAlive::new(seconds(0), seconds(0), 0), "1,1,25,3"),
        // A module that counts seconds.
        (KeepAlive::in_seconds(seconds(61), often, 3), "1,61,30,3"),
        (KeepAlive::in_seconds(longest, longest, 99), "1,1800,100,10"),
        (KeepAlive::in_seconds(seconds(0), often, 3), "1,1,30,3"),
        (KeepAlive::Off, "0"),
    ];
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let server = SERVER.parse().unwrap();
        let open_and_close = async |stack: Stack<'_>, id: usize, setting: &str, answer: &str| {
            let open = async {
                let command = format!("AT+QICFG=\"tcp/keepalive\",{setting}");
                module.exchange(&command, answer).await;
                let command = format!("AT+QIOPEN=1,{id},\"TCP\",\"220.180.239.212\",8009,0,0");
                module.exchange(&command, "OK").await;
                module.line(&format!("+QIOPEN: {id},0")).await;
            };
            let (connection, ()) = join(stack.connect(server), open).await;
            let command = format!("AT+QICLOSE={id}");
            let close = module.exchange(&command, "OK");
            let (closed, ()) = join(connection.unwrap().close(), close).await;
            assert_eq!(closed, Ok(()));
        };
        for (id, (keep_alive, setting)) in asked.into_iter().enumerate() {
            open_and_close(stack.with_keep_alive(keep_alive), id, setting, "OK").await;
        }
        // A handle without keep-alive, after one with.
        let id = asked.len();
        open_and_close(stack.with_keep_alive(asked[0].0), id, "1,2,30,3", "ERROR").await;
        open_and_close(stack, id + 1, "0", "ERROR").await;
    });
}

/// Section 3.2.1: the state of a socket is asked for when its result does not come.
#[test]
fn a_lost_open_result_is_found_out() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0", "OK")
                .await;
            module
                .exchange(
                    "AT+QISTATE=1,0",
                    "+QISTATE: 0,\"TCP\",\"220.180.239.201\",8009,65514,2,1,0,0,\"usbmodem\"\r\n\r\nOK",
                )
                .await;
        };
        let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
        connection.unwrap();
    });
}

/// Section 3.9.
#[test]
fn the_reason_of_an_error_is_asked_for() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0",
                    "ERROR",
                )
                .await;
            module.give_reason("552, invalid parameters").await;
        };
        let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
        assert_eq!(
            connection.unwrap_err(),
            Error::Module(ErrorCode::INVALID_PARAMETERS)
        );
        // It may be taken all the same.
        module.exchange("AT+QICLOSE=0,1", "OK").await;
    });
}

/// Section 2.1.7: SEND FAIL keeps the bytes, and the module's own count tells what it took.
#[test]
fn a_full_send_buffer_is_tried_again() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = connect(&stack, &module).await;
        connection.write_all(b"abcdef").await.unwrap();
        let send = async {
            module.expect("AT+QISEND=0,6").await;
            module.say("\r\n> ").await;
            module.expect_bytes(b"abcdef").await;
            module.line("SEND FAIL").await;
            module
                .exchange("AT+QISEND=0,0", "+QISEND: 2,0,2\r\n\r\nOK")
                .await;
            // Two of the six were taken.
            module.accept_payload("AT+QISEND=0,4", b"cdef").await;
        };
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));
    });
}

/// What cannot work is said before the module hears of it.
#[test]
fn bad_input_stays_on_this_side() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let long = "x".repeat(254);
        for name in [
            "",
            "a\"b",
            "a\rb",
            "a\nb",
            "a\\b",
            "\u{e4}.example",
            long.as_str(),
        ] {
            let error = stack.connect_host(name, 80).await.unwrap_err();
            assert!(matches!(error, Error::InvalidName(_)), "{name:?}: {error}");
            let error = stack.resolve(name).await.unwrap_err();
            assert!(matches!(error, Error::InvalidName(_)), "{name:?}: {error}");
        }
        let zero = "192.0.2.1:0".parse().unwrap();
        assert_eq!(stack.connect(zero).await.unwrap_err(), Error::InvalidPort);
        let nowhere = "0.0.0.0:80".parse().unwrap();
        assert_eq!(
            stack.connect(nowhere).await.unwrap_err(),
            Error::InvalidAddress
        );
        let error = stack.connect_host("example.com", 0).await.unwrap_err();
        assert_eq!(error, Error::InvalidPort);
        module.expect_silence(Duration::from_secs(10)).await;
    });
}

/// The close of one connection takes 11.5 s, and 29.5 s: the other one goes on.
#[test]
fn a_slow_close_is_waited_for() {
    for (late, answers) in [(500, 2), (18_500, 17)] {
        dialogue(Config::new("internet"), async |stack, module| {
            module.bring_up().await;
            let closing = connect(&stack, &module).await;
            let open = async {
                module
                    .exchange("AT+QIOPEN=1,1,\"TCP\",\"220.180.239.212\",8009,0,0", "OK")
                    .await;
                module.line("+QIOPEN: 1,0").await;
            };
            let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
            let mut connection = connection.unwrap();
            drop(closing);
            module.expect("AT+QICLOSE=0,1").await;
            // Not answered within 11 s.
            module.expect("AT").await;
            testbench::sleep(Duration::from_millis(late)).await;
            module.forget_commands();
            // The close, and the attempts meanwhile.
            module.say("\r\nOK\r\n".repeat(answers)).await;
            module.exchange("AT", "OK").await;
            module
                .exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
                .await;
            module.exchange("AT+QISTATE=1,0", "OK").await;
            connection.write_all(b"test").await.unwrap();
            let send = module.accept_payload("AT+QISEND=1,4", b"test");
            let (flushed, ()) = join(connection.flush(), send).await;
            assert_eq!(flushed, Ok(()));
        });
    }
}

/// The result of the open in front of the OK to the command.
#[test]
fn a_result_in_front_of_ok_is_taken() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .expect("AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0")
                .await;
            module.say("\r\n+QIOPEN: 0,0\r\n\r\nOK\r\n").await;
        };
        let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
        let _connection = connection.unwrap();
        let open = async {
            module
                .expect("AT+QIOPEN=1,1,\"TCP\",\"220.180.239.212\",8009,0,0")
                .await;
            module.say("\r\n+QIOPEN: 1,566\r\n\r\nOK\r\n").await;
        };
        let (refused, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
    });
}

/// SEND OK and the peer's close in one chunk: everything was accepted, and acknowledged.
#[test]
fn a_close_behind_send_ok_is_no_error_of_the_send() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = connect(&stack, &module).await;
        connection.write_all(b"bye").await.unwrap();
        let send = async {
            module.expect("AT+QISEND=0,3").await;
            module.say("\r\n> ").await;
            module.expect_bytes(b"bye").await;
            module
                .say("\r\nSEND OK\r\n\r\n+QIURC: \"closed\",0\r\n")
                .await;
        };
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));
        let end = async {
            module.return_nothing("AT+QIRD=0,1500").await;
            module
                .exchange("AT+QISEND=0,0", "+QISEND: 3,3,0\r\n\r\nOK")
                .await;
            module.exchange("AT+QICLOSE=0,1", "OK").await;
        };
        let (acknowledged, ()) = join(connection.wait_acked(), end).await;
        assert_eq!(acknowledged, Ok(()));
        assert_eq!(connection.flush().await, Ok(()));
        assert_eq!(connection.wait_acked().await, Ok(()));
        assert_eq!(connection.read(&mut [0; 4]).await, Ok(0));
    });
}

/// The module is asked before AT+QICLOSE, whether anybody waits or not: afterwards it does not know it any more.
#[test]
fn what_the_peer_acknowledged_is_known_behind_its_close() {
    for (answer, told) in [
        ("+QISEND: 3,3,0\r\n\r\nOK", Ok(())),
        ("+CME ERROR: 567", Err(Error::Closed)),
    ] {
        dialogue(Config::new("internet"), async |stack, module| {
            module.bring_up().await;
            let mut connection = connect(&stack, &module).await;
            connection.write_all(b"bye").await.unwrap();
            module.accept_payload("AT+QISEND=0,3", b"bye").await;
            module.line("+QIURC: \"closed\",0").await;
            module.return_nothing("AT+QIRD=0,1500").await;
            module.exchange("AT+QISEND=0,0", answer).await;
            module.exchange("AT+QICLOSE=0,1", "OK").await;
            assert_eq!(connection.read(&mut [0; 4]).await, Ok(0));
            assert_eq!(connection.flush().await, Ok(()));
            assert_eq!(connection.wait_acked().await, told);
            module.expect_silence(Duration::from_secs(10)).await;
        });
    }
}

/// A module that is busy refuses all about a socket: its connectID is closed before it is used again.
#[test]
fn a_close_that_is_refused_in_passing_is_repeated() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        drop(connect(&stack, &module).await);
        module.exchange("AT+QICLOSE=0,1", "+CME ERROR: 14").await;
        module.exchange("AT+QISTATE=1,0", "+CME ERROR: 14").await;
        module.exchange("AT+QICLOSE=0,0", "+CME ERROR: 14").await;
        module.expect_silence(Duration::from_millis(900)).await;
        module.exchange("AT+QICLOSE=0,0", "OK").await;
        module.expect_silence(Duration::from_secs(10)).await;
    });
}
