//! The example `socks5` as a program, with curl as its client and a virtual modem of its own in between.

mod bench;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bench::{Proxy, Server, length, noise, take};
use testbench::program::{LIMIT, run};

/// On a computer with much else to do, a client may not read for seconds.
const PUSH: &[&str] = &["--push", "--stall-time", "60"];

#[test]
fn ten_transfers_at_a_time_in_buffer_mode() {
    let server = Server::start();
    Proxy::start(server.address, &[], &[]).moves_everything(length());
    assert!(server.open[1].load(Ordering::SeqCst) > 1, "not in parallel");
}

#[test]
fn ten_transfers_at_a_time_in_push_mode() {
    let server = Server::start();
    Proxy::start(server.address, &[], PUSH).moves_everything(length());
}

#[test]
fn ten_transfers_at_a_time_with_faults() {
    let server = Server::start();
    // Pieces as small as those of the plain test take hours in a long one.
    let (length, chop) = match length() {
        short @ 0..1_000_000 => (short, "chop=random,3,24"),
        long => (long / 5, "chop=random,300,1400"),
    };
    for options in [&[], PUSH] {
        let faults = [chop, "foreign-urcs=0.3,5", "send-fail=every=40"];
        Proxy::start(server.address, &faults, options).moves_everything(length);
    }
}

/// The module has 12 sockets. Clients that come later are served when one is free, and may leave before.
#[test]
fn more_clients_than_sockets_wait() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, &[], &["--half-open", "600"]);
    let mut held: Vec<TcpStream> = (0..12)
        .map(|_| {
            let (stream, reply) = proxy.connect("web.test", 80);
            assert_eq!(reply, 0);
            stream
        })
        .collect();
    let mut gives_up = TcpStream::connect(&proxy.place).unwrap();
    gives_up
        .write_all(b"\x05\x01\x00\x05\x01\x00\x03\x08web.test\x00\x50")
        .unwrap();
    assert_eq!(take(&mut gives_up, 2), [5, 0]);
    thread::sleep(Duration::from_millis(100));
    drop(gives_up);
    assert!(proxy.program.next_line().contains("gave up waiting"));
    let waits = proxy.curl(&["http://web.test/1/1000"]);
    // One that is done makes room, also if only the client has closed.
    drop(held.pop());
    let output = waits.wait_with_output().unwrap();
    assert!(output.stdout == noise(1, 1000));
}

#[test]
fn replies_say_what_went_wrong() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, &["refuse-open=561,1"], &[]);
    assert_eq!(
        proxy.connect("web.test", 80).1,
        3,
        "the context is said to be gone"
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap().port();
    drop(free);
    assert_eq!(proxy.connect("localhost", closed).1, 5, "refused");
    assert_eq!(proxy.connect("127.0.0.1", closed).1, 5, "refused");
    assert_eq!(proxy.connect("nowhere.test", 80).1, 4, "no such name");
    assert_eq!(proxy.connect("bad\"name", 80).1, 4, "no name");
    assert_eq!(proxy.connect("web.test", 0).1, 1, "no port");
    assert_eq!(proxy.request(2, &[1, 127, 0, 0, 1], 80).1, 7, "BIND");
    assert_eq!(proxy.request(1, &[9], 80).1, 8, "an unknown type");
    // It still works.
    let output = proxy.curl(&["http://web.test/7/9"]).wait_with_output();
    assert_eq!(output.unwrap().stdout, noise(7, 9));
}

#[test]
fn who_speaks_something_else_is_turned_away() {
    let proxy = Proxy::start(Server::start().address, &[], &[]);
    for (greeting, says) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "failed: not a SOCKS client"),
        (
            b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
            "failed: a client of SOCKS4",
        ),
        (b"\x05\x01\x02", "insists on authentication"),
    ] {
        let mut stream = TcpStream::connect(&proxy.place).unwrap();
        stream.write_all(greeting).unwrap();
        let line = proxy.program.next_line();
        assert!(line.contains(says), "{line}");
    }
    run("examples/socks5", &["--listen", "0.0.0.0:1080"]).fails_with("not a loopback address");
    let modem = ["--modem", "tcp:127.0.0.1:1"];
    run(
        "examples/socks5",
        &[&modem[..], &["--listen", &proxy.place]].concat(),
    )
    .fails_with("cannot listen on");
    run(
        "examples/socks5",
        &[&modem[..], &["--listen", "127.0.0.1:0"]].concat(),
    )
    .fails_with("no modem at");
}

