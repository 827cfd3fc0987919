//! The examples as programs, as somebody without a modem runs them, and with a virtual modem over TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use testbench::program::{self, Background, LIMIT, Outcome, run};

fn output(outcome: &Outcome) -> &str {
    std::str::from_utf8(&outcome.body).unwrap()
}

#[test]
fn udp_echo_gets_its_datagrams_back() {
    let outcome = run("examples/udp_echo", &[]).succeeds().says("QISEND 4");
    let lines: Vec<&str> = output(&outcome).lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in lines {
        assert!(line.starts_with("64 bytes back after "), "{line}");
    }
    let outcome = run("examples/udp_echo", &["-n", "2", "--size", "1460"]).succeeds();
    assert_eq!(output(&outcome).matches("1460 bytes back").count(), 2);
    run("examples/udp_echo", &["--size", "1461"]).fails_with("--size");
    run("examples/udp_echo", &["localhost"]).fails_with("the port is missing");
    run("examples/udp_echo", &["nowhere.test:7"]).fails_with("cannot look up nowhere.test");
}

#[test]
fn udp_echo_reaches_another_server() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = server.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 100];
        let (length, peer) = server.recv_from(&mut buffer).unwrap();
        server.send_to(b"something else", peer).unwrap();
        server.send_to(&buffer[..length], peer).unwrap();
    });
    let outcome = run("examples/udp_echo", &["-n", "1", &place]).succeeds();
    assert_eq!(output(&outcome).lines().count(), 1);
}

#[test]
fn blocking_http_gets_the_page() {
    let outcome = run("examples/blocking_http", &["--trace"])
        .succeeds()
        .says("200 OK")
        .says("→ AT+QIDNSGIP=1,\"demo.test\"\n")
        .says(" bytes] GET / HTTP/1.0")
        .says("← SEND OK\n")
        .says("QICLOSE 1");
    assert!(output(&outcome).contains("<h1>It works</h1>"));
    run("examples/blocking_http", &["nowhere.test"]).fails_with("cannot look up nowhere.test");
}

#[test]
fn mqtt_gets_its_message_back() {
    let outcome = run("examples/mqtt", &[])
        .succeeds()
        .says("connected to broker.test:1883")
        .says("subscribed to quectel-nal/demo")
        .says("the broker has the message");
    assert_eq!(output(&outcome), "hello\n");
    let message = "\r\nOK\r\n+++";
    let outcome = run("examples/mqtt", &["-t", "a/b", "-m", message]).succeeds();
    assert_eq!(output(&outcome), format!("{message}\n"));
    run("examples/mqtt", &["-t", "a/#"]).fails_with("not a topic to publish on");
    run("examples/mqtt", &["localhost:1"]).fails_with("cannot connect to localhost");
}

#[test]
fn mqtt_notices_who_is_no_broker() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    thread::spawn(move || drop(listener.accept()));
    run("examples/mqtt", &[&place]).fails_with("the broker refused");
}

#[test]
fn coap_fetches_a_resource() {
    let outcome = run("examples/coap", &[]).succeeds();
    assert_eq!(output(&outcome), "21.5\n");
    run("examples/coap", &["http://localhost/"]).fails_with("not a coap:// URL");
}

/// The first datagram is lost.
#[test]
fn coap_asks_again() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("coap://{}/x", server.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let mut buffer = [0; 100];
        let (length, _) = server.recv_from(&mut buffer).unwrap();
        let first = buffer[..length].to_vec();
        let (length, peer) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..length], first);
        // 2.05 Content, piggybacked on the acknowledgement, with the token of the request.
        let answer = [&[0x61, 0x45][..], &first[2..5], b"\xffhello"].concat();
        server.send_to(&answer, peer).unwrap();
    });
    let outcome = run("examples/coap", &[&url]).succeeds();
    assert_eq!(output(&outcome), "hello\n");
    outcome.says("no answer, attempt 1");
    answering.join().unwrap();
}

#[test]
fn http_server_is_visited() {
    let outcome = run("examples/http_server", &[])
        .succeeds()
        .says("listening on")
        .says("QIOPEN 1");
    assert!(
        output(&outcome).contains("<p>Signal: -"),
        "{}",
        output(&outcome)
    );
}

/// By somebody who knows that port, in whatever way.
#[test]
fn http_server_serves_others() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = free.local_addr().unwrap();
    drop(free);
    let port = place.port().to_string();
    let server = Background::start("examples/http_server", &["--port", &port]);
    assert!(server.next_line().starts_with("listening on"));
    for (request, answer) in [
        (
            "GET / HTTP/1.1\r\nHost: modem\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ),
        ("GET /x HTTP/1.0\r\n\r\n", "HTTP/1.0 404 Not Found\r\n"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 405 Method",
        ),
        ("\r\nOK\r\n\r\n", ""),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n"),
    ] {
        let mut client = TcpStream::connect(place).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        assert!(all.starts_with(answer), "{request}: {all}");
        assert_eq!(all.is_empty(), answer.is_empty(), "{request}: {all}");
        // Each visit is told, when both sides have closed.
        drop(client);
        server.next_line();
    }
}

