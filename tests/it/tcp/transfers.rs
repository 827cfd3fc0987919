//! Transfers over TCP, on the virtual modem.

use core::cell::Cell;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use embassy_futures::join::{join, join4};
use embassy_futures::select::select;
use embassy_time::{Instant, with_timeout};
use embedded_io_async::{Read, ReadReady, Write, WriteReady};
use quectel_nal::{Config, Error, LinkError, Resources, Stack, TcpConnection};
use testbench::{
    Bench, PEER, Work, adversarial, assert_no_violation, collect, echo, echo_network, excerpt,
    noise, peer, read_to_end, run_tasks, seconds, serve, sleep,
};
use virtual_modem::network::PeerStream;
use virtual_modem::serial::{Line, pair};
use virtual_modem::time::run_virtual;
use virtual_modem::{Chop, InProcess, Settings, VirtualModem};

use crate::user_command::network;

async fn connect<'d>(stack: &Stack<'d>, port: u16) -> TcpConnection<'d> {
    stack.wait_link_up().await.unwrap();
    stack.connect(peer(port)).await.unwrap()
}

/// An operation that has timed out has had no effect.
#[test]
fn each_operation_has_a_time_limit() {
    let network = InProcess::new();
    network.tcp(PEER, 80, |mut stream: PeerStream| async move {
        // Reads nothing before it has sent.
        sleep(Duration::from_secs(30)).await;
        let _ = stream.write_all(b"late").await;
        let _ = stream.read_to_end().await;
    });
    network.window(1000);
    Bench::new().run_with::<_, 1, 300, 300>(&network, async |stack, modem| {
        let connection = connect(&stack, 80).await;
        let start = Instant::now();
        let mut connection = connection.with_timeout(seconds(4));
        let mut buffer = [0; 8];
        assert_eq!(connection.read(&mut buffer).await, Err(Error::TimedOut));
        assert_eq!(start.elapsed().as_secs(), 4);
        connection.set_timeout(seconds(2));
        let (reader, writer) = connection.get_mut().split();
        let mut writer = writer.with_timeout(seconds(1));
        let filled = writer.write_all(&[0; 40_000]).await;
        assert_eq!(filled, Err(Error::TimedOut));
        assert_eq!(writer.flush().await, Err(Error::TimedOut));
        let mut reader = reader.with_timeout(seconds(60));
        assert_eq!(reader.read(&mut buffer).await, Ok(4));
        assert_eq!(&buffer[..4], b"late");
        connection.into_inner().close().await.unwrap();
        assert_no_violation(&modem);
    });
}

/// Where the bytes lie in the rings.
#[test]
fn any_payload_passes_without_a_copy() {
    let network = echo_network();
    let bytes = noise(1, 20_000);
    let bench = Bench::new().chop(Chop::Random { seed: 3, max: 300 });
    bench.run_with::<_, 1, 700, 300>(&network, async |stack, modem| {
        let mut connection = connect(&stack, 7).await;
        assert_eq!(connection.recv(|_| (0, ())), Ok(None));
        let (mut sent, mut back) = (0, Vec::new());
        while back.len() < bytes.len() {
            // Without waiting, as long as there is room.
            let written = connection.send(|room| {
                let count = room.len().min(bytes.len() - sent).min(1 + sent % 100);
                room[..count].copy_from_slice(&bytes[sent..sent + count]);
                (count, count)
            });
            match written.unwrap() {
                Some(count @ 1..) => sent += count,
                _ => {
                    let received = connection.read_with(|bytes| {
                        let used = bytes.len().div_ceil(2);
                        (used, bytes[..used].to_vec())
                    });
                    back.extend(received.await.unwrap());
                }
            }
        }
        assert!(back == bytes, "the echo differs");
        let last = connection.write_with(|room| {
            room[0] = b'x';
            (1, room.len())
        });
        assert!(last.await.unwrap() <= 300);
        assert_eq!(connection.read_with(|bytes| (1, bytes[0])).await, Ok(b'x'));
        assert_no_violation(&modem);
    });
}

