//! Listeners on the virtual modem.

use core::time::Duration;
use embassy_futures::join::{join, join_array};
use embassy_time::with_timeout;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{ConnectedUdp, TcpConnect};
use quectel_nal::{Error, LinkError, Stack, TcpConnection};
use testbench::{
    Bench, PEER, assert_no_violation, cancelled, excerpt, noise, peer, seconds, sleep,
};
use virtual_modem::network::PeerStream;
use virtual_modem::{Chop, Fault, InProcess};

const PORT: u16 = 2020;

fn network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(10));
    network.tcp_echo(PEER, 7);
    network
}

async fn call(network: &InProcess) -> PeerStream {
    network
        .connect("192.0.2.10", PORT)
        .await
        .expect("nobody listens")
}

/// The client's side: sends, reads it back, and closes.
async fn client(network: &InProcess, bytes: &[u8]) {
    let mut stream = call(network).await;
    stream.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert!(back == bytes, "the echo differs");
    stream.close();
    gone(&mut stream).await;
}

/// The server's side: sends back what comes until the end.
async fn serve(mut connection: TcpConnection<'_>) {
    let mut buffer = [0; 700];
    loop {
        match connection.read(&mut buffer).await.unwrap() {
            0 => break,
            count => connection.write_all(&buffer[..count]).await.unwrap(),
        }
    }
    connection.close().await.unwrap();
}

async fn gone(stream: &mut PeerStream) {
    let ended = with_timeout(seconds(30), stream.read_to_end()).await;
    assert!(
        ended
            .expect("it is left open")
            .is_ok_and(|rest| rest.is_empty())
    );
}

#[test]
fn eight_clients_in_a_row() {
    let network = network();
    for chop in [
        Chop::Whole,
        Chop::Bytes(1),
        Chop::Random { seed: 1, max: 30 },
    ] {
        Bench::new().chop(chop).run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::ForeignUrcs {
                probability: 0.2,
                seed: 6,
            });
            let listener = stack.listen(PORT).await.unwrap();
            for number in 0..8 {
                let bytes = noise(number, 5000);
                let server = async {
                    let (connection, peer) = listener.accept().await.unwrap();
                    assert_eq!(peer.ip().to_string(), "192.0.2.10");
                    serve(connection).await;
                };
                join(client(&network, &bytes), server).await;
            }
            assert_eq!(stack.statistics().refused_connections, 0);
            listener.close().await.unwrap();
            assert!(modem.sockets().is_empty());
            assert!(network.listening().is_empty());
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn three_clients_at_once() {
    let network = network();
    Bench::new()
        .chop(Chop::Random { seed: 4, max: 100 })
        .run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let listener = stack.listen(PORT).await.unwrap();
            let bytes = [1, 2, 3].map(|seed| noise(seed, 20_000));
            let clients = join_array([0, 1, 2].map(|number| client(&network, &bytes[number])));
            let servers = join_array([0, 1, 2].map(|_| async {
                let (connection, _) = listener.accept().await.unwrap();
                serve(connection).await;
            }));
            join(clients, servers).await;
            assert_eq!(stack.statistics().refused_connections, 0);
            assert_no_violation(&modem);
        });
}

#[test]
fn a_client_that_is_gone_before_it_is_accepted() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen(PORT).await.unwrap();
        for number in 0..4 {
            let mut stream = call(&network).await;
            let bytes = noise(number, 2000);
            stream.write_all(&bytes).await.unwrap();
            stream.close();
            sleep(Duration::from_secs(20)).await;
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            let mut buffer = [0; 300];
            loop {
                match connection.read(&mut buffer).await.unwrap() {
                    0 => break,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
            assert!(all == bytes, "{} bytes", all.len());
        }
        assert_no_violation(&modem);
    });
}

/// More than fits into the ring waits in the module.
#[test]
fn a_client_that_sends_much_before_it_is_accepted() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen(PORT).await.unwrap();
        let bytes = noise(1, 30_000);
        let late = async {
            sleep(Duration::from_secs(10)).await;
            let (connection, _) = listener.accept().await.unwrap();
            serve(connection).await;
        };
        join(client(&network, &bytes), late).await;
        assert_no_violation(&modem);
    });
}

/// Three connections and a listener are all that four slots hold.
#[test]
fn more_clients_than_slots() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen(PORT).await.unwrap();
        for round in 1..=3 {
            let mut served = Vec::new();
            for _ in 0..3 {
                served.push(call(&network).await);
            }
            sleep(Duration::from_secs(1)).await;
            let mut refused = Vec::new();
            for _ in 0..6 {
                refused.push(call(&network).await);
            }
            for stream in &mut refused {
                gone(stream).await;
            }
            assert_eq!(stack.statistics().refused_connections, 6 * round);
            for stream in &mut served {
                let (mut connection, _) = listener.accept().await.unwrap();
                connection.write_all(b"hello").await.unwrap();
                connection.close().await.unwrap();
                assert_eq!(stream.read_to_end().await.unwrap(), b"hello");
            }
            sleep(Duration::from_secs(5)).await;
            assert_eq!(modem.sockets().len(), 1, "{}", excerpt(&modem));
        }
        assert_no_violation(&modem);
    });
}

