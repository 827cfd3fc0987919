//! The command line.

use lexopt::{Arg, Parser, ValueExt};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use virtual_modem::{Fault, Loopback, Model, Readings, Settings, control};

const HELP: &str = "\
A virtual Quectel LTE module. Its sockets are real ones, on the loopback interface only.

Usage: virtual-modem <--pty PATH | --tcp ADDRESS:PORT> [OPTIONS]
       virtual-modem --session FILE...

On standard output it says `control ADDRESS` if it has a control socket, then `ready PATH` or `ready ADDRESS:PORT`.
It ends with SIGTERM, SIGINT, SIGHUP, the request `quit`, or as --for and --once say. Exit code: 0; 1 if something failed;
2 for a wrong command line; 3 with --strict if the host broke the protocol.

The line:
      --pty PATH             Create a pseudo terminal, with a symbolic link to it at this path
      --tcp ADDRESS:PORT     Listen for the host on a loopback address; port 0 is any free one
      --once                 End when the first host of --tcp leaves
      --for SECONDS          End after this time
      --baud BAUD            Baud rate in bit/s; 0 is infinitely fast [default: 0]
      --module-baud BAUD     Rate of the module's UART: a host at another rate is not understood. On a pseudo terminal
                             the host's rate is the one that it sets there
The module:
      --model NAME           The family: {models} [default: the note's own]
      --cold                 Start with a boot instead of running already
      --boot-ms MS           Time from power to RDY [default: 5000]
      --boot-lines A|B|...   The lines of a boot [default: RDY|+CFUN: 1|+CPIN: READY|...]
      --port NAME            The module's name for the host's port: uart1, usbat, usbmodem, cmux1, ... [default: uart1]
      --urc-port NAME        The port that AT+QURCCFG shows at first [default: uart1]
      --ids NUMBER           Largest connectID [default: 11]
      --read-limit BYTES     Most bytes of one AT+QIRD [default: 1500]
      --send-limit BYTES     Most bytes of one AT+QISEND [default: 1460]
      --latency-ms MS        Time from a command to its answer [default: 0]
      --sim CARD             ready, missing, pin:1234, puk:12345678, busy:MS, failure:NUMBER [default: ready]
      --registration STATE[,MS]
                             home, roaming, searching, denied or a number; time until it is reached
      --apn NAME             An access point name that is accepted; may be repeated [default: all]
      --activation-ms MS     Time of AT+QIACT [default: 0]
      --connect-ms MS        Time of a connect, on top of the network's [default: 0]
      --send-buffer BYTES    Send buffer of a connection [default: 23360]
      --guard-ms MS          Silence before and behind +++ [default: 1000]
      --message FROM=TEXT    A text message in store; may be repeated
      --seed NUMBER          Start of all random choices [default: 1]
The network:
      --route HOST:PORT=127.0.0.1:PORT
                             Route a name or address and its port to a loopback address; may be repeated
      --dns NAME=ADDRESS[,ADDRESS]
                             The addresses of a name; may be repeated
      --rtt-ms MS            Round trip time of connections and pings [default: 0]
      --black-hole HOST      From this name or address nothing ever comes back; may be repeated
      --port-offset NUMBER   A listener on port N is on port N + NUMBER of the loopback interface [default: 0]
      --ntp-server NAME      A server that answers AT+QNTP; may be repeated [default: all]
Faults and control:
      --fault NAME[=ARGUMENTS]
                             Inject a fault; may be repeated
      --reading NAME         Another reading of the note, or a shape of the wire; may be repeated
      --control PATH | ADDRESS:PORT
                             Take requests on a Unix socket or a loopback address: JSON, one a line
      --log FILE             Write the traffic as JSON, one entry a line
      --stats FILE           Write counters and violations as JSON at the end
      --strict               Exit code 3 if the host broke the protocol
      --quiet                Do not log to standard error
  -h, --help                 Print this help
  -V, --version              Print the version

Faults; those with a COUNT take every=N or at=N in its place:
{faults}

Readings of the note and shapes of the wire, off or as said:
{readings}

Requests of the control socket:
{requests}";

/// How the program runs.
pub struct Options {
    pub pty: Option<PathBuf>,
    pub tcp: Option<SocketAddr>,
    pub once: bool,
    pub time: Option<Duration>,
    pub baud: u32,
    pub settings: Settings,
    pub network: Loopback,
    pub faults: Vec<Fault>,
    pub control: Option<String>,
    pub log: Option<PathBuf>,
    pub stats: Option<PathBuf>,
    pub strict: bool,
    pub quiet: bool,
    pub sessions: Vec<PathBuf>,
}

impl Options {
    /// The options of the command line; `None` if it asks for a text, which has been printed.
    pub fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            pty: None,
            tcp: None,
            once: false,
            time: None,
            baud: 0,
            settings: Settings::new(),
            network: Loopback::new(),
            faults: Vec::new(),
            control: None,
            log: None,
            stats: None,
            strict: false,
            quiet: false,
            sessions: Vec::new(),
        };
        let mut settings = Vec::new();
        let mut readings = Vec::new();
        let mut model = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("pty") => options.pty = Some(parser.value()?.into()),
                Arg::Long("tcp") => options.tcp = Some(parser.value()?.parse_with(loopback)?),
                Arg::Long("once") => options.once = true,
                Arg::Long("for") => {
                    let seconds = parser.value()?.parse()?;
                    options.time = Some(Duration::from_secs(seconds));
                }
                Arg::Long("baud") => options.baud = parser.value()?.parse()?,
                Arg::Long("model") => model = Some(parser.value()?.parse::<Model>()?),
                Arg::Long("fault") => options.faults.push(parser.value()?.parse()?),
                Arg::Long("reading") => readings.push(parser.value()?.string()?),
                Arg::Long("route") => {
                    let (host, port, to) = parser.value()?.parse_with(route)?;
                    options.network = options.network.route(&host, port, to);
                }
                Arg::Long("black-hole") => {
                    options.network = options.network.black_hole(&parser.value()?.string()?);
                }
                Arg::Long("rtt-ms") => {
                    let time = Duration::from_millis(parser.value()?.parse()?);
                    options.network = options.network.round_trip(time);
                }
                Arg::Long("port-offset") => {
                    options.network = options.network.port_offset(parser.value()?.parse()?);
                }
                Arg::Long("control") => options.control = Some(parser.value()?.string()?),
                Arg::Long("log") => options.log = Some(parser.value()?.into()),
                Arg::Long("stats") => options.stats = Some(parser.value()?.into()),
                Arg::Long("strict") => options.strict = true,
                Arg::Long("quiet") => options.quiet = true,
                Arg::Long("session") => {
                    options.sessions.extend(parser.values()?.map(Into::into));
                }
                Arg::Long("cold") => settings.push(("cold", String::new())),
                Arg::Long(name) if setting(name).is_some() => {
                    let name = setting(name).unwrap_or_default();
                    let value = parser.value()?.string()?;
                    // What is apart on the command line by a comma or = is apart by a blank in sessions.
                    let value = match name {
                        "registration" => value.replacen(',', " ", 1),
                        "message" => value.replacen('=', " ", 1),
                        _ => value,
                    };
                    settings.push((name, value));
                }
                Arg::Short('h') | Arg::Long("help") => {
                    println!("{}", help());
                    return Ok(None);
                }
                Arg::Short('V') | Arg::Long("version") => {
                    println!("virtual-modem {}", env!("CARGO_PKG_VERSION"));
                    return Ok(None);
                }
                other => return Err(other.unexpected()),
            }
        }
        // Single settings are laid over the model, wherever they stand.
        if let Some(model) = model {
            options.settings = options.settings.model(model);
        }
        for (name, value) in settings {
            options.settings = options.settings.set_by_name(name, &value)?;
        }
        for name in readings {
            options.settings.readings.flip(&name)?;
        }
        match (&options.pty, options.tcp, options.sessions.is_empty()) {
            (None, None, true) => Err("--pty or --tcp is missing".into()),
            (None, None, false) | (Some(_), None, true) | (None, Some(_), true) => {
                Ok(Some(options))
            }
            _ => Err("--pty, --tcp and --session exclude each other".into()),
        }
    }
}