/// What each side does at the end is what the other one sees.
#[test]
fn ends_are_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap(), &[], &["--half-open", "2"]);
    let pair = || {
        let (client, reply) = proxy.connect("web.test", 80);
        assert_eq!(reply, 0);
        let mut client = client;
        take(&mut client, 6);
        let (server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        (client, server)
    };
    let end = |stream: &mut TcpStream| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map(|_| rest)
    };

    // The server sends and closes: the client gets all of it, then the end.
    let (mut client, mut server) = pair();
    server.write_all(&noise(1, 30_000)).unwrap();
    drop(server);
    assert!(end(&mut client).unwrap() == noise(1, 30_000));

    // The client closes one direction: the answer still comes.
    let (mut client, mut server) = pair();
    client.write_all(b"a question").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut question = [0; 10];
    server.read_exact(&mut question).unwrap();
    server.write_all(b"an answer").unwrap();
    // A server that waits for the end gets it after --half-open.
    let begin = Instant::now();
    assert_eq!(end(&mut server).unwrap(), b"");
    assert!(begin.elapsed() > Duration::from_secs(1));
    assert_eq!(end(&mut client).unwrap(), b"an answer");

    // The client sends and leaves: the server gets all of it.
    let (mut client, mut server) = pair();
    client.write_all(&noise(2, 30_000)).unwrap();
    drop(client);
    assert!(end(&mut server).unwrap() == noise(2, 30_000));
}

/// A connection that the module loses is no proper end.
#[test]
fn a_lost_connection_is_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::start(address, &["pdpdeact=1,20000"], &[]);
    let (mut client, reply) = proxy.connect("web.test", 80);
    assert_eq!(reply, 0);
    let (mut server, _) = listener.accept().unwrap();
    let kept = server.try_clone().unwrap();
    thread::spawn(move || server.write_all(&noise(1, 100_000)));
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(kept);
    // The link comes back by itself.
    let again = Server::start();
    let target = again.address.port();
    let url = format!("http://localhost:{target}/3/5000");
    let output = proxy.curl(&[&url]).wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout == noise(3, 5000), "{words}");
}

#[test]
fn datagrams_go_to_any_peer() {
    let proxy = Proxy::start(Server::start().address, &[], &[]);
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = echo.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = echo.recv_from(&mut buffer) {
            *count.lock().unwrap() += 1;
            echo.send_to(&buffer[..length], from).unwrap();
        }
    });
    let (mut control, reply) = proxy.request(3, &[1, 0, 0, 0, 0], 0);
    assert_eq!(reply, 0);
    let bound = take(&mut control, 6);
    assert_eq!(bound[..4], [127, 0, 0, 1]);
    let relay = ("127.0.0.1", u16::from_be_bytes([bound[4], bound[5]]));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let head = |address: &[u8]| [&[0, 0, 0], address, &port.to_be_bytes()].concat();
    let mut by_address = head(&[1, 127, 0, 0, 1]);
    let mut by_name = head(b"\x03\x09localhost");
    let answer_head = by_address.clone();
    by_address.extend(b"by address");
    by_name.extend(b"by name");

    // These are dropped: a fragment, nothing, too long, a name that does not exist.
    let mut fragment = by_address.clone();
    fragment[2] = 1;
    let long = [&answer_head[..], &[0; 1461]].concat();
    let nowhere = [&[0, 0, 0, 3, 4][..], b"x.yz", &[0, 7], b"hello"].concat();
    for datagram in [&fragment[..], &[], &long, &nowhere] {
        client.send_to(datagram, relay).unwrap();
    }
    // This client alone is served.
    for datagram in [&by_address, &by_name] {
        client.send_to(datagram, relay).unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(datagram, relay).unwrap();
        let mut buffer = [0; 2000];
        let (length, _) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..10], answer_head, "{length}");
        assert_eq!(
            buffer[10..length],
            datagram[datagram.len() - (length - 10)..]
        );
    }
    drop(control);
    let line = proxy.program.next_line();
    assert!(
        line.contains("UDP: 2 datagrams up, 2 down, 6 dropped"),
        "{line}"
    );
    assert_eq!(*seen.lock().unwrap(), 2);
}
