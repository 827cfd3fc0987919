//! Listeners when something runs out, is lost or dropped, on the virtual modem.

use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::with_timeout;
use embedded_io_async::{Read, Write};
use quectel_nal::{Error, LinkError, SocketPhase};
use testbench::{Bench, assert_no_violation, cancelled, excerpt, noise, peer, seconds, sleep};
use virtual_modem::Chop;

use super::{PORT, call, client, gone, network, serve};

/// Three connections and a listener are all that four slots hold.
#[test]
fn clients_beyond_the_slots_are_refused() {
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
fn clients_beyond_the_ids_of_the_module_are_refused() {
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
        // A connection of the program goes before one that it has not accepted.
        let _own = stack.connect(peer(7)).await.unwrap();
        assert_eq!(stack.statistics().refused_connections, 3);
        let mut accepted = Vec::new();
        for _ in 0..10 {
            accepted.push(listener.accept().await.unwrap());
        }
        assert_eq!(
            stack.connect(peer(7)).await.unwrap_err(),
            Error::NoFreeSocket
        );
        drop(accepted);
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

#[test]
fn lost_link_fails_listener_and_clients() {
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
                assert_eq!(listener.state(), Some(SocketPhase::Closed));
                assert_eq!(listener.connect_id(), None);
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
fn taken_port_is_refused_and_two_ports_are_kept_apart() {
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

/// The access mode of an accepted connection, and the other readings of the note that matter here.
#[test]
fn clients_are_served_in_every_reading() {
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
