//! Shared by all examples: the modem options, and running a program on the network stack of the modem.

pub mod check;
mod line;
pub mod peers;
mod port;
mod serial_port;
mod status;
mod urc_port;

use std::net::{TcpStream, ToSocketAddrs};
use std::pin::pin;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use async_io::Async;
use blocking::Unblock;
use clap::Args;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, with_timeout};
use embedded_io_adapters::futures_03::FromFutures;
use embedded_io_async::{Read, Write};
use futures_lite::future;
use quectel_nal::{Config, LinkError, LinkState, Resources, Stack};
use virtual_modem::{Loopback, Settings, VirtualModem, serial, time};

pub use line::Line;
pub use port::Port;
use serial_port::SerialPort;
pub use status::{block, waiting};
use urc_port::UrcPort;

/// The options that select and configure the modem.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Modem")]
pub struct ModemOptions {
    /// The modem: `virtual` (a simulated one, inside this program), `tcp:HOST:PORT` (a running
    /// virtual-modem, or a serial port server), or a serial port such as /dev/ttyUSB2
    #[arg(long, default_value = "virtual", value_name = "MODEM")]
    modem: Place,

    /// Bits per second of the serial line [default: 115200; unlimited for the virtual modem]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    baud: Option<u32>,

    /// RTS/CTS flow control; both lines have to be wired, and AT+IFC=2,2 be set in the module
    #[arg(long)]
    rtscts: bool,

    /// The access point name (APN) of the SIM card's operator
    #[arg(long, default_value = "internet", value_name = "NAME")]
    apn: String,

    /// The PIN of the SIM card, if it has one
    #[arg(long)]
    pin: Option<String>,

    /// The module's name for the port it is reached through: uart1, usbat, usbmodem
    /// [default: on a serial port, found out; else uart1]
    #[arg(long, value_name = "NAME")]
    urc_port: Option<String>,

    /// In direct push access mode, how long data that nobody reads may stop the serial line before its
    /// connection fails, in seconds
    #[arg(long, value_name = "S", default_value_t = 2)]
    stall_time: u16,

    /// Print all bytes that are exchanged with the module
    #[arg(long)]
    pub trace: bool,
}

/// Where the modem is connected.
#[derive(Clone, Debug)]
enum Place {
    Virtual,
    Tcp(String),
    Serial(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("tcp:") {
            Some(address) if address.contains(':') => Ok(Self::Tcp(address.into())),
            Some(_) => Err("tcp: needs HOST:PORT".into()),
            None if text == "virtual" => Ok(Self::Virtual),
            None if text.contains(['/', '\\']) || text.starts_with("COM") => {
                Ok(Self::Serial(text.into()))
            }
            None => Err("neither `virtual`, tcp:HOST:PORT nor a serial port".into()),
        }
    }
}

/// The sockets of the stack: as many as the module has.
pub const SOCKETS: usize = 12;
/// Bytes of a socket's receive ring. In direct push mode a server may send that much at once.
const RECEIVE_RING: usize = 16_384;
const TRANSMIT_RING: usize = 4096;

/// How long the last connections may take to close when a program is done.
pub const FAREWELL: Duration = Duration::from_secs(5);

impl ModemOptions {
    /// Whether the modem is the simulated one inside this program.
    pub fn is_virtual(&self) -> bool {
        matches!(self.modem, Place::Virtual)
    }

    /// Bits per second of the serial line, if it has a limit.
    pub fn baud(&self) -> Option<u32> {
        match self.modem {
            Place::Serial(_) => Some(self.baud.unwrap_or(115_200)),
            Place::Virtual | Place::Tcp(_) => self.baud,
        }
    }

    /// The same options, with this rate if the modem is virtual and has none.
    pub fn with_virtual_baud(mut self, baud: u32) -> Self {
        if self.is_virtual() {
            self.baud.get_or_insert(baud);
        }
        self
    }

