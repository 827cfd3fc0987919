//! Fetches a web page through the TCP/IP stack of a module, a simulated one if no serial port is named:
//! `cargo run --example hello [-- /dev/serial0 APN example.com]`; on USB, `Config::new(apn)` needs `.urc_port(Some("usbat"))` as well.
use embassy_futures::select::{Either, select};
use embedded_io_adapters::futures_03::FromFutures;
use embedded_io_async::{Read, Write};
use quectel_nal::{Config, Resources};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::io::{Read as _, Write as _, stdout};
use std::{error::Error, fs::File, net::TcpListener, thread};
use virtual_modem::{Line, Loopback, Settings, VirtualModem, serial, time};
type Outcome = Result<(), Box<dyn Error>>;

/// Runs the stack on the two halves of a UART until the page has come.
async fn fetch(mut rx: impl Read, mut tx: impl Write, apn: &str, host: &str) -> Outcome {
    // One socket, with rings of 2048 bytes to receive into and 1024 bytes to send from.
    let mut resources = Resources::<1, 2048, 1024>::new();
    let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new(apn));
    let running = async {
        loop {
            eprintln!("{}", runner.run(&mut rx, &mut tx).await);
        }
    };
    let get = async {
        stack.wait_link_up().await?;
        let mut connection = stack.connect_host(host, 80).await?;
        let request = format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut buffer = [0; 512];
        while let count @ 1.. = connection.read(&mut buffer).await? {
            stdout().write_all(&buffer[..count])?;
        }
        Ok(connection.close().await?)
    };
    let Either::First(outcome) = select(get, running).await;
    outcome
}

fn main() -> Outcome {
    if let [_, port, apn, host] = &std::env::args().collect::<Vec<_>>()[..] {
        let port = File::options().read(true).write(true).open(port)?;
        let mut settings = tcgetattr(&port)?;
        settings.make_raw();
        settings.set_speed(115_200)?;
        tcsetattr(&port, OptionalActions::Flush, &settings)?;
        let uart = async_io::Async::new(port)?;
        let (rx, tx) = (FromFutures::new(&uart), FromFutures::new(&uart));
        return time::block_on(fetch(rx, tx, apn, host));
    }
    // Without arguments: a server in this program, and a simulated module that reaches it.
    let server = TcpListener::bind("127.0.0.1:0")?;
    let network = Loopback::new().route("hello.test", 80, server.local_addr()?);
    thread::spawn(move || {
        let (mut stream, _) = server.accept()?;
        let _ = stream.read(&mut [0; 512])?;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nHello from behind the module\n")
    });
    let (rx, tx, line) = serial::pair(Line::new(115_200));
    thread::spawn(|| time::block_on(VirtualModem::new(Settings::new(), network).run(line)));
    time::block_on(fetch(rx, tx, "internet", "hello.test"))
}
