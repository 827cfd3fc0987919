//! The example `http_get` as a program, against servers on the loopback interface.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use axum::{Router, routing};
use programs::peers::tls::{self, Authority, Identity};
use testbench::program::{self, LIMIT, Outcome};

fn http_get(arguments: &[&str]) -> Outcome {
    program::run("examples/http_get", arguments)
}

struct Request {
    head: String,
    body: Vec<u8>,
}

/// A server for one connection; gives the beginning of its URL.
fn serve(answer: impl FnOnce(Request, &mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        answer(Request { head, body }, &mut stream);
    });
    url
}

/// Bytes of every kind.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn without_a_url_it_fetches_a_demo_page() {
    let outcome = http_get(&[])
        .succeeds()
        .says("HTTP 200 OK")
        .says("QIOPEN 1");
    assert!(
        String::from_utf8(outcome.body)
            .unwrap()
            .contains("It works")
    );
}

#[test]
fn the_body_can_go_into_a_file() {
    let page = noise(70_000);
    let body = page.clone();
    let url = serve(move |request, stream| {
        assert!(
            request.head.starts_with("GET /a/b?c=d HTTP/1.1\r\n"),
            "{}",
            request.head
        );
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    let path = file("body");
    let arguments = [&format!("{url}/a/b?c=d"), "-o", path.to_str().unwrap()];
    let outcome = http_get(&arguments).succeeds().says("70000 bytes");
    assert!(outcome.body.is_empty());
    assert!(fs::read(path).unwrap() == page, "the file differs");
}

#[test]
fn a_large_file_can_be_posted() {
    let path = file("large");
    let data = noise(1 << 20);
    fs::write(&path, &data).unwrap();
    let url = serve(move |request, stream| {
        assert!(
            request.head.starts_with("POST / HTTP/1.1\r\n"),
            "{}",
            request.head
        );
        let verdict = if request.body == data {
            "same"
        } else {
            "different"
        };
        let length = verdict.len();
        write!(
            stream,
            "HTTP/1.1 201 Created\r\nContent-Length: {length}\r\n\r\n{verdict}"
        )
        .unwrap();
    });
    let outcome = http_get(&[&url, "-d", &format!("@{}", path.display())]);
    assert_eq!(outcome.succeeds().says("HTTP 201 Created").body, b"same");
}

#[test]
fn text_can_be_posted() {
    let url = serve(|request, stream| {
        assert_eq!(request.body, b"temperature=21");
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
    });
    let outcome = http_get(&[&url, "-d", "temperature=21"]).succeeds();
    assert!(outcome.body.is_empty());
}

#[test]
fn a_chunked_body_is_put_together() {
    let page = noise(20_000);
    let body = page.clone();
    let url = serve(move |_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for chunk in body.chunks(3_333) {
            write!(stream, "{:x}\r\n", chunk.len()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let outcome = http_get(&[&url]).succeeds();
    assert!(outcome.body == page, "the body differs");
}

#[test]
fn an_error_page_is_a_page() {
    let url = serve(|_, stream| {
        let page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n";
        stream.write_all(page).unwrap();
    });
    let outcome = http_get(&[&format!("{url}/missing")]).succeeds();
    assert_eq!(outcome.says("HTTP 404 Not Found").body, b"none\n");
}

/// A server with a page behind TLS.
fn serve_encrypted(identity: Identity, page: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = page.to_vec();
    let router = Router::new().route("/", routing::get(async || body));
    tls::serve(listener, identity, router).unwrap();
    format!("https://localhost:{port}/")
}

#[test]
fn a_page_can_be_fetched_over_tls() {
    let page = noise(100_000);
    let url = serve_encrypted(Identity::self_signed("localhost").unwrap(), &page);
    let outcome = http_get(&[&url])
        .succeeds()
        .says("certificate is NOT checked")
        .says("HTTP 200 OK");
    assert!(outcome.body == page, "the body differs");
}

#[test]
fn a_certificate_can_be_checked() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let write = |name: &str, bytes: &[u8]| {
        let path = format!("{folder}/{name}");
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let authority = Authority::new().unwrap();
    let pem = write("authority.pem", authority.pem.as_bytes());
    let der = write("authority.der", &authority.certificate);
    let other = Authority::new().unwrap();
    let other = write("other.pem", other.pem.as_bytes());
    let nothing = write("nothing.pem", b"no certificate");

    let page = noise(3_000);
    let url = serve_encrypted(authority.sign("localhost").unwrap(), &page);
    for path in [&pem, &der] {
        let outcome = http_get(&[&url, "--ca", path]).succeeds();
        assert!(!outcome.messages.contains("NOT checked"));
        assert!(outcome.body == page, "the body differs");
    }
    http_get(&[&url, "--ca", &other]).fails_with("the server is not believed");
    http_get(&[&url, "--ca", &nothing]).fails_with("holds no certificate");
    http_get(&[&url, "--ca", "no/such/file"]).fails_with("cannot read no/such/file");
    let url = serve_encrypted(authority.sign("elsewhere.test").unwrap(), &page);
    http_get(&[&url, "--ca", &pem]).fails_with("the server is not believed");
}

#[test]
fn a_server_without_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 100]);
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    http_get(&[&url]).fails_with("TLS failed");
}

#[test]
fn a_cut_connection_is_an_error() {
    let heads: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
    ];
    for head in heads {
        let url = serve(move |_, stream| {
            stream.write_all(head).unwrap();
            if head.ends_with(b"\n") {
                stream.write_all(&noise(2_000)).unwrap();
            }
        });
        let outcome = http_get(&[&url]).fails_with("cut before the response was complete");
        assert!(outcome.time < Duration::from_secs(20), "{:?}", outcome.time);
    }
}

#[test]
fn a_chunked_body_without_its_end_is_cut() {
    let url = serve(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        stream.write_all(head).unwrap();
    });
    http_get(&[&url]).fails_with("cut before the response was complete");
}