/// The module has twelve connectIDs.
#[test]
fn the_module_is_full() {
    let network = network();
    Bench::new().run_with::<_, 12, 600, 600>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen(PORT).await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..13 {
            streams.push(call(&network).await);
        }
        sleep(Duration::from_secs(2)).await;
        assert_eq!(stack.statistics().refused_connections, 2);
        assert_eq!(
            stack.connect(peer(7)).await.unwrap_err(),
            Error::NoFreeSocket
        );
        for _ in 0..11 {
            listener.accept().await.unwrap();
        }
        sleep(Duration::from_secs(10)).await;
        let again = call(&network);
        let (connection, _stream) = join(listener.accept(), again).await;
        connection.unwrap();
        assert_no_violation(&modem);
    });
}

#[test]
fn a_dropped_listener_drops_its_backlog() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for close in [false, true] {
            let before = stack.statistics().refused_connections;
            let listener = stack.listen(PORT).await.unwrap();
            let mut kept = call(&network).await;
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut streams = [call(&network).await, call(&network).await];
            sleep(Duration::from_secs(1)).await;
            if close {
                listener.close().await.unwrap();
            } else {
                drop(listener);
            }
            for stream in &mut streams {
                gone(stream).await;
            }
            assert_eq!(stack.statistics().refused_connections - before, 2);
            // The accepted one goes on.
            connection.write_all(b"still").await.unwrap();
            connection.close().await.unwrap();
            assert_eq!(kept.read_to_end().await.unwrap(), b"still");
            assert!(network.listening().is_empty());
            assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        }
        assert_no_violation(&modem);
    });
}

async fn echo(stack: &Stack<'_>, rounds: u64) {
    for number in 0..rounds {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        let bytes = noise(number, 1000);
        connection.write_all(&bytes).await.unwrap();
        let mut back = vec![0; bytes.len()];
        connection.read_exact(&mut back).await.unwrap();
        assert!(back == bytes);
        connection.close().await.unwrap();
    }
}

/// The module gives ids from the top, this side from the bottom; with ten sockets in use they meet in the middle.
#[test]
fn clients_in_and_out_at_once() {
    let network = network();
    let bench = Bench::new()
        .chop(Chop::Bytes(9))
        .settings(|settings| settings.latency(Duration::from_millis(2)));
    bench.run_with::<_, 12, 2048, 2048>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen(PORT).await.unwrap();
        let server = async |rounds| {
            for _ in 0..rounds {
                let (connection, _) = listener.accept().await.unwrap();
                serve(connection).await;
            }
        };
        let caller = async |seed: u64| {
            for number in 0..20 {
                client(&network, &noise(seed + number, 1500)).await;
            }
        };
        let incoming = join(
            join_array([1, 2, 3, 4, 5].map(|seed| caller(seed * 100))),
            join_array([20; 5].map(server)),
        );
        let outgoing = join_array([20; 5].map(|rounds| echo(&stack, rounds)));
        with_timeout(seconds(600), join(incoming, outgoing))
            .await
            .unwrap_or_else(|_| panic!("stuck\n{}", excerpt(&modem)));
        assert_eq!(stack.statistics().refused_connections, 0);
        assert_eq!(modem.sockets().len(), 1, "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}

#[test]
fn link_loss() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for _ in 0..3 {
            let listener = stack.listen(PORT).await.unwrap();
            let mut first = call(&network).await;
            first.write_all(b"early").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            let lose = async {
                sleep(Duration::from_secs(1)).await;
                modem.pdpdeact(1);
            };
            let accept = async {
                let (mut connection, _) = listener.accept().await.unwrap();
                let second = with_timeout(seconds(10), listener.accept()).await;
                let error = second.expect("it waits").unwrap_err();
                assert_eq!(error, Error::Link(LinkError::ContextLost));
                // What came before can still be read.
                let mut buffer = [0; 8];
                assert_eq!(connection.read(&mut buffer).await, Ok(5));
                let end = connection.read(&mut buffer).await;
                assert_eq!(end, Err(Error::Link(LinkError::ContextLost)));
            };
            join(accept, lose).await;
            drop(listener);
            while stack.wait_link_up().await.is_err() {}
        }
        let listener = stack.listen(PORT).await.unwrap();
        let bytes = noise(1, 3000);
        let server = async { serve(listener.accept().await.unwrap().0).await };
        join(client(&network, &bytes), server).await;
        assert_no_violation(&modem);
    });
}

