//! Measures the throughput of a modem in its three access modes.
//!
//! ```text
//! cargo run --example throughput
//! cargo run --example throughput -- --serve 0.0.0.0:7000
//! cargo run --example throughput -- --modem /dev/ttyUSB2 --baud 921600 --rtscts --apn internet HOST:7000
//! ```
//!
//! The second command is the peer of the third one; run it on a computer that the modem can reach.

use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns};
use indicatif::{ProgressBar, ProgressStyle};
use programs::check::peer::{self, payload};
use programs::{Line, ModemOptions};
use quectel_nal::at::AccessMode;
use quectel_nal::{Stack, TcpReader, TcpWriter};
use virtual_modem::Loopback;

/// Rate of the virtual modem's line if `--baud` is not given, in bit/s.
const VIRTUAL_BAUD: u32 = 921_600;
/// Bytes that are read and written at a time.
const PART: usize = 1460;

/// Measures download and upload through a modem in its three access modes.
///
/// The line of the virtual modem has 921600 bit/s if --baud is not given.
#[derive(Parser)]
#[command(name = "throughput")]
struct Arguments {
    /// HOST:PORT of a peer (see --serve) [default: one in this program, through the virtual modem]
    #[arg(value_name = "HOST:PORT", value_parser = programs::host_and_port)]
    peer: Option<(String, u16)>,

    /// Be the peer, on this address and port
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "peer")]
    serve: Option<SocketAddr>,

    /// The access mode
    #[arg(long, value_enum, default_value = "all")]
    mode: Mode,

    /// How many bytes in each direction
    #[arg(short = 'n', long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    bytes: u32,

    #[command(flatten)]
    modem: ModemOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Buffer,
    Push,
    Transparent,
    All,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(address) = arguments.serve {
        let address = peer::listen(address)?;
        eprintln!("the peer listens on {address}");
        loop {
            thread::park();
        }
    }
    let mut network = Loopback::new();
    let peer = match &arguments.peer {
        Some(peer) => peer.clone(),
        None => {
            ensure!(arguments.modem.is_virtual(), "give HOST:PORT of a peer");
            let address = peer::listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            network = network.route("peer.test", 7000, address);
            ("peer.test".into(), 7000)
        }
    };
    let modem = arguments.modem.clone().with_virtual_baud(VIRTUAL_BAUD);
    let line = Line::default();
    let outcome = modem.run(&line, network, async |stack| {
        programs::link_up(stack).await?;
        let measure = Measure {
            stack,
            line: &line,
            bytes: arguments.bytes as usize,
            baud: modem.baud(),
            shows_progress: !modem.trace,
        };
        let peer = resolve(stack, &peer).await?;
        println!(
            "mode         way   goodput       line     AT commands  bytes on the wire per byte"
        );
        for mode in [Mode::Buffer, Mode::Push, Mode::Transparent] {
            if arguments.mode == mode || arguments.mode == Mode::All {
                measure.mode(mode, peer).await?;
            }
        }
        Ok(())
    });
    eprintln!("{line}");
    outcome
}

async fn resolve(stack: Stack<'_>, (host, port): &(String, u16)) -> Result<SocketAddr> {
    let looking_up = stack.get_host_by_name(host, AddrType::Either);
    let address = programs::waiting("the name lookup", looking_up)
        .await
        .with_context(|| format!("cannot look up {host}"))?;
    Ok(SocketAddr::new(address, *port))
}

/// Parameters that all measurements share.
struct Measure<'a, 'd> {
    stack: Stack<'d>,
    line: &'a Line,
    bytes: usize,
    baud: Option<u32>,
    shows_progress: bool,
}