/// With peers that are there already, and a modem that is a program of its own.
#[test]
fn examples_work_over_tcp() {
    let (_modem, place) = program::modem_over_tcp();
    let modem = ["--modem", &place];

    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = echo.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = echo.recv_from(&mut buffer) {
            echo.send_to(&buffer[..length], peer).unwrap();
        }
    });
    let outcome = run("examples/udp_echo", &[&modem[..], &[&to]].concat()).succeeds();
    assert_eq!(output(&outcome).matches("64 bytes back").count(), 4);

    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = page.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let (mut stream, _) = page.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while request.next().unwrap().unwrap() != "" {}
        let answer = b"HTTP/1.0 200 OK\r\n\r\nplain\n";
        stream.write_all(answer).unwrap();
    });
    let arguments = [&modem[..], &["--port", &port, "localhost"]].concat();
    let outcome = run("examples/blocking_http", &arguments).succeeds();
    assert_eq!(output(&outcome), "plain\n");

    let outcome = run("examples/modem_tools", &modem).succeeds();
    assert!(output(&outcome).contains("3 of 3 answered\n"));
}

#[test]
fn modem_tools_tell_everything() {
    let outcome = run("examples/modem_tools", &[]).succeeds();
    for words in [
        "module: Quectel EC25\n",
        "firmware: EC25E",
        "IMEI: 8611",
        "signal: -",
        "own address: 10.",
        "localhost: 127.0.0.1\n",
        "echo from 127.0.0.1 after 1 ms\n",
        "3 of 3 answered\n",
        "time: 2026-07-02 14:27:52 UTC+08:00\n",
    ] {
        assert!(
            output(&outcome).contains(words),
            "{words}: {}",
            output(&outcome)
        );
    }
    run("examples/modem_tools", &["--host", "nowhere.test"])
        .fails_with("cannot look up nowhere.test");
    let (_modem, place) = program::modem_over_tcp_with(&["--fault", "ping-loss=1"]);
    run("examples/modem_tools", &["--modem", &place]).fails_with("no ping was answered");
    let (_modem, place) = program::modem_over_tcp_with(&["--fault", "silent"]);
    run("examples/modem_tools", &["--modem", &place]).fails_with("the module does not answer");
}

#[test]
fn throughput_measures_every_mode() {
    let outcome = run("examples/throughput", &["-n", "20000"]).succeeds();
    let lines: Vec<&str> = output(&outcome).lines().collect();
    let [head, figures @ ..] = &lines[..] else {
        panic!("nothing is said");
    };
    assert!(head.starts_with("mode "), "{head}");
    let begins: Vec<Vec<&str>> = figures
        .iter()
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    let modes = ["buffer", "push", "transparent"];
    let expected: Vec<Vec<&str>> = modes
        .iter()
        .flat_map(|mode| [vec![*mode, "down"], vec![*mode, "up"]])
        .collect();
    assert_eq!(begins, expected);
    let outcome = run("examples/throughput", &["-n", "1", "--mode", "push"]).succeeds();
    assert_eq!(output(&outcome).lines().count(), 3);
    run("examples/throughput", &["nowhere.test:7"]).fails_with("cannot look up nowhere.test");
}

#[test]
fn without_a_peer_a_real_modem_needs_to_be_told_one() {
    let modem = ["--modem", "tcp:127.0.0.1:1"];
    run("examples/udp_echo", &modem).fails_with("give HOST:PORT");
    run("examples/throughput", &modem).fails_with("give HOST:PORT");
    run("examples/mqtt", &modem).fails_with("give HOST[:PORT]");
    run("examples/coap", &modem).fails_with("give a URL");
    run("examples/modem_tools", &modem).fails_with("no modem at");
}

/// A modem that is not there is not what they complain of.
#[test]
fn arguments_are_checked_before_the_modem_is_touched() {
    for (program, argument, says) in [
        ("udp_echo", &["localhost"][..], "the port is missing"),
        ("udp_echo", &["localhost:0"], "the port is not a number"),
        ("throughput", &["peer.test:x"], "the port is not a number"),
        ("coap", &["http://localhost/"], "not a coap:// URL"),
        ("coap", &["coap://host:x/"], "the port is not a number"),
        (
            "mqtt",
            &["-t", "a/#", "localhost"],
            "not a topic to publish on",
        ),
        ("http_server", &[], "give a --port"),
        (
            "http_get",
            &["-o", "/no/folder/x", "http://localhost/"],
            "cannot write /no/folder/x",
        ),
        (
            "modem_check",
            &["--report", "/no/folder/x"],
            "cannot write /no/folder/x",
        ),
        ("modem_check", &["--peer", "host"], "the port is missing"),
        ("mqtt", &["localhost:0"], "the port is not a number"),
        ("blocking_http", &[], "give the name of a host"),
        (
            "blocking_http",
            &["localhost", "page"],
            "the path has to begin with /",
        ),
        (
            "blocking_http",
            &["--port", "0", "localhost"],
            "0 is not in",
        ),
        ("socks5", &["--listen", "0.0.0.0:1080"], "not a loopback"),
    ] {
        let modem = ["--modem", "tcp:127.0.0.1:1"];
        let arguments = [&modem[..], argument].concat();
        run(&format!("examples/{program}"), &arguments).fails_with(says);
    }
}