#[test]
fn wrong_urls_are_explained() {
    http_get(&["http://localhost:1/"]).fails_with("check host and port");
    http_get(&["https://localhost:1/"]).fails_with("check host and port");
    http_get(&["https://"]).fails_with("has to begin with http://");
    http_get(&["ftp://localhost/"]).fails_with("has to begin with http://");
    http_get(&["localhost"]).fails_with("has to begin with http://");
    http_get(&["http://"]).fails_with("has to begin with http://");
    http_get(&["http://example.com/"]).fails_with("reaches this computer only");
    http_get(&["http://localhost:99999/"]).fails_with("http_get: ");
    http_get(&["-d", "@/no/such/file"]).fails_with("cannot read /no/such/file");
}

#[test]
fn the_timeout_is_kept() {
    let url = serve(|_, _| thread::sleep(LIMIT));
    let outcome = http_get(&[&url, "--timeout", "0.7"]).fails_with("waiting for the response");
    assert!(outcome.time >= Duration::from_millis(700));
    assert!(outcome.time < Duration::from_secs(10), "{:?}", outcome.time);
}

#[test]
fn the_trace_can_be_read() {
    let url = serve(|_, stream| {
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\0\xff\r\nOK\r\n>";
        stream.write_all(page).unwrap();
    });
    let port = url.rsplit(':').next().unwrap();
    http_get(&[&url, "--trace"])
        .succeeds()
        .says("→ ATE0\n")
        .says(&format!(
            "→ AT+QIOPEN=1,0,\"TCP\",\"127.0.0.1\",{port},0,0\n"
        ))
        .says("← +QIOPEN: 0,0\n")
        .says("← >\n")
        .says(" bytes] GET / HTTP/1.1\\r\\n")
        .says("← SEND OK\n")
        .says("← +QIURC: \"recv\",0,")
        .says("← +QIRD: ")
        .says(" bytes] HTTP/1.1 200 OK\\r\\n");
}

#[test]
fn a_silent_modem_is_given_up() {
    let modem = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("tcp:{}", modem.local_addr().unwrap());
    http_get(&["--modem", &place, "--timeout", "0.5", "http://localhost/"])
        .fails_with("waiting for the network");
    drop(modem);
    http_get(&["--modem", &place, "http://localhost/"]).fails_with("no modem at");
    http_get(&["--modem", "/no/port", "http://localhost/"]).fails_with("cannot open /no/port");
    http_get(&["--modem", &place]).fails_with("give a URL");
}

#[test]
fn a_modem_that_goes_away_is_an_error() {
    let modem = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("tcp:{}", modem.local_addr().unwrap());
    thread::spawn(move || drop(modem.accept()));
    http_get(&["--modem", &place, "http://localhost/"]).fails_with("lost the modem");
}

fn hello() -> String {
    serve(|_, stream| {
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
        stream.write_all(page).unwrap();
    })
}

#[test]
fn it_works_over_tcp_again_and_again() {
    let (_modem, place) = program::modem_over_tcp();
    for _ in 0..2 {
        let outcome = http_get(&["--modem", &place, &hello()]).succeeds();
        assert_eq!(outcome.body, b"hello\n");
    }
}

#[cfg(unix)]
#[test]
fn it_works_on_a_serial_port_again_and_again() {
    let (_modem, path) = program::modem_on_a_pty(file("http-get-port"), &[]);
    for _ in 0..2 {
        let outcome = http_get(&["--modem", &path, &hello()]).succeeds();
        assert_eq!(outcome.body, b"hello\n");
    }
}
