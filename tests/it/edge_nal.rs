//! The traits of `edge-nal`. Under virtual time.

use core::net::SocketAddr;
use core::time::Duration;
use edge_nal::{
    AddrType, Close, Dns, MulticastV4, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown,
    TcpSplit, UdpBind, UdpConnect, UdpReceive, UdpSend, UdpSplit,
};
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::Error;
use testbench::{
    Bench, PEER, assert_no_violation, echo_network, excerpt, noise, peer, serve, sleep,
};
use virtual_modem::InProcess;

const ANY: &str = "0.0.0.0:0";

fn network() -> InProcess {
    let network = echo_network();
    network.udp_echo(PEER, 7);
    network
}

fn any() -> SocketAddr {
    ANY.parse().unwrap()
}

/// What the crates of the family ask of a stack.
fn is_complete<S>(_: &S)
where
    S: TcpConnect + TcpBind + UdpBind + UdpConnect + Dns,
{
}

#[test]
fn streams_through_the_traits() {
    Bench::new().run(&network(), async |stack, modem| {
        is_complete(&stack);
        let mut socket = TcpConnect::connect(&stack, peer(7)).await.unwrap();
        let bytes = noise(1, 5000);
        {
            let (mut reader, mut writer) = TcpSplit::split(&mut socket);
            let send = async {
                writer.write_all(&bytes).await.unwrap();
                writer.flush().await.unwrap();
            };
            let receive = async {
                reader.readable().await.unwrap();
                let mut back = vec![0; bytes.len()];
                reader.read_exact(&mut back).await.unwrap();
                back
            };
            let ((), back) = join(send, receive).await;
            assert!(back == bytes, "the echo differs");
        }
        socket.write_all(b"last").await.unwrap();
        TcpShutdown::close(&mut socket, Close::Write).await.unwrap();
        socket.readable().await.unwrap();
        let mut back = [0; 4];
        socket.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"last");
        TcpShutdown::close(&mut socket, Close::Both).await.unwrap();
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        // Nothing comes any more, and that is known at once.
        socket.readable().await.unwrap();
        assert_eq!(socket.read(&mut back).await, Err(Error::Closed));
        TcpShutdown::abort(&mut socket).await.unwrap();
        drop(socket);

        let mut socket = TcpConnect::connect(&stack, peer(7)).await.unwrap();
        TcpShutdown::abort(&mut socket).await.unwrap();
        TcpShutdown::abort(&mut socket).await.unwrap();
        sleep(Duration::from_secs(5)).await;
        assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        assert_no_violation(&modem);
    });
}

#[test]
fn the_read_half_is_closed_by_reading_to_the_end() {
    let network = network();
    serve(&network, 19, noise(2, 3000));
    Bench::new().run(&network, async |stack, _| {
        let mut socket = TcpConnect::connect(&stack, peer(19)).await.unwrap();
        TcpShutdown::close(&mut socket, Close::Read).await.unwrap();
        assert_eq!(socket.read(&mut [0; 8]).await, Ok(0));
    });
}

#[test]
fn datagrams_through_the_traits() {
    Bench::new().run(&network(), async |stack, modem| {
        let mut buffer = [0; 100];
        let mut socket = UdpConnect::connect(&stack, any(), peer(7)).await.unwrap();
        UdpSend::send(&mut socket, any(), b"one").await.unwrap();
        socket.readable().await.unwrap();
        let received = UdpReceive::receive(&mut socket, &mut buffer).await;
        assert_eq!(received, Ok((3, peer(7))));
        {
            let (mut receiver, mut sender) = UdpSplit::split(&mut socket);
            let receive = async {
                receiver.readable().await.unwrap();
                receiver.receive(&mut buffer).await
            };
            let (sent, received) = join(sender.send(any(), &[2; 200]), receive).await;
            assert_eq!(sent, Ok(()));
            // The full length of what did not fit.
            assert_eq!(received, Ok((200, peer(7))));
        }
        let group = "224.0.0.251".parse().unwrap();
        let joined = socket.join_v4(group, "0.0.0.0".parse().unwrap()).await;
        assert_eq!(joined, Err(Error::Unsupported));

        let local = "0.0.0.0:5683".parse().unwrap();
        let mut service = UdpBind::bind(&stack, local).await.unwrap();
        let refused = UdpSend::send(&mut service, any(), b"x").await;
        assert_eq!(refused, Err(Error::InvalidPort));
        UdpSend::send(&mut service, peer(7), b"three")
            .await
            .unwrap();
        service.readable().await.unwrap();
        let received = UdpReceive::receive(&mut service, &mut buffer).await;
        assert_eq!(received, Ok((5, peer(7))));
        assert_no_violation(&modem);
    });
}

#[test]
fn names_and_foreign_addresses() {
    Bench::new()
        .settings(|settings| settings.dns("http.example", &[PEER]))
        .run(&network(), async |stack, _| {
            let lookup = async |kind| Dns::get_host_by_name(&stack, "http.example", kind).await;
            let address = lookup(AddrType::IPv4).await;
            assert_eq!(address, Ok(PEER.parse().unwrap()));
            assert_eq!(lookup(AddrType::Either).await, address);
            assert_eq!(lookup(AddrType::IPv6).await, Err(Error::NameNotFound));
            let name = Dns::get_host_by_address(&stack, address.unwrap(), &mut [0; 255]).await;
            assert_eq!(name, Err(Error::Unsupported));
            for elsewhere in ["203.0.113.1:80", "[2001:db8::99]:80", "[::%1]:80"] {
                let refused = TcpBind::bind(&stack, elsewhere.parse().unwrap()).await;
                assert_eq!(refused.err(), Some(Error::InvalidAddress));
            }
        });
}

#[test]
fn accept_gives_the_peer() {
    let network = network();
    Bench::new().run(&network, async |stack, _| {
        let local = "0.0.0.0:80".parse().unwrap();
        let listener = TcpBind::bind(&stack, local).await.unwrap();
        let mut client = network.connect(PEER, 80).await.unwrap();
        let (from, mut socket) = TcpAccept::accept(&listener).await.unwrap();
        assert_eq!(from.ip(), peer(1).ip());
        socket.write_all(b"hello").await.unwrap();
        TcpShutdown::close(&mut socket, Close::Both).await.unwrap();
        assert_eq!(client.read_to_end().await.unwrap(), b"hello");
    });
}
