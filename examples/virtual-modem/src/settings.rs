//! Settings of the module and its surroundings.

use crate::readings::Readings;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// The SIM card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sim {
    /// Ready for use.
    Ready,
    /// No SIM card.
    Missing,
    /// Requires this PIN. Three wrong ones block the card; its PUK is then 12345678.
    Pin(String),
    /// Blocked: requires this PUK, and a new PIN.
    Puk {
        /// The PUK.
        puk: String,
    },
    /// Everything about it fails with this number of +CME ERROR.
    Failure(u16),
    /// Ready after this time from boot.
    Busy(Duration),
}

/// The registration state that AT+CREG, AT+CGREG and AT+CEREG return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// In the home network.
    Home,
    /// In a foreign network.
    Roaming,
    /// No network is found.
    Searching,
    /// Registration denied.
    Denied,
    /// Another number of 3GPP TS 27.007, such as 6 (SMS only), 8 (emergency calls only) or 10; none of them but 9 and
    /// 10 carries data.
    Other(u8),
}

impl core::str::FromStr for Registration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "home" => Registration::Home,
            "roaming" => Registration::Roaming,
            "searching" => Registration::Searching,
            "denied" => Registration::Denied,
            number => Registration::Other(
                number
                    .parse()
                    .map_err(|_| format!("no registration is called {number}"))?,
            ),
        })
    }
}

impl core::str::FromStr for Sim {
    type Err = String;

    /// `ready`, `missing`, `pin:1234`, `puk:12345678`, `busy:MS` or `failure:NUMBER`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("no SIM card is like {text}");
        Ok(match text.split_once(':') {
            None if text == "ready" => Sim::Ready,
            None if text == "missing" => Sim::Missing,
            Some(("pin", pin)) => Sim::Pin(pin.into()),
            Some(("puk", puk)) => Sim::Puk { puk: puk.into() },
            Some(("busy", ms)) => {
                Sim::Busy(Duration::from_millis(ms.parse().map_err(|_| wrong())?))
            }
            Some(("failure", number)) => Sim::Failure(number.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        })
    }
}

/// The answer to a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// Addresses, or a code of the note's chapter 4.
    pub answer: Result<Vec<IpAddr>, u16>,
    /// Time until the answer; `None` is no answer.
    pub delay: Option<Duration>,
    /// Time to live in seconds.
    pub time_to_live: u32,
}

/// A socket that was open before the host was reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOpen {
    /// Its connectID.
    pub id: u8,
    /// Its access mode: 0 buffer, 1 direct push, 2 transparent.
    pub access_mode: u8,
    /// Received data that was not read.
    pub unread: Vec<u8>,
}

/// The state of a module that was not reset with its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOver {
    /// Open sockets in context 1.
    pub sockets: Vec<LeftOpen>,
    /// Active contexts.
    pub contexts: Vec<u8>,
    /// It waits for this many bytes of a fixed-length send on the first of the sockets.
    pub prompt: Option<usize>,
    /// The first of the sockets is in transparent mode.
    pub transparent: bool,
}

/// Settings in non-volatile memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// `AT+QICFG="viewmode"`.
    pub view_mode: u32,
    /// `AT+QICFG="dataformat"`.
    pub data_format: (u32, u32),
    /// `AT+QURCCFG="urcport"`.
    pub urc_port: String,
}

/// The ranges of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest contextID.
    pub contexts: u8,
    /// Contexts that can be active at once.
    pub active: usize,
    /// Largest connectID.
    pub ids: u8,
    /// Most bytes of one AT+QIRD.
    pub read: usize,
    /// Most bytes of one AT+QISEND.
    pub send: usize,
    /// Largest authentication of AT+QICSGP.
    pub authentication: u32,
    /// Largest idle time of "tcp/keepalive".
    pub keep_alive_idle: u32,
    /// Largest values of "tcp/retranscfg".
    pub retransmission: (u32, u32),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            contexts: 16,
            active: 3,
            ids: 11,
            read: 1500,
            send: 1460,
            authentication: 3,
            keep_alive_idle: 120,
            retransmission: (20, 1000),
        }
    }
}