#[test]
fn cancelled_at_every_poll() {
    let network = network();
    let bench = Bench::new()
        .baud(115_200)
        .chop(Chop::Bytes(5))
        .settings(|settings| settings.latency(Duration::from_millis(3)));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..40 {
            drop(cancelled(polls, stack.listen(PORT)).await);
        }
        sleep(Duration::from_secs(20)).await;
        assert!(modem.sockets().is_empty() && network.listening().is_empty());
        let listener = stack.listen(PORT).await.unwrap();
        for polls in 0..30 {
            let mut stream = call(&network).await;
            stream.write_all(b"hello").await.unwrap();
            let mut idle = 0;
            let (mut connection, _) = loop {
                if let Some(accepted) = cancelled(polls % 3, listener.accept()).await {
                    break accepted.unwrap();
                }
                idle += 1;
                assert!(idle < 10_000, "{}", excerpt(&modem));
                sleep(Duration::from_millis(1)).await;
                if polls % 3 == 0 {
                    break listener.accept().await.unwrap();
                }
            };
            let mut back = [0; 5];
            connection.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"hello");
            cancelled(polls, connection.close()).await;
        }
        assert_eq!(stack.statistics().refused_connections, 0);
        assert_no_violation(&modem);
    });
}

#[test]
fn ports() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        assert_eq!(stack.listen(0).await.unwrap_err(), Error::InvalidPort);
        assert_eq!(stack.listen_udp(0).await.unwrap_err(), Error::InvalidPort);
        let one = stack.listen(PORT).await.unwrap();
        // Taken.
        let error = stack.listen(PORT).await.unwrap_err();
        assert!(matches!(error, Error::Module(_)), "{error}");
        // Two listeners keep their clients apart.
        let two = stack.listen(PORT + 1).await.unwrap();
        let mut stream = network.connect("192.0.2.1", PORT + 1).await.unwrap();
        stream.write_all(b"two").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert!(cancelled(2, one.accept()).await.is_none());
        let (mut connection, from) = two.accept().await.unwrap();
        assert_eq!(from.ip().to_string(), "192.0.2.1");
        let mut buffer = [0; 8];
        assert_eq!(connection.read(&mut buffer).await, Ok(3));
        assert_no_violation(&modem);
    });
}

#[test]
fn udp_peers() {
    let network = network();
    let mut peers = [1, 2].map(|number| network.udp_socket([192, 0, 2, number], 5000));
    let bench = Bench::new().settings(|settings| settings.udp_listener(true));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let listener = stack.listen_udp(PORT).await.unwrap();
        for peer in &mut peers {
            peer.send_to_port(b"first", PORT);
            peer.send_to_port(b"second!", PORT);
        }
        let mut buffer = [0; 100];
        let mut sockets = Vec::new();
        for peer in &mut peers {
            let (mut socket, from) = listener.accept().await.unwrap();
            assert_eq!(from, peer.address());
            assert_eq!(socket.receive_into(&mut buffer).await, Ok(5));
            assert_eq!(socket.receive_into(&mut buffer).await, Ok(7));
            assert_eq!(&buffer[..7], b"second!");
            sockets.push(socket);
        }
        for (peer, socket) in peers.iter_mut().zip(&mut sockets) {
            socket.send(b"answer").await.unwrap();
            assert_eq!(peer.receive().await.0, b"answer");
            let text = peer.address().to_string();
            peer.send_to_port(text.as_bytes(), PORT);
            let count = socket.receive_into(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], text.as_bytes());
        }
        for socket in sockets {
            socket.close().await.unwrap();
        }
        listener.close().await.unwrap();
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
    // Where the module does not have it, it says so, and everything else goes on.
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for _ in 0..6 {
            let error = stack.listen_udp(PORT).await.unwrap_err();
            assert!(matches!(error, Error::Module(_)), "{error}");
        }
        echo(&stack, 3).await;
        assert_no_violation(&modem);
    });
}

/// The access mode of an accepted connection, and the other readings of the note that matter here.
#[test]
fn readings() {
    for reading in [
        "incoming_inherits_mode",
        "close_waits",
        "close_unused_is_ok",
        "failed_open_keeps_id",
        "open_failure_at_once",
        "deactivation_closes",
        "forced_close_discards",
        "notice_has_length",
        "lines_have_own_line_end",
    ] {
        let network = network();
        let bench = Bench::new()
            .settings(|settings| settings.read(|readings| readings.flip(reading).unwrap()));
        bench.run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let listener = stack.listen(PORT).await.unwrap();
            let taken = stack.listen(PORT).await.unwrap_err();
            assert!(matches!(taken, Error::Module(_)), "{taken}");
            for number in 0..4 {
                let bytes = noise(number, 5000);
                let server = async { serve(listener.accept().await.unwrap().0).await };
                join(client(&network, &bytes), server).await;
            }
            modem.pdpdeact(1);
            let ended = with_timeout(seconds(10), listener.accept()).await;
            assert!(ended.expect("it waits").is_err());
            drop(listener);
            while stack.wait_link_up().await.is_err() {}
            let listener = stack.listen(PORT).await.unwrap();
            let server = async { serve(listener.accept().await.unwrap().0).await };
            join(client(&network, b"again"), server).await;
            assert_no_violation(&modem);
        });
    }
}