/// The setting of that option.
fn setting(option: &str) -> Option<&'static str> {
    Some(match option {
        "module-baud" => "rate",
        "boot-ms" => "boot",
        "boot-lines" => "boot-lines",
        "port" => "port",
        "urc-port" => "urc-port",
        "ids" => "ids",
        "read-limit" => "read-limit",
        "send-limit" => "send-limit",
        "latency-ms" => "latency",
        "sim" => "sim",
        "registration" => "registration",
        "apn" => "apn",
        "activation-ms" => "activation",
        "connect-ms" => "connect",
        "send-buffer" => "send-buffer",
        "guard-ms" => "guard",
        "message" => "message",
        "seed" => "seed",
        "dns" => "dns",
        "ntp-server" => "ntp-server",
        _ => return None,
    })
}

fn help() -> String {
    let faults = rows(Fault::TABLE.iter().map(|(form, meaning)| (*form, *meaning)));
    let requests = control::REQUESTS.iter();
    let requests = rows(requests.map(|(form, meaning)| (*form, *meaning)));
    let readings = Readings::TABLE.iter().map(|(name, meaning, default)| {
        let default = if *default { " Holds by default." } else { "" };
        format!("  {name:28}{meaning}{default}")
    });
    let models: Vec<&str> = Model::ALL.iter().map(|model| model.name()).collect();
    HELP.replace("{faults}", &faults)
        .replace("{readings}", &readings.collect::<Vec<_>>().join("\n"))
        .replace("{requests}", &requests)
        .replace("{models}", &models.join(", "))
}

fn rows<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let all = all.map(|(form, meaning)| format!("  {form:42} {meaning}"));
    all.collect::<Vec<_>>().join("\n")
}

/// An address and port on the loopback interface.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| format!("no address: {text}"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!("{address} is not on the loopback interface"))
    }
}

fn route(text: &str) -> Result<(String, u16, SocketAddr), String> {
    let (from, to) = text.split_once('=').ok_or("no = between the two ends")?;
    let (host, port) = from.rsplit_once(':').ok_or("no port")?;
    let port = port.parse().map_err(|_| format!("no port: {port}"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.into(), port, loopback(to)?))
}