/// All settings of the module. Fields are public; each has a builder method.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time from a command to its answer.
    pub latency: Duration,
    /// The same for single commands, by name: "QIRD", "ATE", "AT".
    pub latency_of: BTreeMap<String, Duration>,
    /// Time from the last byte of payload to SEND OK.
    pub send_latency: Duration,
    /// Time from power to RDY.
    pub boot_time: Duration,
    /// Lines sent during boot.
    pub boot_messages: Vec<String>,
    /// Boots when first run; otherwise it is running already.
    pub cold: bool,
    /// The SIM card.
    pub sim: Sim,
    /// What AT+CFUN? shows at first and after a boot: 0, 1 or 4.
    pub functionality: u8,
    /// Registration.
    pub registration: Registration,
    /// Time from power until registered.
    pub registration_delay: Duration,
    /// Access point names that the network accepts; `None` is all.
    pub apns: Option<Vec<String>>,
    /// Addresses of contexts in place of the usual ones: 10.0.0.2 and 2001:db8::2 for context 1.
    pub addresses: BTreeMap<u8, Vec<IpAddr>>,
    /// What AT+CREG?, AT+CGREG? or AT+CEREG? says whatever the registration is, by name.
    pub registration_told: BTreeMap<String, u32>,
    /// Commands that the module does not know, by name.
    pub unknown_commands: BTreeSet<String>,
    /// Keys of AT+QICFG beyond the note's.
    pub extra_keys: BTreeSet<String>,
    /// Keys of the note that AT+QICFG does not have.
    pub missing_keys: BTreeSet<String>,
    /// Ranges.
    pub limits: Limits,
    /// "qisend/timeout" is in seconds, with this default; `None` is milliseconds and no default.
    pub prompt_seconds: Option<u32>,
    /// Silence before and behind `+++`.
    pub guard_time: Duration,
    /// Rate of the module's UART in bit/s; `None` is that of the line.
    pub rate: Option<u32>,
    /// Text messages in store: sender and text.
    pub inbox: Vec<(String, String)>,
    /// Servers that answer AT+QNTP, as the host writes them; `None` is every one.
    pub ntp_servers: Option<Vec<String>>,
    /// Time of AT+QIACT.
    pub activation_delay: Duration,
    /// AT+QIACT fails with this code.
    pub activation_refused: Option<u16>,
    /// Time of AT+QIDEACT.
    pub deactivation_delay: Duration,
    /// Time of a connect, in addition to that of the network.
    pub connect_delay: Duration,
    /// Lookups by name, in lower case.
    pub dns: BTreeMap<String, DnsRecord>,
    /// Time of a lookup of a name without a record.
    pub dns_delay: Duration,
    /// Duration of AT+QNTP, and the time that it returns or the code with which it fails.
    pub ntp: (Duration, Result<String, u16>),
    /// The reading of the note.
    pub readings: Readings,
    /// State left over from an earlier program.
    pub left_over: LeftOver,
    /// Whether commands are echoed at first.
    pub echo: bool,
    /// Non-volatile memory.
    pub stored: Stored,
    /// The module's name for the port that the host uses.
    pub port: String,
    /// Ports that AT+QURCCFG takes.
    pub urc_ports: BTreeSet<String>,
    /// Bytes of a send buffer, for each connection.
    pub send_buffer: usize,
    /// UDP LISTENER exists (EG91 and EG95).
    pub udp_listener: bool,
    /// Seed of all random choices.
    pub seed: u64,
    /// Manufacturer, model, revision and serial number.
    pub identity: [String; 4],
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            latency: Duration::ZERO,
            latency_of: BTreeMap::new(),
            send_latency: Duration::ZERO,
            boot_time: Duration::from_secs(5),
            boot_messages: [
                "RDY",
                "+CFUN: 1",
                "+CPIN: READY",
                "+QUSIM: 1",
                "+QIND: SMS DONE",
            ]
            .map(String::from)
            .into(),
            cold: false,
            sim: Sim::Ready,
            functionality: 1,
            registration: Registration::Home,
            registration_delay: Duration::ZERO,
            apns: None,
            addresses: BTreeMap::new(),
            registration_told: BTreeMap::new(),
            unknown_commands: BTreeSet::new(),
            extra_keys: BTreeSet::new(),
            missing_keys: BTreeSet::new(),
            limits: Limits::default(),
            prompt_seconds: None,
            guard_time: Duration::from_secs(1),
            rate: None,
            inbox: Vec::new(),
            ntp_servers: None,
            activation_delay: Duration::ZERO,
            activation_refused: None,
            deactivation_delay: Duration::ZERO,
            connect_delay: Duration::ZERO,
            dns: BTreeMap::new(),
            dns_delay: Duration::ZERO,
            ntp: (Duration::ZERO, Ok("2026/07/02,14:27:52+32".into())),
            readings: Readings::default(),
            left_over: LeftOver::default(),
            echo: true,
            stored: Stored {
                view_mode: 0,
                data_format: (0, 0),
                urc_port: "uart1".into(),
            },
            port: "uart1".into(),
            urc_ports: ["usbat", "usbmodem", "uart1", "all"]
                .map(String::from)
                .into(),
            send_buffer: 16 * 1460,
            udp_listener: false,
            seed: 1,
            identity: ["Quectel", "EC25", "EC25EFAR06A01M4G", "861107030000000"].map(String::from),
        }
    }
}

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        $($(#[$doc])* pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })*
    };
}

