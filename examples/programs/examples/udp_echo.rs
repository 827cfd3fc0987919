//! Sends UDP datagrams to an echo server and receives them.
//!
//! ```text
//! cargo run --example udp_echo
//! cargo run --example udp_echo -- --modem /dev/ttyUSB2 --apn internet echo.example.com:7
//! ```

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use embassy_time::{Duration, Instant, with_timeout};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, UdpStack};
use programs::{Line, ModemOptions};
use quectel_nal::Stack;
use virtual_modem::Loopback;

/// Sends datagrams to a UDP echo server, and prints the round-trip times.
#[derive(Parser)]
#[command(name = "udp_echo")]
struct Arguments {
    /// HOST:PORT of the server [default: one in this program, through the virtual modem]
    #[arg(value_name = "HOST:PORT", value_parser = programs::host_and_port)]
    server: Option<(String, u16)>,

    /// Number of datagrams
    #[arg(short = 'n', long, default_value_t = 4)]
    count: u32,

    /// Length of each in bytes, 1 to 1460
    #[arg(short, long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1460))]
    size: u16,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut network = Loopback::new();
    let server = match &arguments.server {
        Some(server) => server.clone(),
        None => {
            ensure!(arguments.modem.is_virtual(), "give HOST:PORT of a server");
            network = network.route("echo.test", 7, serve()?);
            ("echo.test".into(), 7)
        }
    };
    let line = Line::default();
    let outcome = arguments.modem.run(&line, network, async |stack| {
        programs::link_up(stack).await?;
        echo(stack, &server, &arguments).await
    });
    eprintln!("{line}");
    outcome
}

async fn echo(stack: Stack<'_>, (host, port): &(String, u16), arguments: &Arguments) -> Result<()> {
    let looking_up = stack.get_host_by_name(host, AddrType::Either);
    let address = programs::waiting("the name lookup", looking_up)
        .await
        .with_context(|| format!("cannot look up {host}"))?;
    let remote = SocketAddr::new(address, *port);
    let (local, mut socket) = stack
        .connect_from("0.0.0.0:0".parse()?, remote)
        .await
        .context("no socket")?;
    eprintln!("from {local} to {remote}");

    let mut returned = 0;
    for number in 0..arguments.count {
        let datagram: Vec<u8> = (0..arguments.size)
            .map(|index| (number + u32::from(index)) as u8)
            .collect();
        let start = Instant::now();
        socket.send(&datagram).await?;
        let mut buffer = [0; 1500];
        // Datagrams may be lost, and may arrive late and out of order.
        let answer = with_timeout(Duration::from_secs(5), async {
            loop {
                let length = socket.receive_into(&mut buffer).await?;
                if buffer[..length] == datagram {
                    return Ok::<_, quectel_nal::Error>(());
                }
            }
        });
        match answer.await {
            Ok(outcome) => {
                outcome?;
                returned += 1;
                let time = start.elapsed().as_micros() as f32 / 1000.0;
                println!("{} bytes back after {time:.1} ms", datagram.len());
            }
            Err(_) => println!("datagram {number} did not come back"),
        }
    }
    socket.close().await?;
    ensure!(returned > 0, "nothing came back");
    Ok(())
}

/// A server in this program.
fn serve() -> Result<SocketAddr> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    let address = socket.local_addr()?;
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], peer);
        }
    });
    Ok(address)
}
