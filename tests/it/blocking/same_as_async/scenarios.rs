//! The scenarios.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use embassy_time::Instant;
use embedded_io_async::Write;
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, LinkError, LinkState};
use testbench::{PEER, adversarial, assert_no_violation, excerpt, noise, peer};
use virtual_modem::{Fault, InProcess, ModemHandle};

use super::{Async, Blocking, Face, bench, network};

macro_rules! through_both_faces {
    ($mode:ident, $of_async:ident, $of_blocking:ident: $($scenario:ident),+ $(,)?) => {
        mod $of_async {
            use super::*;

            $(#[test]
            fn $scenario() {
                let scenario = async |face: &Async<'_>, modem: &ModemHandle, network: &InProcess| {
                    super::$scenario(face, modem, network).await
                };
                through_async(AccessMode::$mode, scenario);
            })+
        }

        mod $of_blocking {
            use super::*;

            $(#[test]
            fn $scenario() {
                let scenario = async |face: &Blocking<'_, '_, '_>, modem: &ModemHandle, network: &InProcess| {
                    super::$scenario(face, modem, network).await
                };
                through_blocking(AccessMode::$mode, scenario);
            })+
        }
    };
}

fn through_async(
    mode: AccessMode,
    scenario: impl AsyncFnOnce(&Async<'_>, &ModemHandle, &InProcess),
) {
    let network = network();
    bench().mode(mode).run(&network, async |stack, modem| {
        scenario(&Async(stack), &modem, &network).await;
        assert_no_violation(&modem);
    });
}

fn through_blocking(
    mode: AccessMode,
    scenario: impl AsyncFnOnce(&Blocking<'_, '_, '_>, &ModemHandle, &InProcess),
) {
    let network = network();
    let bench = bench().mode(mode);
    bench.run_blocking(&network, async |stack, modem, _| {
        scenario(&Blocking(stack), &modem, &network).await;
        assert_no_violation(&modem);
    });
}

through_both_faces!(
    Buffer, in_async, in_blocking:
    payload_passes_both_ways,
    data_comes_before_the_end,
    names_lead_to_peers,
    datagrams_keep_their_borders,
    a_datagram_costs_one_read,
    the_mode_of_live_sockets_is_changed,
    a_service_has_many_peers,
    clients_are_served_at_once,
    more_sockets_than_slots,
    dropping_frees_everything,
    a_lost_context_comes_back,
    a_refusal_has_a_reason,
    lost_notices_do_not_matter,
);
// All but the one that leaves more unread than there is room for.
through_both_faces!(
    DirectPush, pushed_in_async, pushed_in_blocking:
    payload_passes_both_ways,
    names_lead_to_peers,
    datagrams_keep_their_borders,
    a_service_has_many_peers,
    clients_are_served_at_once,
    more_sockets_than_slots,
    dropping_frees_everything,
    a_lost_context_comes_back,
    a_refusal_has_a_reason,
    lost_notices_do_not_matter,
);

async fn send_all<F: Face>(face: &F, socket: &mut F::Tcp, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        bytes = &bytes[face.send(socket, bytes).await?..];
    }
    Ok(())
}

async fn receive_exactly<F: Face>(
    face: &F,
    socket: &mut F::Tcp,
    length: usize,
) -> Result<Vec<u8>, Error> {
    let mut all = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match face.receive(socket, &mut all[filled..]).await? {
            Some(count) => filled += count,
            None => panic!("the stream ended after {filled} bytes of {length}"),
        }
    }
    Ok(all)
}

async fn echo<F: Face>(face: &F, socket: &mut F::Tcp, bytes: &[u8]) {
    send_all(face, socket, bytes).await.unwrap();
    let back = receive_exactly(face, socket, bytes.len()).await;
    assert!(back.unwrap() == bytes, "the echo differs");
}

async fn payload_passes_both_ways<F: Face>(face: &F, _: &ModemHandle, _: &InProcess) {
    assert_eq!(face.link_up().await, Ok(()));
    let mut socket = face.connect(peer(7)).await.unwrap();
    for length in [1, 1459, 1460, 1461, 2048] {
        echo(face, &mut socket, &adversarial(length)).await;
        echo(face, &mut socket, &noise(4, length)).await;
    }
    face.flush(&mut socket).await.unwrap();
}

async fn data_comes_before_the_end<F: Face>(face: &F, modem: &ModemHandle, _: &InProcess) {
    let mut socket = face.connect(peer(19)).await.unwrap();
    face.pass(Duration::from_secs(20)).await;
    let all = receive_exactly(face, &mut socket, 7000).await.unwrap();
    assert!(all == noise(1, 7000), "the data differs");
    for _ in 0..3 {
        assert_eq!(face.receive(&mut socket, &mut [0; 8]).await, Ok(None));
    }
    assert_eq!(face.send(&mut socket, b"late").await, Err(Error::Closed));
    face.pass(Duration::from_secs(1)).await;
    assert!(modem.sockets().is_empty(), "{}", excerpt(modem));
}