impl Settings {
    /// A module that is running and registered, without delays, with echo on and nothing configured.
    pub fn new() -> Self {
        Self::default()
    }

    builders! {
        /// Sets [`Settings::latency`].
        latency: Duration;
        /// Sets [`Settings::send_latency`].
        send_latency: Duration;
        /// Sets [`Settings::boot_time`].
        boot_time: Duration;
        /// Sets [`Settings::boot_messages`].
        boot_messages: Vec<String>;
        /// Sets [`Settings::cold`].
        cold: bool;
        /// Sets [`Settings::sim`].
        sim: Sim;
        /// Sets [`Settings::functionality`].
        functionality: u8;
        /// Sets [`Settings::guard_time`].
        guard_time: Duration;
        /// Sets [`Settings::rate`].
        rate: Option<u32>;
        /// Sets [`Settings::limits`].
        limits: Limits;
        /// Sets [`Settings::ntp_servers`].
        ntp_servers: Option<Vec<String>>;
        /// Sets [`Settings::activation_delay`].
        activation_delay: Duration;
        /// Sets [`Settings::activation_refused`].
        activation_refused: Option<u16>;
        /// Sets [`Settings::deactivation_delay`].
        deactivation_delay: Duration;
        /// Sets [`Settings::connect_delay`].
        connect_delay: Duration;
        /// Sets [`Settings::dns_delay`].
        dns_delay: Duration;
        /// Sets [`Settings::ntp`].
        ntp: (Duration, Result<String, u16>);
        /// Sets [`Settings::readings`].
        readings: Readings;
        /// Sets [`Settings::left_over`].
        left_over: LeftOver;
        /// Sets [`Settings::echo`].
        echo: bool;
        /// Sets [`Settings::stored`].
        stored: Stored;
        /// Sets [`Settings::send_buffer`].
        send_buffer: usize;
        /// Sets [`Settings::udp_listener`].
        udp_listener: bool;
        /// Sets [`Settings::seed`].
        seed: u64;
    }

    /// Sets the latency of one command, by name: "QIRD", "ATE", "AT".
    pub fn latency_of(mut self, command: &str, latency: Duration) -> Self {
        self.latency_of
            .insert(command.to_ascii_uppercase(), latency);
        self
    }

    /// Sets the registration, and the time from power until it is reached.
    pub fn registration(mut self, registration: Registration, delay: Duration) -> Self {
        self.registration = registration;
        self.registration_delay = delay;
        self
    }

    /// Adds a text message to those in store.
    pub fn message(mut self, from: &str, text: &str) -> Self {
        self.inbox.push((from.into(), text.into()));
        self
    }

    /// Adds to the access point names that are accepted; without any, all are.
    pub fn apn(mut self, name: &str) -> Self {
        self.apns.get_or_insert_default().push(name.into());
        self
    }

    /// Gives a context one or two addresses.
    pub fn addresses(mut self, context: u8, addresses: &[IpAddr]) -> Self {
        self.addresses.insert(context, addresses.to_vec());
        self
    }

