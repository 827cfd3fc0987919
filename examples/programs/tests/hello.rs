//! The example `hello` as a program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use testbench::program::{modem_on_a_pty, run};

#[test]
fn without_arguments_the_page_comes_from_the_simulated_module() {
    let outcome = run("examples/hello", &[]).succeeds();
    let page = String::from_utf8(outcome.body).unwrap();
    assert_eq!(
        page,
        "HTTP/1.0 200 OK\r\n\r\nHello from behind the module\n"
    );
}

#[cfg(unix)]
#[test]
fn with_a_serial_port_the_page_comes_from_the_host_that_was_named() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let serve = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request: Vec<_> = (lines.by_ref().map_while(Result::ok))
            .take_while(|line| !line.is_empty())
            .collect();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello\n").unwrap();
        request
    });
    let port = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hello-port");
    let route = format!("web.example:80={address}");
    let (_modem, port) = modem_on_a_pty(port, &["--route", &route]);
    let outcome = run("examples/hello", &[&port, "internet", "web.example"]).succeeds();
    assert_eq!(outcome.body, b"HTTP/1.0 200 OK\r\n\r\nhello\n");
    let request = serve.join().unwrap();
    assert_eq!(request, ["GET / HTTP/1.0", "Host: web.example"]);
}