#[test]
fn any_payload_passes_both_ways_however_it_is_chopped() {
    for chop in [
        Chop::Whole,
        Chop::Bytes(1),
        Chop::Bytes(7),
        Chop::Random { seed: 3, max: 300 },
    ] {
        let network = echo_network();
        Bench::new().chop(chop).run(&network, async |stack, modem| {
            let mut connection = connect(&stack, 7).await;
            for payload in [
                b"x".to_vec(),
                b"\r\nOK\r\n".repeat(400),
                b"\r\n+QIURC: \"closed\",0\r\n".repeat(100),
                b"> ".repeat(900),
                b"+++".repeat(700),
                b"\r\nNO CARRIER\r\n".repeat(200),
                (0..=255).collect::<Vec<u8>>().repeat(8),
                adversarial(5000),
                noise(1, 5000),
            ] {
                echo(connection.split(), &payload).await;
            }
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_megabyte_comes_down_with_the_reads_it_needs() {
    let network = InProcess::new();
    let body = noise(2, 1 << 20);
    serve(&network, 80, body.clone());
    for chop in [Chop::Whole, Chop::Random { seed: 9, max: 64 }] {
        let bench = Bench::new().chop(chop).baud(921_600);
        bench.run(&network, async |stack, modem| {
            let mut connection = connect(&stack, 80).await;
            // The data is there.
            sleep(Duration::from_secs(1)).await;
            modem.reset_counts();
            let read = read_to_end(&mut connection).await.unwrap();
            assert!(read == body, "the body differs");
            let reads = modem.commands()["QIRD"];
            let most = body.len().div_ceil(1500) + 2;
            assert!(reads <= most, "{reads} reads, {most} would do");
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_megabyte_goes_up() {
    let network = InProcess::new();
    let body = adversarial(1 << 20);
    network.tcp_echo(PEER, 7);
    let bench = Bench::new().chop(Chop::Random { seed: 5, max: 100 });
    bench.run(&network, async |stack, modem| {
        let mut connection = connect(&stack, 7).await;
        echo(connection.split(), &body).await;
        assert_no_violation(&modem);
    });
}

/// The writer fills the ring before the next chunk is cut, whichever of the two tasks an executor polls first.
#[test]
fn chunks_of_a_bulk_upload_are_whole_with_a_task_for_the_runner() {
    const CHUNKS: usize = 40;
    let network = InProcess::new();
    collect(&network, 81, CHUNKS * 1460);
    let modem = VirtualModem::new(Settings::new(), network);
    let handle = modem.handle();
    let (mut rx, mut tx, end) = pair(Line::new(115_200));
    let mut resources = Box::new(Resources::<1, 2048, 2048>::new());
    let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
    let is_done = Cell::new(false);
    let module = async {
        modem.run(end).await;
    };
    let run = async {
        let _ = runner.run(&mut rx, &mut tx).await;
    };
    let upload = async {
        let mut connection = connect(&stack, 81).await;
        connection
            .write_all(&noise(8, CHUNKS * 1460))
            .await
            .unwrap();
        connection.flush().await.unwrap();
        is_done.set(true);
    };
    let tasks: Vec<Work> = vec![Box::pin(module), Box::pin(run), Box::pin(upload)];
    let done = poll_fn(|_| match is_done.get() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    run_virtual(select(run_tasks(tasks), done));
    assert_eq!(handle.commands()["QISEND"], CHUNKS);
}

/// A ring smaller than one read, down to the smallest.
#[test]
fn small_rings_carry_everything_too() {
    fn check<const RX: usize, const TX: usize>(length: usize) {
        let network = InProcess::new();
        let body = noise(3, length);
        network.tcp_echo(PEER, 7);
        serve(&network, 80, body.clone());
        Bench::new().run_with::<_, 2, RX, TX>(&network, async |stack, modem| {
            let mut connection = connect(&stack, 7).await;
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            let mut connection = connect(&stack, 80).await;
            sleep(Duration::from_secs(1)).await;
            modem.reset_counts();
            assert!(read_to_end(&mut connection).await.unwrap() == body);
            let reads = modem.commands()["QIRD"];
            assert!(reads <= length.div_ceil(RX.min(1500)) + 2, "{reads} reads");
            assert_no_violation(&modem);
        });
    }
    check::<1, 1>(40);
    check::<100, 64>(3000);
    check::<512, 512>(9000);
    check::<1499, 1459>(9000);
    check::<1500, 1460>(9000);
    check::<1501, 1461>(9000);
}

#[test]
fn many_small_writes_cost_one_send() {
    let network = echo_network();
    Bench::new().run(&network, async |stack, modem| {
        let mut connection = connect(&stack, 7).await;
        modem.reset_counts();
        for piece in [
            &b"GET "[..],
            b"/",
            b" HTTP/1.1\r\n",
            b"host: x\r\n",
            b"\r\n",
        ] {
            connection.write_all(piece).await.unwrap();
        }
        connection.flush().await.unwrap();
        assert_eq!(modem.commands()["QISEND"], 1);
    });
}

#[test]
fn four_connections_at_once_keep_their_bytes_apart() {
    let network = echo_network();
    Bench::new()
        .chop(Chop::Random { seed: 4, max: 50 })
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let one = async |seed: u64| {
                let mut connection = stack.connect(peer(7)).await.unwrap();
                for round in 0..5 {
                    echo(connection.split(), &noise(seed * 100 + round, 3000)).await;
                }
                connection.close().await.unwrap();
            };
            join4(one(1), one(2), one(3), one(4)).await;
            assert_no_violation(&modem);
            assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        });
}

/// A bulk download on one connection, ping-pong on another: between the notice of the pong and the read of it
/// there is at most one transaction of the bulk.
#[test]
fn bulk_does_not_starve_ping_pong() {
    let network = echo_network();
    serve(&network, 80, noise(6, 300_000));
    Bench::new()
        .baud(115_200)
        .run(&network, async |stack, modem| {
            let mut bulk = connect(&stack, 80).await;
            let mut small = connect(&stack, 7).await;
            let download = async { read_to_end(&mut bulk).await.unwrap().len() };
            let ping_pong = async {
                for round in 0..30_u8 {
                    echo(small.split(), &[round; 20]).await;
                    sleep(Duration::from_millis(50)).await;
                }
            };
            let (length, ()) = join(download, ping_pong).await;
            assert_eq!(length, 300_000);
            // In the log: after `+QIURC: "recv",1` the next or the next but one AT+QIRD is for socket 1.
            let log = modem.log();
            let lines: Vec<&str> = log.iter().filter_map(|entry| entry.text()).collect();
            let mut notices = 0;
            for (index, line) in lines.iter().enumerate() {
                if line.starts_with("+QIURC: \"recv\",1") {
                    notices += 1;
                    let others = lines[index..]
                        .iter()
                        .take_while(|line| !line.starts_with("AT+QIRD=1"))
                        .filter(|line| line.starts_with("AT+"))
                        .count();
                    assert!(
                        others <= 1,
                        "{others} transactions in between\n{}",
                        excerpt(&modem)
                    );
                }
            }
            assert_eq!(notices, 30);
            assert_no_violation(&modem);
        });
}

#[test]
fn dropping_frees_the_connect_id_two_hundred_times() {
    let network = echo_network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let round = async |length: usize| {
            let mut connection = stack.connect(peer(7)).await.unwrap();
            echo(connection.split(), &noise(1, length)).await;
            drop(connection);
        };
        for number in 0..50 {
            join4(round(10), round(number), round(1), round(3)).await;
        }
        sleep(Duration::from_secs(20)).await;
        assert!(modem.sockets().is_empty());
        assert_no_violation(&modem);
    });
}

#[test]
fn more_connections_than_slots_is_an_error() {
    let network = echo_network();
    Bench::new().run(&network, async |stack, _| {
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(connect(&stack, 7).await);
        }
        let error = stack.connect(peer(7)).await.unwrap_err();
        assert_eq!(error, Error::NoFreeSocket);
        // One that is being closed is waited for.
        held.pop();
        held.push(stack.connect(peer(7)).await.unwrap());
        echo(held[3].split(), b"again").await;
    });
}

/// What was sent before the close is read first, then the end of the stream, again and again.
#[test]
fn data_comes_before_the_end_of_the_stream() {
    let network = InProcess::new();
    let body = noise(8, 7000);
    serve(&network, 80, body.clone());
    Bench::new().run(&network, async |stack, modem| {
        let mut connection = connect(&stack, 80).await;
        sleep(Duration::from_secs(30)).await;
        assert_eq!(connection.read_ready(), Ok(true));
        assert!(read_to_end(&mut connection).await.unwrap() == body);
        for _ in 0..3 {
            assert_eq!(connection.read_ready(), Ok(true));
            assert_eq!(connection.read(&mut [0; 8]).await, Ok(0));
        }
        assert_eq!(connection.write_ready(), Ok(true));
        assert_eq!(connection.write(b"late").await, Err(Error::Closed));
        // The connectID is given back without the user's doing.
        sleep(Duration::from_secs(1)).await;
        assert!(modem.sockets().is_empty());
        drop(connection);
        assert_no_violation(&modem);
    });
}

/// What was written before a drop still arrives.
#[test]
fn what_was_written_is_sent_after_a_drop() {
    let network = InProcess::new();
    let (tell, told) = std::sync::mpsc::channel();
    network.tcp(PEER, 9, move |mut stream: PeerStream| {
        let tell = tell.clone();
        async move {
            tell.send(stream.read_to_end().await).unwrap();
        }
    });
    Bench::new().run(&network, async |stack, _| {
        let mut connection = connect(&stack, 9).await;
        connection.write_all(&[7; 2000]).await.unwrap();
        drop(connection);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(told.try_recv().unwrap().unwrap(), [7; 2000]);

        let mut connection = connect(&stack, 9).await;
        connection.write_all(&[8; 2000]).await.unwrap();
        connection.close().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(told.try_recv().unwrap().unwrap(), [8; 2000]);

        let mut connection = connect(&stack, 9).await;
        connection.write_all(&[9; 2000]).await.unwrap();
        connection.abort();
        sleep(Duration::from_secs(5)).await;
        assert!(told.try_recv().unwrap().unwrap_or_default().len() < 2000);
    });
}

#[test]
fn a_connection_by_name_reaches_its_peer() {
    let network = InProcess::new();
    network.tcp_echo("192.0.2.44", 7);
    Bench::new()
        .settings(|settings| settings.dns("echo.example", &["192.0.2.44"]))
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect_host("echo.example", 7).await.unwrap();
            echo(connection.split(), b"by name").await;
            let error = stack.connect_host("nowhere.example", 7).await.unwrap_err();
            assert_eq!(error, Error::NameNotFound);
            assert_no_violation(&modem);
        });
}

#[test]
fn ipv6_addresses_are_used_and_shown() {
    let network = InProcess::new();
    network.tcp_echo("2001:db8::7", 7);
    Bench::new()
        .settings(|settings| {
            settings.addresses(
                1,
                &[
                    "10.28.33.36".parse().unwrap(),
                    "2409:8d1e:750c:dfa4::1".parse().unwrap(),
                ],
            )
        })
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let remote = "[2001:db8::7]:7".parse().unwrap();
            let mut connection = stack.connect(remote).await.unwrap();
            assert_eq!(connection.remote_addr(), Some(remote));
            echo(connection.split(), b"six").await;
            assert_eq!(stack.local_addr(), Some("10.28.33.36".parse().unwrap()));
            let v6 = "2409:8d1e:750c:dfa4::1".parse().unwrap();
            assert_eq!(stack.local_addr_v6(), Some(v6));
            assert_no_violation(&modem);
        });
}

