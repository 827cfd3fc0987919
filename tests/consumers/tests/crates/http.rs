//! reqwless against axum.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path};
use axum::{Router, routing};
use core::time::Duration;
use embassy_futures::join::join4;
use embedded_io_async::{BufRead, Read, Write};
use programs::peers::http;
use quectel_nal::Stack;
use reqwless::client::HttpClient;
use reqwless::request::{Method, RequestBuilder};
use reqwless::response::{BodyReader, StatusCode};
use virtual_modem::{Chop, InProcess, Loopback};

use super::{listener, run};
use testbench::{Bench, PEER, adversarial, assert_no_violation, noise};

/// What the language of the module is made of.
const WORDS: [&[u8]; 7] = [
    b"\r\nOK\r\n",
    b"\r\n+QIURC: \"closed\",0\r\n",
    b"> ",
    b"+++",
    b"NO CARRIER",
    b"\r\nNO CARRIER\r\n",
    b"\r\n+QIRD: 1500\r\n",
];

/// The body of each number.
fn body(number: usize) -> Vec<u8> {
    let all: Vec<u8> = (0..=255).collect();
    match number {
        0 => noise(1, 1 << 20),
        1 => adversarial(100_000),
        2 => all.repeat(64),
        3..=9 => WORDS[number - 3].repeat(2000),
        // A kilobyte for the counts.
        10 => noise(10, 1024),
        _ => noise(number as u64, 150_000),
    }
}

/// A server in a thread: `GET /n` gives a body, `POST /n` says whether it got the same one.
fn serve() -> Loopback {
    let get = async |Path(number)| body(number);
    let post = async |Path(number), sent: Bytes| match sent == body(number) {
        true => "same",
        false => "different",
    };
    let router = Router::new()
        .route("/{number}", routing::get(get).post(post))
        .layer(DefaultBodyLimit::disable());
    let address = http::serve(listener(), router).unwrap();
    Loopback::new().route("server.test", 80, address)
}

/// One request on a connection of its own.
async fn fetch(stack: Stack<'_>, number: usize, post: bool) -> Vec<u8> {
    let mut http = HttpClient::new(&stack, &stack);
    let url = format!("http://server.test/{number}");
    let mut buffer = [0; 4096];
    let data = body(number);
    let (mut get, mut posted);
    let response = if post {
        let request = http.request(Method::POST, &url).await.unwrap();
        posted = request.body(&data[..]);
        posted.send(&mut buffer).await.unwrap()
    } else {
        get = http.request(Method::GET, &url).await.unwrap();
        get.send(&mut buffer).await.unwrap()
    };
    assert_eq!(response.status, StatusCode(200));
    let length = response.content_length.unwrap();
    let mut reader = response.body().reader();
    assert!(!matches!(reader, BodyReader::ToEnd(_)));
    let mut all = Vec::new();
    while let part @ [_, ..] = reader.fill_buf().await.unwrap() {
        all.extend_from_slice(part);
        let count = part.len();
        reader.consume(count);
    }
    assert_eq!(all.len(), length);
    all
}

fn every_body_arrives(chop: Chop) {
    run(Bench::new().chop(chop), serve(), async |stack, modem| {
        for number in 0..10 {
            let fetched = fetch(stack, number, false).await;
            assert!(fetched == body(number), "body {number} differs");
            assert_eq!(fetch(stack, number, true).await, b"same", "body {number}");
        }
        assert_no_violation(modem);
    });
}

#[test]
fn every_body_arrives_byte_by_byte() {
    every_body_arrives(Chop::Bytes(1));
}

#[test]
fn every_body_arrives_in_large_lumps() {
    every_body_arrives(Chop::Whole);
}

#[test]
fn every_body_arrives_in_random_pieces() {
    every_body_arrives(Chop::Random { seed: 3, max: 300 });
}