impl Measure<'_, '_> {
    /// Both directions over one connection.
    async fn mode(&self, mode: Mode, peer: SocketAddr) -> Result<()> {
        let refused = || format!("cannot connect to {peer}");
        if mode == Mode::Transparent {
            let stack = self.stack.with_access_mode(AccessMode::Transparent);
            let connection = programs::waiting("the connection", stack.connect(peer)).await;
            let mut connection = connection.with_context(refused)?;
            self.both("transparent", connection.split()).await?;
            connection.close().await?;
        } else {
            let (name, mode) = match mode {
                Mode::Push => ("push", AccessMode::DirectPush),
                _ => ("buffer", AccessMode::Buffer),
            };
            let connection = self.stack.with_access_mode(mode).connect(peer).await;
            let mut connection = connection.with_context(refused)?;
            self.both(name, connection.split()).await?;
            connection.close().await?;
        }
        Ok(())
    }

    async fn both(
        &self,
        name: &str,
        (mut reader, mut writer): (TcpReader<'_, '_>, TcpWriter<'_, '_>),
    ) -> Result<()> {
        let request = format!("down {}\n", self.bytes);
        writer.write_all(request.as_bytes()).await?;
        writer.flush().await?;
        self.timed(name, "down", async |progress| {
            let mut buffer = [0; PART];
            let mut seen = 0;
            let mut begin = (Instant::now(), 0);
            while seen < self.bytes {
                let count = reader.read(&mut buffer).await?;
                ensure!(count > 0, "the peer has closed");
                let expected = (seen..).map(payload);
                ensure!(
                    buffer[..count].iter().copied().eq(expected.take(count)),
                    "other bytes than the peer sent, behind {seen}"
                );
                // The time until the first byte of the answer does not count.
                if seen == 0 && count < self.bytes {
                    begin = (Instant::now(), count);
                }
                seen += count;
                progress.inc(count as u64);
            }
            Ok(begin)
        })
        .await?;

        let request = format!("up {}\n", self.bytes);
        writer.write_all(request.as_bytes()).await?;
        writer.flush().await?;
        self.timed(name, "up", async |progress| {
            let all: Vec<u8> = (0..self.bytes).map(payload).collect();
            let begin = (Instant::now(), 0);
            for part in all.chunks(PART) {
                writer.write_all(part).await?;
                progress.inc(part.len() as u64);
            }
            writer.flush().await?;
            Ok(begin)
        })
        .await?;
        let mut verdict = [0];
        ensure!(reader.read(&mut verdict).await? == 1, "the peer has closed");
        ensure!(verdict == *b"+", "the peer received other bytes");
        Ok(())
    }

    /// Runs one transfer, which returns its start time and how many bytes were transferred before, and prints its throughput.
    async fn timed(
        &self,
        name: &str,
        way: &str,
        transfer: impl AsyncFnOnce(&ProgressBar) -> Result<(Instant, usize)>,
    ) -> Result<()> {
        let progress = self.progress(name, way)?;
        let commands = self.stack.statistics().transactions;
        let on_wire = self.line.bytes();
        let (start, before) = transfer(&progress).await?;
        let seconds = start.elapsed().as_micros() as f64 / 1e6;
        progress.finish_and_clear();
        let commands = self.stack.statistics().transactions - commands;
        let wire = (self.line.bytes() - on_wire) as f64 / self.bytes as f64;
        let rate = (self.bytes - before) as f64 / seconds;
        let share = match self.baud {
            // Ten bit times for a byte.
            Some(baud) => format!("{:.1} %", 1000.0 * rate / f64::from(baud)),
            None => "-".into(),
        };
        let rate = format!("{:.1} kB/s", rate / 1000.0);
        println!("{name:11}  {way:4}  {rate:>12}  {share:>7}  {commands:>11}  {wire:>26.3}");
        Ok(())
    }

    fn progress(&self, name: &str, way: &str) -> Result<ProgressBar> {
        if !self.shows_progress {
            return Ok(ProgressBar::hidden());
        }
        let template = "{msg} {bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template)?;
        Ok(ProgressBar::new(self.bytes as u64)
            .with_style(style)
            .with_message(format!("{name} {way}")))
    }
}