#[test]
fn wait_acked_ends_when_the_peer_has_everything() {
    let network = network();
    network.latency(Duration::from_secs(3));
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect(peer(7)).await.unwrap();
        // Nothing was written.
        with_timeout(seconds(1), connection.wait_acked())
            .await
            .unwrap()
            .unwrap();
        let start = Instant::now();
        connection.write_all(&[1; 3000]).await.unwrap();
        connection.flush().await.unwrap();
        assert!(start.elapsed().as_secs() < 1);
        connection.wait_acked().await.unwrap();
        let took = start.elapsed().as_secs();
        assert!((6..9).contains(&took), "{took} s");

        // Whoever stops waiting can write on at once.
        connection.write_all(&[2; 100]).await.unwrap();
        let waited = with_timeout(seconds(3), connection.wait_acked()).await;
        assert!(waited.is_err());
        let start = Instant::now();
        connection.write_all(&[3; 100]).await.unwrap();
        connection.flush().await.unwrap();
        assert!(start.elapsed().as_millis() < 100, "{}", start.elapsed());
        connection.wait_acked().await.unwrap();

        // A link that goes down ends the wait.
        connection.write_all(&[4; 100]).await.unwrap();
        connection.flush().await.unwrap();
        modem.pdpdeact(1);
        let waited = with_timeout(seconds(5), connection.wait_acked())
            .await
            .unwrap();
        assert_eq!(waited, Err(Error::Link(LinkError::ContextLost)));
    });
}