#[test]
fn a_small_get_costs_one_send_and_two_reads() {
    run(Bench::new(), serve(), async |stack, modem| {
        for _ in 0..10 {
            modem.reset_counts();
            assert_eq!(fetch(stack, 10, false).await, body(10));
            let commands = modem.commands();
            assert_eq!(commands["QISEND"], 1, "{commands:?}");
            assert!(commands["QIRD"] <= 2, "{commands:?}");
            assert_eq!(commands["QIOPEN"], 1, "{commands:?}");
        }
    });
}

/// The request goes out as one, however many headers it has.
#[test]
fn headers_cost_no_further_send() {
    run(Bench::new(), serve(), async |stack, modem| {
        let mut http = HttpClient::new(&stack, &stack);
        let request = http.request(Method::GET, "http://server.test/10");
        let headers: Vec<(&str, &str)> = vec![("X-Name", "value"); 40];
        let mut request = request.await.unwrap().headers(&headers);
        modem.reset_counts();
        let mut buffer = [0; 4096];
        let response = request.send(&mut buffer).await.unwrap();
        assert_eq!(response.body().read_to_end().await.unwrap(), body(10));
        assert_eq!(modem.commands()["QISEND"], 1);
    });
}

/// A resource keeps its connection.
#[test]
fn a_connection_serves_many_requests() {
    run(Bench::new(), serve(), async |stack, modem| {
        let mut http = HttpClient::new(&stack, &stack);
        modem.reset_counts();
        let mut resource = http.resource("http://server.test").await.unwrap();
        for round in 0..20 {
            let number = 10 + round % 3;
            let mut buffer = vec![0; 160_000];
            let path = format!("/{number}");
            let request = resource.get(&path);
            let response = request.send(&mut buffer).await.unwrap();
            assert!(response.body().read_to_end().await.unwrap() == body(number));
        }
        let commands = modem.commands();
        assert_eq!((commands["QIOPEN"], commands["QISEND"]), (1, 20));
    });
}

#[test]
fn four_at_once_get_each_its_own() {
    let bench = Bench::new().chop(Chop::Random { seed: 9, max: 700 });
    run(bench, serve(), async |stack, modem| {
        let one = async |number: usize| {
            for _ in 0..3 {
                assert!(fetch(stack, number, false).await == body(number));
                assert_eq!(fetch(stack, number, true).await, b"same");
            }
        };
        join4(one(11), one(12), one(13), one(14)).await;
        assert_no_violation(modem);
    });
}

/// From the connect to the last byte of the body, as `docs/benchmarks.md` says.
#[test]
fn a_get_takes_one_send_and_one_read() {
    let network = InProcess::new();
    network.tcp(PEER, 80, |mut peer| async move {
        let mut request = Vec::new();
        let mut buffer = [0; 512];
        while !request.ends_with(b"\r\n\r\n") {
            let count = peer.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n";
        peer.write_all(head).await.unwrap();
        peer.write_all(&noise(3, 1024)).await.unwrap();
        // Until the client closes.
        while let Ok(1..) = peer.read(&mut buffer).await {}
    });
    network.latency(Duration::from_millis(30));
    let latency = Duration::from_millis(5);
    let bench = Bench::new()
        .baud(115_200)
        .settings(|settings| settings.latency(latency).send_latency(latency));
    bench.run_with::<_, 2, 2048, 2048>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.reset_counts();
        let mut http = HttpClient::new(&stack, &stack);
        let url = format!("http://{PEER}/");
        let mut request = http.request(Method::GET, &url).await.unwrap();
        let mut buffer = [0; 2048];
        let response = request.send(&mut buffer).await.unwrap();
        let body = response.body().read_to_end().await.unwrap();
        assert!(body == noise(3, 1024));
        let commands = modem.commands();
        let count = |name| commands.get(name).copied().unwrap_or(0);
        assert_eq!((count("QISEND"), count("QIRD")), (1, 1));
    });
}