async fn names_lead_to_peers<F: Face>(face: &F, _: &ModemHandle, _: &InProcess) {
    let address = face.resolve("echo.example").await.unwrap();
    let mut socket = face.connect(SocketAddr::new(address, 7)).await.unwrap();
    echo(face, &mut socket, b"by name").await;
    let missing = face.resolve("nowhere.example").await;
    assert_eq!(missing, Err(Error::NameNotFound));
    let invalid = face.resolve("no\"name").await;
    assert!(matches!(invalid, Err(Error::InvalidName(_))), "{invalid:?}");
    assert_eq!(face.resolve(PEER).await, Ok(PEER.parse().unwrap()));
}

async fn datagrams_keep_their_borders<F: Face>(face: &F, _: &ModemHandle, _: &InProcess) {
    let mut socket = face.datagrams(peer(7)).await.unwrap();
    let mut buffer = [0; 1500];
    for length in [1, 2, 700, 1460, 3] {
        let datagram = noise(5, length);
        face.send_datagram(&mut socket, &datagram).await.unwrap();
        let received = face.receive_datagram(&mut socket, &mut buffer).await;
        assert_eq!(received, Ok(length));
        assert!(buffer[..length] == datagram[..], "the datagram differs");
    }
    let refused = face.send_datagram(&mut socket, &[0; 1461]).await;
    assert_eq!(refused, Err(Error::InvalidLength { max: 1460 }));
    let refused = face.send_datagram(&mut socket, &[]).await;
    assert_eq!(refused, Err(Error::InvalidLength { max: 1460 }));
}

/// In buffer mode: the module says how long each one is, and does not announce one that comes before the one in front of it was
/// read.
async fn a_datagram_costs_one_read<F: Face>(face: &F, modem: &ModemHandle, network: &InProcess) {
    network.udp(PEER, 9, |mut socket| async move {
        loop {
            let (bytes, from) = socket.receive().await;
            // As many at once as the first byte says.
            for number in 0..bytes[0] {
                socket.send(&[number], from);
            }
        }
    });
    let mut socket = face.datagrams(peer(9)).await.unwrap();
    let mut exchange = async |count: u8| {
        let started = Instant::now();
        face.send_datagram(&mut socket, &[count]).await.unwrap();
        for number in 0..count {
            let mut buffer = [0; 10];
            let received = face.receive_datagram(&mut socket, &mut buffer).await;
            assert_eq!((received, buffer[0]), (Ok(1), number));
        }
        started.elapsed()
    };
    for _ in 0..4 {
        exchange(1).await;
    }
    let before = modem.counters().commands;
    for _ in 0..100 {
        exchange(1).await;
    }
    // Half of them are AT+QISEND.
    assert_eq!(modem.counters().commands - before, 200);
    // Those that come in a bunch are all there, after a pause that is short.
    let pause = exchange(20).await;
    assert!(pause < embassy_time::Duration::from_secs(4), "{pause:?}");
    let before = modem.counters().commands;
    let pause = exchange(20).await;
    assert!(pause < embassy_time::Duration::from_secs(1), "{pause:?}");
    assert!(modem.counters().commands - before <= 22);
}

async fn the_mode_of_live_sockets_is_changed<F: Face>(
    face: &F,
    modem: &ModemHandle,
    _: &InProcess,
) {
    use AccessMode::{Buffer, DirectPush, Transparent};
    let shown = |modem: &ModemHandle| modem.sockets()[0].access_mode;
    let mut socket = face.connect(peer(7)).await.unwrap();
    for mode in [DirectPush, DirectPush, Buffer, Transparent, DirectPush] {
        // What is on its way is in neither mode lost.
        send_all(face, &mut socket, &noise(3, 1000)).await.unwrap();
        assert_eq!(face.set_mode(&mut socket, mode).await, Ok(()));
        assert_eq!(shown(modem), mode as u8);
        let back = receive_exactly(face, &mut socket, 1000).await;
        assert!(back.unwrap() == noise(3, 1000), "the echo differs");
        echo(face, &mut socket, &noise(4, 2000)).await;
    }
    drop(socket);
    face.pass(Duration::from_secs(2)).await;
    let mut socket = face.datagrams(peer(7)).await.unwrap();
    let mut buffer = [0; 10];
    for mode in [Buffer, DirectPush, Buffer] {
        assert_eq!(face.set_datagram_mode(&mut socket, mode).await, Ok(()));
        assert_eq!(shown(modem), mode as u8);
        face.send_datagram(&mut socket, b"hello").await.unwrap();
        let received = face.receive_datagram(&mut socket, &mut buffer).await;
        assert_eq!(received, Ok(5));
    }
    let refused = face.set_datagram_mode(&mut socket, Transparent).await;
    assert_eq!(refused, Err(Error::Unsupported));
    // A connection that the peer has closed cannot be switched.
    let mut socket = face.connect(peer(19)).await.unwrap();
    while face
        .receive(&mut socket, &mut [0; 1000])
        .await
        .unwrap()
        .is_some()
    {}
    assert!(face.set_mode(&mut socket, DirectPush).await.is_err());
}