    /// Adds a name with its addresses, as text.
    ///
    /// # Panics
    ///
    /// When a text is no address.
    pub fn dns(self, name: &str, addresses: &[&str]) -> Self {
        let parse = |text: &&str| {
            text.parse()
                .unwrap_or_else(|_| panic!("no IP address: {text}"))
        };
        let answer = Ok(addresses.iter().map(parse).collect());
        self.dns_record(
            name,
            DnsRecord {
                answer,
                delay: Some(Duration::ZERO),
                time_to_live: 300,
            },
        )
    }

    /// Adds a name with everything about its lookup.
    pub fn dns_record(mut self, name: &str, record: DnsRecord) -> Self {
        self.dns.insert(name.to_ascii_lowercase(), record);
        self
    }

    /// Changes some of the readings.
    pub fn read(mut self, change: impl FnOnce(&mut Readings)) -> Self {
        change(&mut self.readings);
        self
    }
    /// Sets one of the settings that have a name on the command line and in sessions.
    pub fn set_by_name(mut self, name: &str, value: &str) -> Result<Self, String> {
        let wrong = || format!("{name} cannot be {value}");
        let time = || {
            value
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| wrong())
        };
        let number = || value.parse::<usize>().map_err(|_| wrong());
        // Settings make the module smaller than the note, never larger.
        let limit = |least: usize, most: usize| {
            let limit = number().ok().filter(|limit| (least..=most).contains(limit));
            limit.ok_or_else(|| format!("{name} is from {least} to {most}, not {value}"))
        };
        let addresses = |text: &str| {
            let all: Result<Vec<IpAddr>, _> = text.split(',').map(str::parse).collect();
            all.map_err(|_| wrong())
        };
        match name {
            "latency" => self.latency = time()?,
            "send-latency" => self.send_latency = time()?,
            "boot" => self.boot_time = time()?,
            "cold" => self.cold = true,
            "echo" => self.echo = value == "on",
            "sim" => self.sim = value.parse()?,
            "registration" => {
                let (state, delay) = value.split_once(' ').unwrap_or((value, "0"));
                let delay = delay.parse().map_err(|_| wrong())?;
                return Ok(self.registration(state.parse()?, Duration::from_millis(delay)));
            }
            "apn" => return Ok(self.apn(value)),
            "activation" => self.activation_delay = time()?,
            "connect" => self.connect_delay = time()?,
            "send-buffer" => self.send_buffer = number()?,
            "guard" => self.guard_time = time()?,
            "rate" => self.rate = Some(number()? as u32),
            "port" => self.port = value.into(),
            "urc-port" => self.stored.urc_port = value.into(),
            "ids" => self.limits.ids = limit(0, 11)? as u8,
            "read-limit" => self.limits.read = limit(1, 1500)?,
            "send-limit" => self.limits.send = limit(1, 1460)?,
            "boot-lines" => self.boot_messages = value.split('|').map(String::from).collect(),
            "seed" => self.seed = number()? as u64,
            "ntp-server" => {
                let servers = self.ntp_servers.get_or_insert_default();
                servers.push(value.into());
            }
            "message" => {
                let (from, text) = value.split_once(' ').ok_or_else(wrong)?;
                return Ok(self.message(from, text));
            }
            "dns" => {
                let (host, all) = value.split_once('=').ok_or_else(wrong)?;
                let record = DnsRecord {
                    answer: Ok(addresses(all)?),
                    delay: Some(Duration::ZERO),
                    time_to_live: 300,
                };
                return Ok(self.dns_record(host, record));
            }
            "address" => {
                let (context, all) = value.split_once(' ').ok_or_else(wrong)?;
                let context = context.parse().map_err(|_| wrong())?;
                self.addresses.insert(context, addresses(all)?);
            }
            _ => return Err(format!("no setting is called {name}")),
        }
        Ok(self)
    }

    /// The addresses of a context of this type: 1 IPv4, 2 IPv6, 3 both.
    pub(crate) fn addresses_of(&self, context: u8, kind: u32) -> Vec<IpAddr> {
        let ipv4 = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1 + context));
        let ipv6 = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1 + u16::from(context)]);
        let default = || match kind {
            2 => vec![ipv6],
            3 => vec![ipv4, ipv6],
            _ => vec![ipv4],
        };
        self.addresses
            .get(&context)
            .cloned()
            .unwrap_or_else(default)
    }
}
