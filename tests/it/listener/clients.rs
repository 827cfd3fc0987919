//! Clients of listeners, on the virtual modem.

use core::time::Duration;
use embassy_futures::join::{join, join_array};
use embassy_time::with_timeout;
use embedded_io_async::{Read, Write};
use embedded_nal_async::ConnectedUdp;
use quectel_nal::{Error, Stack};
use testbench::{Bench, assert_no_violation, excerpt, noise, peer, seconds, sleep};
use virtual_modem::{Chop, Fault};

use super::{PORT, call, client, network, serve};

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
fn udp_peers_get_a_socket_each() {
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