async fn a_service_has_many_peers<F: Face>(face: &F, _: &ModemHandle, network: &InProcess) {
    let mut others: Vec<_> = (1..=3)
        .map(|number| network.udp_socket([192, 0, 2, number], 99))
        .collect();
    let mut service = face.service(5683).await.unwrap();
    face.pass(Duration::from_secs(5)).await;
    let mut buffer = [0; 100];
    for other in &mut others {
        other.send_to_port(b"hello", 5683);
        let received = face.receive_from(&mut service, &mut buffer).await;
        assert_eq!(received, Ok((5, other.address())));
        let answered = face
            .send_to(&mut service, other.address(), b"you too")
            .await;
        assert_eq!(answered, Ok(()));
        face.pass(Duration::from_secs(1)).await;
        assert_eq!(other.receive().await.0, b"you too");
    }
    let nowhere = "192.0.2.1:0".parse().unwrap();
    let refused = face.send_to(&mut service, nowhere, b"x").await;
    assert_eq!(refused, Err(Error::InvalidPort));
}

async fn clients_are_served_at_once<F: Face>(face: &F, modem: &ModemHandle, network: &InProcess) {
    let mut listener = face.listen(80).await.unwrap();
    let mut clients = Vec::new();
    for number in 0..3_u8 {
        let mut client = network.connect(PEER, 80).await.unwrap();
        client.write_all(&[number; 50]).await.unwrap();
        clients.push(client);
    }
    // All of it comes before anyone asks.
    face.pass(Duration::from_secs(1)).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let (connection, from) = face.accept(&mut listener).await.unwrap();
        assert_eq!(from.ip(), PEER.parse::<IpAddr>().unwrap());
        connections.push(connection);
    }
    for connection in &mut connections {
        let bytes = receive_exactly(face, connection, 50).await.unwrap();
        send_all(face, connection, &bytes).await.unwrap();
    }
    drop(connections);
    face.pass(Duration::from_secs(5)).await;
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_to_end().await.unwrap(), [number as u8; 50]);
    }
    drop(listener);
    face.pass(Duration::from_secs(5)).await;
    assert!(modem.sockets().is_empty(), "{}", excerpt(modem));
    assert_eq!(face.state().1.refused_connections, 0);
}

async fn more_sockets_than_slots<F: Face>(face: &F, _: &ModemHandle, _: &InProcess) {
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(face.connect(peer(7)).await.unwrap());
    }
    let refused = face.connect(peer(7)).await;
    assert_eq!(refused.err(), Some(Error::NoFreeSocket));
    let refused = face.datagrams(peer(7)).await;
    assert_eq!(refused.err(), Some(Error::NoFreeSocket));
    // One that is being closed is waited for.
    held.pop();
    let mut socket = face.connect(peer(7)).await.unwrap();
    echo(face, &mut socket, b"again").await;
}

async fn dropping_frees_everything<F: Face>(face: &F, modem: &ModemHandle, _: &InProcess) {
    for round in 0..20 {
        let mut socket = face.connect(peer(7)).await.unwrap();
        send_all(face, &mut socket, &noise(6, 100 * round))
            .await
            .unwrap();
        drop(socket);
        drop(face.datagrams(peer(7)).await.unwrap());
        drop(face.service(5000).await.unwrap());
    }
    face.pass(Duration::from_secs(20)).await;
    assert!(modem.sockets().is_empty(), "{}", excerpt(modem));
}

async fn a_lost_context_comes_back<F: Face>(face: &F, modem: &ModemHandle, _: &InProcess) {
    let mut socket = face.connect(peer(7)).await.unwrap();
    echo(face, &mut socket, b"before").await;
    modem.pdpdeact(1);
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(face.receive(&mut socket, &mut [0; 8]).await, Err(lost));
    assert_eq!(face.send(&mut socket, b"x").await, Err(lost));
    assert_eq!(face.link_up().await, Ok(()));
    assert_eq!(face.state().0, LinkState::Up);
    let mut socket = face.connect(peer(7)).await.unwrap();
    echo(face, &mut socket, b"after").await;
}

async fn a_refusal_has_a_reason<F: Face>(face: &F, modem: &ModemHandle, _: &InProcess) {
    let refused = face.connect(peer(1)).await;
    assert_eq!(refused.err(), Some(Error::ConnectionRefused));
    let refused = face.connect(peer(0)).await;
    assert_eq!(refused.err(), Some(Error::InvalidPort));
    let refused = face.connect("0.0.0.0:1".parse().unwrap()).await;
    assert_eq!(refused.err(), Some(Error::InvalidAddress));
    let refused = face.listen(0).await;
    assert_eq!(refused.err(), Some(Error::InvalidPort));
    face.pass(Duration::from_secs(5)).await;
    assert!(modem.sockets().is_empty(), "{}", excerpt(modem));
}

async fn lost_notices_do_not_matter<F: Face>(face: &F, modem: &ModemHandle, _: &InProcess) {
    let mut socket = face.connect(peer(7)).await.unwrap();
    modem.inject(Fault::LostRecv(3));
    for round in 0..3 {
        echo(face, &mut socket, &noise(round, 100)).await;
    }
    modem.inject(Fault::SendFail {
        count: 2,
        taken: false,
    });
    echo(face, &mut socket, &noise(7, 1000)).await;
}
