//! Transparent access mode on the virtual modem.

use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, Error, LinkError, LinkState};
use testbench::{
    Bench, PEER, adversarial, assert_no_violation, echo, echo_network, excerpt, noise, peer,
    read_to_end, serve, sleep,
};
use virtual_modem::InProcess;
use virtual_modem::network::PeerStream;

use super::{hostile, small, tcp};

#[test]
fn escape_and_resume_fifty_times_with_traffic_both_ways() {
    for body in [noise(34, 200_000), adversarial(200_000)] {
        let network = echo_network();
        let bench = Bench::new().baud(115_200);
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
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
                assert!(connection.access_mode() != Some(AccessMode::Transparent));
                connection
                    .set_access_mode(AccessMode::Transparent)
                    .await
                    .unwrap();
                assert!(connection.access_mode() == Some(AccessMode::Transparent));
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
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(80))
                .await
                .unwrap();
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
    let network = echo_network();
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
            for word in words {
                for pause in [0, 500, 1500, 5000] {
                    connection.write_all(word).await.unwrap();
                    let mut back = vec![0; word.len()];
                    connection.read_exact(&mut back).await.unwrap();
                    assert_eq!(back, word, "{}", excerpt(&modem));
                    sleep(Duration::from_millis(pause)).await;
                }
            }
            assert!(connection.access_mode() == Some(AccessMode::Transparent));
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
}

#[test]
fn others_wait_for_the_line_and_miss_nothing() {
    let network = echo_network();
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
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
            assert_eq!(stack.link_state(), LinkState::Occupied);
            assert_eq!(stack.wait_link_up().await, Ok(()));
            let text = noise(52, 40_000);
            let transfer = async {
                echo(connection.split(), &text).await;
                sleep(Duration::from_secs(10)).await;
                connection
                    .set_access_mode(AccessMode::Buffer)
                    .await
                    .unwrap();
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
    let network = echo_network();
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            for _ in 0..3 {
                let mut connection = stack
                    .with_access_mode(AccessMode::Transparent)
                    .connect(peer(7))
                    .await
                    .unwrap();
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
    let network = echo_network();
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
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
    let network = echo_network();
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
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
        let mut connection = stack
            .with_access_mode(AccessMode::Transparent)
            .connect(peer(80))
            .await
            .unwrap();
        // The ring is full, and nobody reads.
        sleep(Duration::from_secs(5)).await;
        assert_eq!(
            connection.set_access_mode(AccessMode::Buffer).await,
            Err(Error::Overrun)
        );
        drop(connection);
        stack.wait_link_up().await.unwrap();
        let mut next = tcp(&stack, 80).await;
        assert_eq!(read_to_end(&mut next).await.unwrap().len(), 100_000);
    });
}
