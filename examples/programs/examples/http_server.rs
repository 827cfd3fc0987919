//! A small web server behind the modem: edge-http on the connections of `Stack::listen`.
//!
//! ```text
//! cargo run --example http_server
//! cargo run --example http_server -- --modem /dev/ttyUSB2 --apn internet --port 80
//! ```
//!
//! Most mobile operators block incoming connections; a server needs a public address or a private APN.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use edge_http::Method;
use edge_http::io::server::Connection;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::Write;
use programs::{Line, ModemOptions};
use quectel_nal::{Stack, TcpConnection};
use virtual_modem::Loopback;

/// Serves a page about the modem. With the virtual modem and without a port, it fetches its own page and ends.
#[derive(Parser)]
#[command(name = "http_server")]
struct Arguments {
    /// The port to listen on
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.port.is_some() || arguments.modem.is_virtual(),
        "give a --port to listen on"
    );
    let line = Line::default();
    let outcome = arguments.modem.run(&line, Loopback::new(), async |stack| {
        programs::link_up(stack).await?;
        match arguments.port {
            Some(port) => serve(stack, port).await,
            None => {
                let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
                let visit = blocking::unblock(move || visit(port));
                match select(serve(stack, port), visit).await {
                    Either::First(outcome) => outcome,
                    Either::Second(page) => {
                        println!("{}", page?);
                        Ok(())
                    }
                }
            }
        }
    });
    eprintln!("{line}");
    outcome
}

async fn serve(stack: Stack<'_>, port: u16) -> Result<()> {
    let listener = stack.listen(port).await.context("cannot listen")?;
    let address = stack.local_addr().context("no address")?;
    eprintln!("listening on {address}, port {port}");
    loop {
        let (connection, peer) = listener.accept().await.context("the listener failed")?;
        let visit = answer(stack, connection);
        match with_timeout(Duration::from_secs(10), visit).await {
            Ok(Ok(request)) => eprintln!("{peer}: {request}"),
            Ok(Err(error)) => eprintln!("{peer}: {error:#}"),
            Err(_) => eprintln!("{peer}: too slow"),
        }
    }
}

/// Answers one request with edge-http, and returns its method and path.
async fn answer(stack: Stack<'_>, mut stream: TcpConnection<'_>) -> Result<String> {
    let mut head = [0; 2048];
    let http = Connection::new(&mut head, &mut stream).await;
    let mut http: Connection<'_, _> = http.map_err(explain)?;
    let asked = http.headers().map_err(explain)?;
    let request = format!("{} {}", asked.method, asked.path);
    let (status, reason, body) = match (asked.method, asked.path) {
        (Method::Get, "/") => (200, "OK", page(stack).await?),
        (Method::Get, _) => (404, "Not Found", "There is nothing here.\n".into()),
        _ => (
            405,
            "Method Not Allowed",
            "Only GET is understood.\n".into(),
        ),
    };
    let length = body.len().to_string();
    let headers = [
        ("Content-Type", "text/html"),
        ("Content-Length", &length),
        ("Connection", "close"),
    ];
    let response = http.initiate_response(status, Some(reason), &headers);
    response.await.map_err(explain)?;
    http.write_all(body.as_bytes()).await.map_err(explain)?;
    http.complete().await.map_err(explain)?;
    stream.close().await?;
    Ok(request)
}

fn explain(error: edge_http::io::Error<quectel_nal::Error>) -> anyhow::Error {
    match error {
        edge_http::io::Error::Io(error) => anyhow!(error),
        error => anyhow!("not a request of HTTP: {error:?}"),
    }
}

async fn page(stack: Stack<'_>) -> Result<String> {
    let quality = stack.module().signal_quality().await;
    let signal = quality.ok().and_then(|quality| quality.dbm());
    let signal = signal.map_or("not known".into(), |dbm| format!("{dbm} dBm"));
    let transactions = stack.statistics().transactions;
    Ok(format!(
        "<!doctype html>\n<title>modem</title>\n<p>Signal: {signal}</p>\n<p>AT commands so far: {transactions}</p>\n"
    ))
}

/// A client in this program that uses the operating system's network stack.
fn visit(port: u16) -> Result<String> {
    let mut attempts = 0;
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) if attempts == 500 => return Err(error.into()),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
        attempts += 1;
    };
    stream.write_all(b"GET / HTTP/1.1\r\nHost: modem\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (_, page) = response.split_once("\r\n\r\n").context("no page")?;
    Ok(page.into())
}
