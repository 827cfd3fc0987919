//! `edge-http` on both sides, through the traits of `edge-nal`. Under virtual time; against real peers in real time.

use axum::extract::Path;
use axum::{Router, routing};
use core::fmt::{Debug, Display};
use core::net::SocketAddr;
use edge_http::Method;
use edge_http::io::Error as HttpError;
use edge_http::io::client::Connection as Client;
use edge_http::io::server::{Connection, Handler, Server};
use edge_nal::{TcpBind, TcpSplit};
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use programs::peers::http;
use quectel_nal::{Error, Stack};
use testbench::{Bench, PEER, assert_no_violation, excerpt, noise, peer};
use virtual_modem::network::PeerStream;
use virtual_modem::{Chop, InProcess, Loopback};

use super::listener;

/// A connection needs nothing but a reference to the stack. Never called: that it compiles is the test.
#[expect(dead_code)]
fn edge_http_takes_it<'a>(
    stack: &'a Stack<'static>,
    buffer: &'a mut [u8],
    server: SocketAddr,
) -> Client<'a, Stack<'static>> {
    Client::new(buffer, stack, server)
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
    let network = InProcess::new();
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

/// What `Hello` answers to a request for `/` and for another path.
fn assert_answers(found: &str, missing: &str) {
    assert!(found.starts_with("HTTP/1.1 200"), "{found}");
    assert!(found.contains("Hello world!"), "{found}");
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
}

#[test]
fn edge_http_is_a_server() {
    let network = InProcess::new();
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
                assert_answers(&found, &missing);
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
    let get = async |Path(number): Path<u64>| noise(number, 30_000);
    let router = Router::new().route("/{number}", routing::get(get));
    http::serve(listener(), router).unwrap()
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
        let local = SocketAddr::new([0, 0, 0, 0].into(), place.port());
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
                assert_answers(&found, &missing);
            }
        };
        match select(serve, clients).await {
            Either::First(ended) => panic!("the server stopped: {ended:?}"),
            Either::Second(()) => {}
        }
        assert_no_violation(&modem);
    });
}
