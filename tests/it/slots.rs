//! Sockets with rings of different sizes, listeners without rings, and slots that are kept for a socket.

use core::mem::size_of;
use core::time::Duration;
use embassy_futures::join::{join, join3};
use embassy_futures::select::select;
use embedded_io_async::{Read, Write};
use quectel_nal::{Error, Resources, TcpConnection};
use testbench::{
    Bench, assert_no_violation, echo, echo_network, noise, peer, read_to_end, serve, sleep,
};

/// The lengths of all reads on this connectID.
fn reads<'l>(lines: &[&'l str], id: u8) -> Vec<&'l str> {
    let command = format!("AT+QIRD={id},");
    let reads = lines.iter().filter_map(|line| line.strip_prefix(&command));
    reads
        .map(str::trim)
        .filter(|length| *length != "0")
        .collect()
}

/// A small socket for messages and a large one for a download, side by side.
#[test]
fn each_socket_has_the_rings_of_its_slot() {
    let image = noise(1, 100_000);
    let network = echo_network();
    serve(&network, 80, image.clone());
    let sizes = [(128, 64), (6000, 100)];
    Bench::new().run_with_rings(&network, sizes, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let (small, large) = (stack.with_slots(0..1), stack.with_slots(1..2));
        // Not the first one that is free.
        let mut download = large.connect(peer(80)).await.unwrap();
        let mut messages = small.connect(peer(7)).await.unwrap();
        assert_eq!(
            large.connect(peer(7)).await.unwrap_err(),
            Error::NoFreeSocket
        );
        let talk = async {
            for round in 0..20 {
                echo(messages.split(), &noise(round, 300)).await;
            }
        };
        let (received, ()) = join(read_to_end(&mut download), talk).await;
        assert!(received.unwrap() == image, "the download differs");
        let log = modem.log();
        let lines: Vec<&str> = log.iter().filter_map(|entry| entry.text()).collect();
        let (of_large, of_small) = (reads(&lines, 0), reads(&lines, 1));
        assert!(
            of_large.iter().all(|length| *length == "1500"),
            "{of_large:?}"
        );
        assert!(of_large.len() < 100_000 / 1500 + 20, "{}", of_large.len());
        assert!(
            of_small
                .iter()
                .all(|length| length.parse::<u16>().unwrap() <= 128),
            "{of_small:?}"
        );
        assert_no_violation(&modem);
    });
}

async fn serve_one(mut connection: TcpConnection<'_>) {
    let mut buffer = [0; 50];
    loop {
        match connection.read(&mut buffer).await.unwrap() {
            0 => break,
            count => connection.write_all(&buffer[..count]).await.unwrap(),
        }
    }
    connection.close().await.unwrap();
}

/// Three connections at once beside a listener, with 192 bytes of rings in all.
#[test]
fn a_listener_needs_no_rings() {
    let network = echo_network();
    let sizes = [(0, 0), (32, 32), (32, 32), (32, 32)];
    Bench::new().run_with_rings(&network, sizes, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        // One slot is kept for the program's own connection.
        let server = stack.with_slots(0..3);
        let listener = server.listen(2020).await.unwrap();
        assert_eq!(server.listen(2021).await.unwrap_err(), Error::NoFreeSocket);
        let client = async |seed| {
            let mut stream = network.connect("192.0.2.10", 2020).await.unwrap();
            let bytes = noise(seed, 1000);
            stream.write_all(&bytes).await.unwrap();
            let mut back = vec![0; bytes.len()];
            stream.read_exact(&mut back).await.unwrap();
            assert!(back == bytes, "the echo differs");
            // The slots of the listener are in use: the third one is not taken for this client.
            let mut refused = network.connect("192.0.2.10", 2020).await.unwrap();
            assert!(
                refused
                    .read_to_end()
                    .await
                    .is_ok_and(|rest| rest.is_empty())
            );
            stream
        };
        let (first, second, ()) = join3(client(1), client(2), async {
            let (first, _) = listener.accept().await.unwrap();
            let (second, _) = listener.accept().await.unwrap();
            let mut own = stack.connect(peer(7)).await.unwrap();
            let both = join(serve_one(first), serve_one(second));
            let own = async {
                echo(own.split(), &noise(3, 1000)).await;
                sleep(Duration::from_secs(60)).await;
            };
            select(both, own).await;
        })
        .await;
        drop((first, second));
        assert_eq!(stack.statistics().refused_connections, 2);
        listener.close().await.unwrap();
        drop(server.listen(2021).await.unwrap());
        assert_no_violation(&modem);
    });
}

/// The guide says so.
#[test]
fn a_slot_is_small_beside_its_rings() {
    let base = size_of::<Resources<1, 0, 0>>();
    let slot = size_of::<Resources<2, 0, 0>>() - base;
    assert!(slot <= 360, "{slot} bytes");
    assert_eq!(size_of::<Resources<5, 0, 0>>(), base + 4 * slot);
    // A listener costs a slot; a connection its rings, too.
    assert_eq!(
        size_of::<Resources<4, 2048, 1024>>(),
        base + 3 * slot + 4 * (2048 + 1024)
    );
}
