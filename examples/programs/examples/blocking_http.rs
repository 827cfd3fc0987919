//! Fetches a page with the blocking traits of embedded-nal: a plain loop, without executor and `async`.
//!
//! ```text
//! cargo run --example blocking_http
//! cargo run --example blocking_http -- --modem /dev/ttyUSB2 --apn internet example.com /
//! ```

use std::io::Write as _;
use std::pin::pin;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use embassy_time::{Duration, Instant};
use embedded_nal::nb::block;
use embedded_nal::{AddrType, Dns, TcpClientStack};
use programs::{FAREWELL, Line, ModemOptions};
use quectel_nal::{Resources, RunError, blocking};
use virtual_modem::Loopback;

/// How long it may take to find out what the module calls its port.
const SETTLING: Duration = Duration::from_secs(30);

/// Fetches a page over plain HTTP, with the blocking traits of embedded-nal.
#[derive(Parser)]
#[command(name = "blocking_http")]
struct Arguments {
    /// Host name [default: a page in this program, through the virtual modem]
    host: Option<String>,

    /// Path of the page
    #[arg(default_value = "/")]
    path: String,

    /// The server's port
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut network = Loopback::new();
    let host = match &arguments.host {
        Some(host) => host.clone(),
        None => {
            ensure!(arguments.modem.is_virtual(), "give the name of a host");
            network = network.route("demo.test", arguments.port, programs::peers::demo::serve()?);
            "demo.test".into()
        }
    };
    ensure!(
        arguments.path.starts_with('/'),
        "the path has to begin with /"
    );
    let line = Line::default();
    let (port, config) = arguments.modem.port(&line, network)?;

    let mut resources = Resources::<2, 2048, 1024>::new();
    let (stack, mut runner) = quectel_nal::new(&mut resources, config);
    let uart = blocking::Uart::new(port);
    let (rx, tx) = uart.split();
    let engine = pin!(runner.run(rx, tx));
    let stack = blocking::Stack::new(stack, engine);

    programs::block("the network", || stack.link_up()).map_err(programs::link_down)?;
    let settling = arguments.modem.settle_urc_port(stack.handle());
    stack.wait_for(settling, SETTLING)?;
    let page = fetch(&stack, &host, &arguments)
        .map_err(|error| programs::explained(error, stack.handle()))?;
    // The close is sent while the stack is polled.
    let end = Instant::now() + FAREWELL;
    while !line.is_quiet() && Instant::now() < end {
        stack.poll()?;
    }

    let end = page.windows(4).position(|part| part == b"\r\n\r\n");
    let end = end.context("the answer is not HTTP, or was cut in its head")?;
    let head = String::from_utf8_lossy(&page[..end]);
    eprintln!("{}", head.lines().next().unwrap_or_default());
    let body = &page[end + 4..];
    std::io::stdout().write_all(body)?;
    eprintln!("{line}");
    check_length(&head, body.len())
}

/// The answer with its head.
fn fetch<R: Future<Output = RunError> + Unpin>(
    stack: &blocking::Stack<'_, R>,
    host: &str,
    arguments: &Arguments,
) -> Result<Vec<u8>> {
    let mut tcp = stack.tcp();
    let address = programs::block("the name lookup", || {
        tcp.get_host_by_name(host, AddrType::Either)
    })
    .map_err(|error| anyhow!(error))
    .with_context(|| format!("cannot look up {host}"))?;
    let mut socket = tcp.socket()?;
    let remote = (address, arguments.port).into();
    programs::block("the connection", || tcp.connect(&mut socket, remote))
        .map_err(|error| anyhow!(error))
        .with_context(|| format!("cannot connect to {host}"))?;

    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        arguments.path
    );
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        let sent = block!(tcp.send(&mut socket, rest))?;
        rest = &rest[sent..];
    }

    let mut page = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        match programs::block("the answer", || tcp.receive(&mut socket, &mut buffer)) {
            Ok(0) => break,
            Ok(count) => page.extend_from_slice(&buffer[..count]),
            Err(quectel_nal::Error::Closed) => break,
            Err(error) => bail!("the connection failed: {error}"),
        }
    }
    tcp.close(socket)?;
    Ok(page)
}

/// Whether the body is as long as the head says. Without a length, the end of the connection is taken for its end.
fn check_length(head: &str, length: usize) -> Result<()> {
    let announced = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let Some(announced) = announced else {
        return Ok(());
    };
    let announced = announced.context("a Content-Length that is no number")?;
    ensure!(
        length == announced,
        "the connection was cut: {length} bytes of {announced} came"
    );
    Ok(())
}
