//! Dropping any future of the user after any number of polls: no received byte is lost, nothing hangs, and the next
//! operation works. On the virtual modem.

use core::time::Duration;
use embedded_io_async::{Read, Write};
use quectel_nal::{Stack, TcpConnection};
use testbench::{Bench, PEER, assert_no_violation, cancelled, excerpt, noise, peer, sleep};
use virtual_modem::{Chop, InProcess};

fn network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(20));
    network.tcp_echo(PEER, 7);
    network.hang(PEER, 2);
    network
}

fn bench() -> Bench {
    let latency = Duration::from_millis(3);
    Bench::new()
        .baud(115_200)
        .chop(Chop::Bytes(11))
        .settings(|settings| {
            settings
                .latency(latency)
                .dns("name.example", &["192.0.2.9"])
                .dns("echo.example", &[PEER])
        })
}

async fn echo(connection: &mut TcpConnection<'_>, bytes: &[u8]) {
    connection.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    connection.read_exact(&mut back).await.unwrap();
    assert!(back == bytes);
}

/// A connection can be made and used in every slot.
async fn works(stack: &Stack<'_>) {
    for _ in 0..4 {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        echo(&mut connection, b"works").await;
        connection.close().await.unwrap();
    }
    let found = stack.resolve("name.example").await.unwrap();
    assert_eq!(found, ["192.0.2.9".parse::<core::net::IpAddr>().unwrap()]);
}

/// Cancels `operation` after 0, 1, 2, … polls, until it comes to its end by itself three times.
fn cancel_everywhere(operation: impl AsyncFn(&Stack<'_>, usize) -> bool + Copy) {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut completed = 0;
        for polls in 0..500 {
            if operation(&stack, polls).await {
                completed += 1;
            }
            if polls % 7 == 0 {
                works(&stack).await;
            }
            if completed == 3 {
                break;
            }
        }
        assert_eq!(completed, 3, "it never comes to its end");
        works(&stack).await;
        sleep(Duration::from_secs(30)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}

#[test]
fn connect() {
    cancel_everywhere(async |stack, polls| {
        cancelled(polls, stack.connect(peer(7))).await.is_some()
    });
}

#[test]
fn connect_by_name() {
    cancel_everywhere(async |stack, polls| {
        cancelled(polls, stack.connect_host("echo.example", 7))
            .await
            .is_some()
    });
}

#[test]
fn connect_that_hangs() {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..20 {
            let hung = cancelled(polls, stack.connect(peer(2))).await;
            assert!(hung.is_none());
        }
        works(&stack).await;
        assert_no_violation(&modem);
    });
}

#[test]
fn resolve() {
    cancel_everywhere(async |stack, polls| {
        cancelled(polls, stack.resolve("echo.example"))
            .await
            .is_some()
    });
}

#[test]
fn close() {
    cancel_everywhere(async |stack, polls| {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        connection.write_all(&[1; 100]).await.unwrap();
        cancelled(polls, connection.close()).await.is_some()
    });
}

#[test]
fn wait_link_up() {
    bench().run(&network(), async |stack, _| {
        for polls in 0..50 {
            cancelled(polls, stack.wait_link_up()).await;
        }
        stack.wait_link_up().await.unwrap();
        works(&stack).await;
    });
}

/// Reads and writes are dropped all the time, as a `select` does; the stream stays whole.
#[test]
fn read_write_and_flush() {
    for polls in 1..20 {
        bench().run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect(peer(7)).await.unwrap();
            let sent = noise(polls as u64, 20_000);
            let mut written = 0;
            let mut received = Vec::new();
            let mut idle = 0;
            while received.len() < sent.len() {
                if written < sent.len() {
                    let piece = &sent[written..sent.len().min(written + 777)];
                    if let Some(count) = cancelled(polls, connection.write(piece)).await {
                        written += count.unwrap();
                    }
                    cancelled(polls, connection.flush()).await;
                }
                let mut buffer = [0; 123];
                match cancelled(polls, connection.read(&mut buffer)).await {
                    Some(count) => {
                        received.extend_from_slice(&buffer[..count.unwrap()]);
                        idle = 0;
                    }
                    None => {
                        idle += 1;
                        assert!(idle < 100_000, "stuck at {}", received.len());
                        sleep(Duration::from_micros(100)).await;
                    }
                }
            }
            assert!(received == sent);
            assert_no_violation(&modem);
        });
    }
}
