//! A virtual LTE module on a pseudo terminal or a TCP port.

mod attach;

use lexopt::{Arg, Parser, ValueExt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use virtual_modem::{Fault, Line, Loopback, Settings, VirtualModem, serial, time};

const HELP: &str = "\
A virtual Quectel LTE module. Its sockets are real ones, on the loopback interface only.

Usage: virtual-modem <--pty PATH | --tcp ADDRESS:PORT> [OPTIONS]

Options:
      --pty PATH             Create a pseudo terminal, with a symbolic link to it at this path
      --tcp ADDRESS:PORT     Listen for the host on a loopback address
      --baud BAUD            Baud rate in bit/s; 0 is infinitely fast [default: 0]
      --latency-ms MS        Time from a command to its answer [default: 0]
      --port NAME            The module's name for its port: uart1, usbat, usbmodem [default: uart1]
      --cold                 Start with a boot instead of running already
      --fault NAME[=ARGUMENTS]
                             Inject a fault; may be repeated
      --route HOST:PORT=127.0.0.1:PORT
                             Route a name or address and its port to a loopback address; may be repeated
      --dns NAME=ADDRESS     The address of a name; may be repeated
      --quiet                Do not log to standard error
  -h, --help                 Print this help
  -V, --version              Print the version

Faults:
  ";

#[derive(Default)]
struct Options {
    pty: Option<PathBuf>,
    tcp: Option<SocketAddr>,
    baud: u32,
    latency_ms: u64,
    port: Option<String>,
    cold: bool,
    faults: Vec<Fault>,
    routes: Vec<(String, u16, SocketAddr)>,
    names: Vec<(String, IpAddr)>,
    quiet: bool,
}

impl Options {
    /// The options of the command line; `None` if it asks for a text, which has been printed.
    fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("pty") => options.pty = Some(parser.value()?.into()),
                Arg::Long("tcp") => options.tcp = Some(parser.value()?.parse()?),
                Arg::Long("baud") => options.baud = parser.value()?.parse()?,
                Arg::Long("latency-ms") => options.latency_ms = parser.value()?.parse()?,
                Arg::Long("port") => options.port = Some(parser.value()?.string()?),
                Arg::Long("cold") => options.cold = true,
                Arg::Long("fault") => options.faults.push(parser.value()?.parse()?),
                Arg::Long("route") => options
                    .routes
                    .push(parser.value()?.parse_with(parse_route)?),
                Arg::Long("dns") => options.names.push(parser.value()?.parse_with(parse_name)?),
                Arg::Long("quiet") => options.quiet = true,
                Arg::Short('h') | Arg::Long("help") => {
                    println!("{HELP}{}", list(Fault::TABLE));
                    return Ok(None);
                }
                Arg::Short('V') | Arg::Long("version") => {
                    println!("virtual-modem {}", env!("CARGO_PKG_VERSION"));
                    return Ok(None);
                }
                other => return Err(other.unexpected()),
            }
        }
        match (&options.pty, options.tcp) {
            (None, None) => Err("--pty or --tcp is missing".into()),
            (Some(_), Some(_)) => Err("--pty and --tcp exclude each other".into()),
            _ => Ok(Some(options)),
        }
    }
}

/// A table in two columns.
fn list(rows: &[(&str, &str)]) -> String {
    let rows = rows
        .iter()
        .map(|(form, meaning)| format!("{form:36} {meaning}"));
    rows.collect::<Vec<_>>().join("\n  ")
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
    let options = match Options::parse(Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-modem: {error}; --help lists the options");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-modem: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let mut network = Loopback::new();
    for (host, port, to) in &options.routes {
        network = network.route(host, *port, *to);
    }
    let mut settings = Settings::new()
        .latency(Duration::from_millis(options.latency_ms))
        .cold(options.cold);
    if let Some(port) = &options.port {
        settings.port = port.clone();
    }
    for (name, address) in &options.names {
        settings = settings.dns(name, &[&address.to_string()]);
    }
    let modem = VirtualModem::new(settings, network);
    let handle = modem.handle();
    if !options.quiet {
        handle.set_trace(|entry| eprintln!("{entry}"));
    }
    for fault in &options.faults {
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