/// A server for one request.
fn serve_once(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while request.next().unwrap().unwrap() != "" {}
        stream.write_all(answer).unwrap();
    });
    port
}

#[cfg(unix)]
#[test]
fn blocking_http_works_on_a_serial_port_again_and_again() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (_modem, path) = program::modem_on_a_pty(folder.join("blocking-port"), &[]);
    for _ in 0..2 {
        let port = serve_once(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nplain\n");
        let arguments = ["--modem", &path, "--port", &port, "localhost"];
        let outcome = run("examples/blocking_http", &arguments).succeeds();
        assert_eq!(output(&outcome), "plain\n");
    }
}

#[test]
fn blocking_http_notices_a_body_that_was_cut() {
    for (answer, says) in [
        (
            &b"HTTP/1.0 200 OK\r\nContent-Length: 60\r\n\r\nplain\n"[..],
            "6 bytes of 60 came",
        ),
        (b"HTTP/1.0 200 OK\r\nContent-", "cut in its head"),
    ] {
        let port = serve_once(answer);
        run("examples/blocking_http", &["--port", &port, "localhost"]).fails_with(says);
    }
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_what_is_waited_for() {
    let options = ["--fault", "slow=QIACT,1500"];
    let (_modem, place) = program::modem_over_tcp_with(&options);
    let port = serve_once(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nplain\n");
    let url = format!("http://localhost:{port}/");
    let shown = on_a_terminal("examples/http_get", &["--modem", &place, &url]);
    for part in ["connecting to the network, signal -63 dBm (", "plain"] {
        assert!(shown.contains(part), "{part}: {shown:?}");
    }
    let shown = on_a_terminal("examples/blocking_http", &["--modem", &place, "localhost"]);
    assert!(shown.contains("waiting for the network (1 s)"), "{shown:?}");
}

/// `script` runs a program on a terminal, and writes what it shows.
#[cfg(unix)]
fn on_a_terminal(path: &str, arguments: &[&str]) -> String {
    let program = program::built(path);
    let command = format!("{} {}", program.display(), arguments.join(" "));
    let shown = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script is part of Debian's bsdutils");
    String::from_utf8_lossy(&shown.stdout).into_owned()
}

/// No lookup would end, and data be noticed late, if the URCs went elsewhere.
#[cfg(unix)]
#[test]
fn urcs_come_whatever_the_module_calls_the_port() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (_modem, path) = program::modem_on_a_pty(folder.join("usb-port"), &["--port", "usbat"]);
    let modem = ["--modem", &path];
    let page = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nplain\n";
    let says = "the module calls this port usbat, not uart1";

    let url = format!("http://localhost:{}/", serve_once(page));
    let outcome = run("examples/http_get", &[&modem[..], &[&url]].concat());
    assert_eq!(outcome.succeeds().says(says).body, b"plain\n");

    let port = serve_once(page);
    let arguments = [&modem[..], &["--port", &port, "localhost"]].concat();
    let outcome = run("examples/blocking_http", &arguments);
    assert_eq!(outcome.succeeds().says(says).body, b"plain\n");
}

/// The same when the user has named another port: the error says so.
#[cfg(unix)]
#[test]
fn a_wrong_port_for_urcs_is_named_as_the_reason() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (_modem, path) = program::modem_on_a_pty(folder.join("wrong-port"), &["--port", "usbat"]);
    let modem = ["--modem", &path, "--urc-port", "uart1"];
    let rest = ["--timeout", "7", "http://localhost:1/"];
    run("examples/http_get", &[&modem[..], &rest].concat())
        .fails_with("no time left")
        .says("the module calls this port usbat")
        .says("no URC has come: if one was waited for,");
}

#[cfg(unix)]
#[test]
fn a_refused_port_for_urcs_is_said() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let options = ["--fault", "refuse=QURCCFG,0,1000"];
    let (_modem, path) = program::modem_on_a_pty(folder.join("refused-port"), &options);
    let page = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nplain\n";
    for program in ["http_get", "blocking_http"] {
        let port = serve_once(page);
        let url = format!("http://localhost:{port}/");
        let rest: &[&str] = match program {
            "http_get" => &[&url],
            _ => &["--port", &port, "localhost"],
        };
        let arguments = [&["--modem", &path], rest].concat();
        run(&format!("examples/{program}"), &arguments)
            .succeeds()
            .says("the module refuses AT+QURCCFG");
    }
}
