//! A virtual LTE module on a pseudo terminal or a TCP port.

mod attach;

use clap::{ArgGroup, Parser};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use virtual_modem::{Fault, Line, Loopback, Settings, VirtualModem, serial, time};

/// A virtual Quectel LTE module. Its sockets are real ones, on the loopback interface only.
#[derive(Parser)]
#[command(version, after_help = faults())]
#[command(group(ArgGroup::new("port").required(true).args(["pty", "tcp"])))]
struct Options {
    /// Create a pseudo terminal, with a symbolic link to it at this path
    #[arg(long, value_name = "PATH")]
    pty: Option<PathBuf>,
    /// Listen for the host on a loopback address
    #[arg(long, value_name = "ADDRESS:PORT")]
    tcp: Option<SocketAddr>,
    /// Baud rate in bit/s; 0 is infinitely fast
    #[arg(long, default_value_t = 0)]
    baud: u32,
    /// Time from a command to its answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Start with a boot instead of running already
    #[arg(long)]
    cold: bool,
    /// Inject a fault; may be repeated
    #[arg(long, value_name = "NAME[=ARGUMENTS]")]
    fault: Vec<Fault>,
    /// Route a name or address and its port to a loopback address; may be repeated
    #[arg(long, value_name = "HOST:PORT=127.0.0.1:PORT", value_parser = parse_route)]
    route: Vec<(String, u16, SocketAddr)>,
    /// The address of a name; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS", value_parser = parse_name)]
    dns: Vec<(String, IpAddr)>,
    /// Do not log to standard error
    #[arg(long)]
    quiet: bool,
}

fn faults() -> String {
    format!("Faults:\n  {}", Fault::FORMS.join("\n  "))
}

fn parse_route(text: &str) -> Result<(String, u16, SocketAddr), String> {
    let (from, to) = text.split_once('=').ok_or("no = between the two ends")?;
    let (host, port) = from.rsplit_once(':').ok_or("no port")?;
    let port = port.parse().map_err(|_| format!("no port: {port}"))?;
    let to: SocketAddr = to.parse().map_err(|_| format!("no address: {to}"))?;
    if !to.ip().is_loopback() {
        return Err(format!("{to} is not on the loopback interface"));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.into(), port, to))
}

fn parse_name(text: &str) -> Result<(String, IpAddr), String> {
    let (name, address) = text
        .split_once('=')
        .ok_or("no = between name and address")?;
    let address = address
        .parse()
        .map_err(|_| format!("no address: {address}"))?;
    Ok((name.into(), address))
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-modem: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let mut network = Loopback::new();
    for (host, port, to) in &options.route {
        network = network.route(host, *port, *to);
    }
    let mut settings = Settings::new()
        .latency(Duration::from_millis(options.latency_ms))
        .cold(options.cold);
    for (name, address) in &options.dns {
        settings = settings.dns(name, &[&address.to_string()]);
    }
    let modem = VirtualModem::new(settings, network);
    let handle = modem.handle();
    if !options.quiet {
        handle.set_trace(|entry| eprintln!("{entry}"));
    }
    for fault in &options.fault {
        handle.inject(fault.clone());
    }
    let (rx, tx, end) = serial::pair(Line::new(options.baud));
    let port = async {
        match (&options.pty, options.tcp) {
            (Some(path), _) => attach::pty(path, rx, tx).await,
            (None, Some(address)) => attach::tcp(address, rx, tx).await,
            (None, None) => Ok(()),
        }
    };
    time::block_on(futures_lite::future::or(port, async {
        modem.run(end).await;
        Ok(())
    }))
}