    /// Runs `program` on the network stack of the modem. `network` is the network of a virtual modem.
    pub fn run<T>(
        &self,
        line: &Line,
        network: Loopback,
        program: impl AsyncFnOnce(Stack<'_>) -> Result<T>,
    ) -> Result<T> {
        let options = self;
        self.on_port(
            network,
            OnStack {
                options,
                line,
                program,
            },
        )
    }

    /// Runs `program` on the serial line of the modem, without a stack.
    pub fn on_port<P: OnPort>(&self, network: Loopback, program: P) -> Result<P::Output> {
        time::block_on(async {
            match &self.modem {
                Place::Virtual => self.run_virtual(network, program).await,
                Place::Tcp(address) => {
                    let stream = connect(address)
                        .await
                        .with_context(|| format!("no modem at {address}"))?;
                    let (rx, tx) = (FromFutures::new(&stream), FromFutures::new(&stream));
                    program.run(rx, tx).await
                }
                Place::Serial(path) => {
                    let (port, guard) = SerialPort::open(path, self)?;
                    let rx = FromFutures::new(Unblock::new(port.try_clone()?));
                    let tx = FromFutures::new(Unblock::new(port));
                    let outcome = program.run(rx, tx).await;
                    guard.close();
                    outcome
                }
            }
        })
    }

    /// The options of a [`check`] without a peer.
    pub fn check_options(&self) -> check::Options {
        check::Options {
            apn: self.apn.clone(),
            urc_port: self.urc_port().name.into(),
            pin: self.pin.clone(),
            peer: None,
            time_server: "pool.ntp.org".into(),
            may_detach: false,
            is_quick: false,
        }
    }

    /// The modem for a program without `async`, and the configuration for the stack.
    pub fn port(&self, line: &Line, network: Loopback) -> Result<(Port, Config<'_>)> {
        let port = match &self.modem {
            Place::Virtual => {
                let mut settings = Settings::new();
                settings.port = self.urc_port().name.into();
                Port::virtual_modem(settings, self.baud.unwrap_or(0), network)?
            }
            Place::Tcp(address) => {
                let stream = std::net::TcpStream::connect(address)
                    .with_context(|| format!("no modem at {address}"))?;
                stream.set_nonblocking(true)?;
                Port::new(stream)
            }
            Place::Serial(path) => Port::new(serial_port::open(path, self, serial_port::POLL)?),
        };
        if self.trace {
            status::leave_out();
        }
        Ok((port.watched(line, self.trace), self.config()))
    }

    fn config(&self) -> Config<'_> {
        let config = Config::new(&self.apn)
            .urc_port(Some(self.urc_port().name))
            .stall_time(Duration::from_secs(self.stall_time.into()));
        match &self.pin {
            Some(pin) => config.pin(pin),
            None => config,
        }
    }

    async fn run_virtual<P: OnPort>(&self, network: Loopback, program: P) -> Result<P::Output> {
        let mut settings = Settings::new();
        settings.port = self.urc_port().name.into();
        let modem = VirtualModem::new(settings, network);
        let (rx, tx, end) = serial::pair(serial::Line::new(self.baud.unwrap_or(0)));
        let outcome = future::or(program.run(rx, tx), async {
            modem.run(end).await;
            future::pending().await
        })
        .await;
        if self.trace {
            for violation in modem.handle().violations() {
                eprintln!("the virtual modem objects: {violation}");
            }
        }
        outcome
    }

    fn urc_port(&self) -> UrcPort<'_> {
        let name = match (&self.urc_port, &self.modem) {
            (Some(name), _) => name,
            (None, Place::Serial(path)) if path.starts_with("/dev/ttyUSB") => "usbat",
            (None, _) => "uart1",
        };
        UrcPort {
            name,
            is_given: self.urc_port.is_some(),
        }
    }

    /// For a program that uses [`port`](Self::port), when the link is up: finds out whether the module's URCs come, and corrects a
    /// guess.
    pub async fn settle_urc_port(&self, stack: Stack<'_>) {
        if let Place::Serial(_) = self.modem {
            urc_port::settle(stack, self.urc_port()).await;
        }
    }
}

/// What runs on the serial line of a modem.
pub trait OnPort {
    /// What it returns.
    type Output;

    /// Runs it on the two halves of the line.
    fn run<R: Read, W: Write>(self, rx: R, tx: W) -> impl Future<Output = Result<Self::Output>>;
}

