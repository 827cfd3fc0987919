//! The `edge-nal` face, with `edge-http` on both sides. Under virtual time; against real peers in real time.
#![allow(missing_docs)]

mod common;

use axum::extract::Path;
use axum::{Router, routing};
use common::{Bench, PEER, assert_no_violation, excerpt, noise, peer, sleep};
use core::fmt::{Debug, Display};
use core::net::SocketAddr;
use core::time::Duration;
use edge_http::Method;
use edge_http::io::Error as HttpError;
use edge_http::io::client::Connection as Client;
use edge_http::io::server::{Connection, Handler, Server};
use edge_nal::{
    AddrType, Close, Dns, MulticastV4, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown,
    TcpSplit, UdpBind, UdpConnect, UdpReceive, UdpSend, UdpSplit,
};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use quectel_nal::{Error, Stack};
use virtual_modem::network::PeerStream;
use virtual_modem::{Chop, InProcess, Loopback};

const ANY: &str = "0.0.0.0:0";

fn network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
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

/// A connection needs nothing but a reference to the stack. Never called: that it compiles is the test.
#[expect(dead_code)]
fn edge_http_takes_it<'a>(
    stack: &'a Stack<'static>,
    buffer: &'a mut [u8],
    server: SocketAddr,
) -> Client<'a, Stack<'static>> {
    Client::new(buffer, stack, server)
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
    network.tcp(PEER, 19, |mut stream: PeerStream| async move {
        let _ = stream.write_all(&noise(2, 3000)).await;
        stream.close();
        let _ = stream.read_to_end().await;
    });
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
            let elsewhere = "203.0.113.1:80".parse().unwrap();
            let refused = TcpBind::bind(&stack, elsewhere).await;
            assert_eq!(refused.err(), Some(Error::InvalidAddress));
        });
}

/// Its documentation's client.
async fn get<const N: usize>(
    client: &mut Client<'_, Stack<'_>, N>,
    path: &str,
) -> Result<(u16, Vec<u8>), HttpError<Error>> {
    // Without a length it announces a body in chunks.
    let headers = [("Host", "http.example"), ("Content-Length", "0")];
    client
        .initiate_request(true, Method::Get, path, &headers)
        .await?;
    client.initiate_response().await?;
    let status = client.headers()?.code;
    let mut body = Vec::new();
    let mut buffer = [0; 300];
    loop {
        match client.read(&mut buffer).await? {
            0 => return Ok((status, body)),
            count => body.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn edge_http_is_a_client() {
    let network = network();
    network.tcp(PEER, 80, |mut stream: PeerStream| async move {
        let mut request = Vec::new();
        loop {
            let mut byte = [0];
            match stream.read(&mut byte).await {
                Ok(1) => request.push(byte[0]),
                _ => return,
            }
            if request.ends_with(b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&request);
                assert!(text.starts_with("GET /"), "{text:?}");
                let body = noise(request[5].into(), 4000);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
                request.clear();
            }
        }
    });
    for chop in [Chop::Whole, Chop::Bytes(3)] {
        Bench::new().chop(chop).run(&network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut buffer = [0; 2048];
            let mut client: Client<'_, _> = Client::new(&mut buffer, &stack, peer(80));
            for path in ["/a", "/b", "/c"] {
                let (status, body) = get(&mut client, path).await.unwrap();
                assert_eq!(status, 200);
                assert!(body == noise(path.as_bytes()[1].into(), 4000));
            }
            // One connection served all three.
            assert_eq!(modem.commands()["QIOPEN"], 1);
            client.close().await.unwrap();
            assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
            assert_no_violation(&modem);
        });
    }
}

struct Hello;

/// Its documentation's server.
impl Handler for Hello {
    type Error<E>
        = HttpError<E>
    where
        E: Debug;

    async fn handle<T, const N: usize>(
        &self,
        _: impl Display + Copy,
        connection: &mut Connection<'_, T, N>,
    ) -> Result<(), HttpError<T::Error>>
    where
        T: Read + Write + TcpSplit,
    {
        if connection.headers()?.path == "/" {
            let headers = [("Content-Type", "text/plain")];
            connection
                .initiate_response(200, Some("OK"), &headers)
                .await?;
            connection.write_all(b"Hello world!").await?;
        } else {
            connection
                .initiate_response(404, Some("Not Found"), &[])
                .await?;
        }
        Ok(())
    }
}

#[test]
fn edge_http_is_a_server() {
    let network = network();
    Bench::new().run(&network, async |stack, modem| {
        let local = "0.0.0.0:80".parse().unwrap();
        let listener = TcpBind::bind(&stack, local).await.unwrap();
        let mut server = Box::new(Server::<2, 1024, 16>::new());
        let serve = server.run(Some(5000), listener, Hello);
        let ask = async |path: &str| {
            let mut client = network.connect(PEER, 80).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            String::from_utf8(client.read_to_end().await.unwrap()).unwrap()
        };
        let clients = async {
            for _ in 0..4 {
                let (found, missing) = join(ask("/"), ask("/nowhere")).await;
                assert!(found.starts_with("HTTP/1.1 200"), "{found}");
                assert!(found.contains("Hello world!"), "{found}");
                assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
            }
        };
        match select(serve, clients).await {
            Either::First(ended) => panic!("the server stopped: {ended:?}"),
            Either::Second(()) => {}
        }
        assert_no_violation(&modem);
    });
}

/// An HTTP server of this computer.
fn serve_noise() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let get = async |Path(number): Path<u64>| noise(number, 30_000);
    let router = Router::new().route("/{number}", routing::get(get));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    address
}

#[test]
fn edge_http_is_a_client_of_axum() {
    let bench = Bench::new().chop(Chop::Random { seed: 2, max: 300 });
    let server = serve_noise();
    bench.run_real(Loopback::new(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut buffer = [0; 2048];
        let mut client: Client<'_, _> = Client::new(&mut buffer, &stack, server);
        for number in 0..5 {
            let asked = get(&mut client, &format!("/{number}")).await;
            let (status, body) = asked.unwrap();
            assert_eq!(status, 200);
            assert!(body == noise(number, 30_000), "body {number} differs");
        }
        let (status, _) = get(&mut client, "/no/number").await.unwrap();
        assert_eq!(status, 404);
        client.close().await.unwrap();
        assert_no_violation(&modem);
    });
}

/// Browsers come one after the other and at once, through sockets of this computer.
#[test]
fn edge_http_is_a_server_for_this_computer() {
    use std::io::{Read, Write};
    Bench::new().run_real(Loopback::new(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        // A port that is free now.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let place = free.local_addr().unwrap();
        drop(free);
        let local = SocketAddr::new(any().ip(), place.port());
        let listener = TcpBind::bind(&stack, local).await.unwrap();
        let mut server = Box::new(Server::<2, 1024, 16>::new());
        let serve = server.run(Some(5000), listener, Hello);
        let ask = move |path: &str| {
            let mut stream = std::net::TcpStream::connect(place).unwrap();
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: modem\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let clients = async {
            for _ in 0..4 {
                let (found, missing) = join(
                    blocking::unblock(move || ask("/")),
                    blocking::unblock(move || ask("/nowhere")),
                )
                .await;
                assert!(found.starts_with("HTTP/1.1 200"), "{found}");
                assert!(found.contains("Hello world!"), "{found}");
                assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
            }
        };
        match select(serve, clients).await {
            Either::First(ended) => panic!("the server stopped: {ended:?}"),
            Either::Second(()) => {}
        }
        assert_no_violation(&modem);
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