/// The stack and its runner, beside a program.
struct OnStack<'a, P> {
    options: &'a ModemOptions,
    line: &'a Line,
    program: P,
}

impl<T, P: AsyncFnOnce(Stack<'_>) -> Result<T>> OnPort for OnStack<'_, P> {
    type Output = T;

    async fn run<R: Read, W: Write>(self, rx: R, tx: W) -> Result<T> {
        let Self {
            options,
            line,
            program,
        } = self;
        let mut resources = Box::new(Resources::<SOCKETS, RECEIVE_RING, TRANSMIT_RING>::new());
        let (stack, mut runner) = quectel_nal::new(&mut *resources, options.config());
        if options.trace {
            status::leave_out();
        }
        let (rx, tx) = line.watch(rx, tx, options.trace);
        let mut running = pin!(runner.run(rx, tx));
        let watching = async {
            match options.modem {
                Place::Serial(_) => urc_port::watch(stack, options.urc_port()).await,
                _ => future::pending().await,
            }
        };
        let serving = select(&mut running, watching);
        match select(serving, program(stack)).await {
            Either::Second(outcome) => {
                // Connections that were dropped are closed by the runner.
                if stack.link_state() == LinkState::Up {
                    let _ = with_timeout(FAREWELL, select(line.quiet(), running)).await;
                }
                outcome.map_err(|error| explained(error, stack))
            }
            Either::First(Either::First(error)) => Err(anyhow!(error).context("lost the modem")),
            Either::First(Either::Second(())) => unreachable!("it is watched for ever"),
        }
    }
}

/// Takes HOST:PORT apart; an IPv6 address stands in square brackets.
pub fn host_and_port(text: &str) -> Result<(String, u16)> {
    let (host, port) = text.rsplit_once(':').context("the port is missing")?;
    let port = port.parse().ok().filter(|port| *port > 0);
    let port = port.context("the port is not a number from 1 to 65535")?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    if host.is_empty() {
        bail!("the host is missing");
    }
    Ok((host.into(), port))
}

/// Waits until the link is up. Prints why it is not, and what the user can do.
pub async fn link_up(stack: Stack<'_>) -> Result<()> {
    let up = async {
        let up = stack.wait_link_up().await;
        if up.is_ok() {
            urc_port::known().await;
        }
        up
    };
    status::waiting_for_link(stack, up).await.map_err(link_down)
}

/// Adds to an error that nothing has come of what the module says by itself.
pub fn explained(error: anyhow::Error, stack: Stack<'_>) -> anyhow::Error {
    if stack.link_state() != LinkState::Up || stack.statistics().urcs > 0 {
        return error;
    }
    anyhow!(
        "{error:#}; no URC has come: if one was waited for, URCs go to another port of the module (--urc-port)"
    )
}

/// Why the link is down, and what the user can do.
pub fn link_down(error: LinkError) -> anyhow::Error {
    let advice = match error {
        LinkError::NoAnswer => {
            "check that it is powered, that --modem names its AT port (on USB usually the third, /dev/ttyUSB2), and that --baud is its rate"
        }
        LinkError::SimMissing(_) | LinkError::SimFailure(_) => {
            "check that the SIM card is in place"
        }
        LinkError::SimLocked => {
            "give the PIN with --pin; if it was refused or a PUK is wanted, unlock the card in a phone first"
        }
        LinkError::NotRegistered(_) => "check the antenna and the coverage",
        LinkError::RegistrationDenied => {
            "check that the SIM card is active and may use this network"
        }
        LinkError::ApnRefused(_) | LinkError::ContextRefused(_) => {
            "check that --apn is the one that the operator of the SIM card gives"
        }
        LinkError::InvalidConfig(_) => "check --apn, --pin and --urc-port",
        _ => "try again",
    };
    anyhow!("{error}; {advice}").context("no network")
}

async fn connect(address: &str) -> Result<Async<TcpStream>> {
    let Some(address) = address.to_socket_addrs()?.next() else {
        bail!("the name has no address");
    };
    let stream = Async::<TcpStream>::connect(address).await?;
    stream.get_ref().set_nodelay(true)?;
    Ok(stream)
}
