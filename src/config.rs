//! What the user decides: how to reach the network, and how long to wait for what.

use core::fmt;
use core::net::IpAddr;

use embassy_time::Duration;

use crate::at::{
    AccessPointName, Address, Arguments, Authentication, Command, ConfigureDns, ContextId,
    ContextType, Credential, InvalidText, Pin, PortName, Text,
};

/// How the module reaches the network, and how patient the stack is.
///
/// Only the APN has to be given; all else has a default that suits a module on a UART. A text that cannot go into a command,
/// even one that is replaced later, makes the link fail with
/// [`LinkError::InvalidConfig`](crate::LinkError::InvalidConfig); nothing is sent then.
///
/// ```
/// use quectel_nal::Config;
///
/// let config = Config::new("internet").pin("1234");
/// # let _ = config;
/// ```
#[derive(Clone, Copy)]
pub struct Config<'d> {
    pub(crate) apn: &'d str,
    pub(crate) user: &'d str,
    pub(crate) password: &'d str,
    pub(crate) authentication: Authentication,
    pub(crate) context: ContextId,
    pub(crate) context_type: ContextType,
    pub(crate) pin: Option<&'d str>,
    pub(crate) urc_port: Option<&'d str>,
    pub(crate) dns: Option<NameServers>,
    pub(crate) boot_time: Duration,
    pub(crate) registration_time: Duration,
    pub(crate) connect_time: Duration,
    pub(crate) lookup_time: Duration,
    pub(crate) answer_time: Duration,
    pub(crate) send_time: Duration,
    pub(crate) close_timeout: Option<u16>,
    pub(crate) recheck: Duration,
    pub(crate) stall_time: Duration,
    pub(crate) command_gap: Duration,
    /// Why what was given cannot go into a command.
    pub(crate) invalid: Option<InvalidText>,
}

impl<'d> Config<'d> {
    /// The defaults for an APN: IPv4 on PDP context 1, no authentication, URCs on `uart1`.
    #[must_use]
    pub const fn new(apn: &'d str) -> Self {
        Self {
            apn,
            user: "",
            password: "",
            authentication: Authentication::None,
            context: ContextId::FIRST,
            context_type: ContextType::Ipv4,
            pin: None,
            urc_port: Some("uart1"),
            dns: None,
            boot_time: Duration::from_secs(20),
            registration_time: Duration::from_secs(180),
            connect_time: Duration::from_secs(150),
            lookup_time: Duration::from_secs(60),
            answer_time: Duration::from_secs(10),
            send_time: Duration::from_secs(30),
            close_timeout: Some(1),
            recheck: Duration::from_secs(5),
            stall_time: Duration::from_secs(2),
            command_gap: Duration::from_ticks(0),
            invalid: match AccessPointName::new(apn) {
                Ok(_) => None,
                Err(invalid) => Some(invalid),
            },
        }
    }

    /// User name and password for the APN, at most 127 bytes each (section 2.1.1).
    #[must_use]
    pub const fn credentials(
        mut self,
        user: &'d str,
        password: &'d str,
        authentication: Authentication,
    ) -> Self {
        self.user = user;
        self.password = password;
        self.authentication = authentication;
        self.check::<{ Credential::MAX }>(user)
            .check::<{ Credential::MAX }>(password)
    }

    /// Which PDP context to use and what kind of addresses to ask for. Default: context 1, IPv4.
    #[must_use]
    pub const fn context(mut self, id: ContextId, context_type: ContextType) -> Self {
        self.context = id;
        self.context_type = context_type;
        self
    }

    /// The PIN of the SIM card, should it ask for one. It is given at most once per start of the runner,
    /// so that a wrong one does not lock the card.
    #[must_use]
    pub const fn pin(mut self, pin: &'d str) -> Self {
        self.pin = Some(pin);
        self.check::<{ Pin::MAX }>(pin)
    }

    /// The port on which the module reports URCs: `"uart1"` (default), `"usbat"`, `"usbmodem"`.
    /// It has to be the one that the runner is connected to. `None` leaves the module's setting alone.
    #[must_use]
    pub const fn urc_port(mut self, port: Option<&'d str>) -> Self {
        self.urc_port = port;
        match port {
            Some(port) => self.check::<{ PortName::MAX }>(port),
            None => self,
        }
    }

    /// DNS servers to use in place of the network's own, set again after each activation.
    #[must_use]
    pub const fn dns_servers(mut self, primary: IpAddr, secondary: Option<IpAddr>) -> Self {
        self.dns = Some(NameServers::new(primary, secondary));
        self
    }

    /// How long the module may take from power-up to its first answer. Default 20 s.
    #[must_use]
    pub const fn boot_time(mut self, time: Duration) -> Self {
        self.boot_time = bounded(time);
        self
    }

    /// How long the module may look for a network. Default 180 s.
    #[must_use]
    pub const fn registration_time(mut self, time: Duration) -> Self {
        self.registration_time = bounded(time);
        self
    }

    /// How long a connection may take to open. Default 150 s, as section 2.1.4 suggests.
    #[must_use]
    pub const fn connect_time(mut self, time: Duration) -> Self {
        self.connect_time = bounded(time);
        self
    }

    /// How long a name lookup may take. Default 60 s (section 2.1.14).
    #[must_use]
    pub const fn lookup_time(mut self, time: Duration) -> Self {
        self.lookup_time = bounded(time);
        self
    }

    /// How long the module may take to answer a command for which the note gives no time. Default 10 s.
    #[must_use]
    pub const fn answer_time(mut self, time: Duration) -> Self {
        self.answer_time = bounded(time);
        self
    }

    /// How long a connection may fail to take a chunk of data before it is given up, and how long
    /// the result of one AT+QISEND may take. Default 30 s.
    #[must_use]
    pub const fn send_time(mut self, time: Duration) -> Self {
        self.send_time = bounded(time);
        self
    }

    /// How many seconds AT+QICLOSE may wait for the peer's FIN ACK before the module drops the connection.
    /// Nothing else can be sent meanwhile. Default 1 s; `None` leaves it to the module, which takes up to 10 s
    /// (section 2.1.5).
    #[must_use]
    pub const fn close_timeout(mut self, seconds: Option<u16>) -> Self {
        self.close_timeout = seconds;
        self
    }

    /// How often to ask for data while a reader waits, in case a `recv` URC was lost.
    /// Default 5 s; zero turns it off.
    #[must_use]
    pub const fn recheck(mut self, interval: Duration) -> Self {
        self.recheck = bounded(interval);
        self
    }

    /// For how long a full receive ring may hold up the serial line in direct push mode, before its connection fails with
    /// [`Error::Overrun`](crate::Error::Overrun). Nothing else is heard of the module meanwhile. Default 2 s.
    #[must_use]
    pub const fn stall_time(mut self, time: Duration) -> Self {
        self.stall_time = bounded(time);
        self
    }

    /// A pause between the end of one command and the start of the next. Default none.
    #[must_use]
    pub const fn command_gap(mut self, read_unconfirmed: Duration) -> Self {
        self.command_gap = bounded(read_unconfirmed);
        self
    }

    /// Keeps in mind that a text cannot go into a command. Those that are never given are not checked.
    const fn check<const MAX: usize>(mut self, text: &str) -> Self {
        if let (None, Err(invalid)) = (self.invalid, Text::<MAX>::new(text)) {
            self.invalid = Some(invalid);
        }
        self
    }
}

impl fmt::Debug for Config<'_> {
    /// Without credentials and PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("apn", &self.apn)
            .field("context", &self.context)
            .field("context_type", &self.context_type)
            .finish_non_exhaustive()
    }
}

/// Name servers, and the command that sets them: what never has any is linked without it.
#[derive(Clone, Copy)]
pub(crate) struct NameServers {
    primary: IpAddr,
    secondary: Option<IpAddr>,
    fill: fn(&Self, ContextId, &mut Arguments<'_>) -> &'static str,
}

impl NameServers {
    pub(crate) const fn new(primary: IpAddr, secondary: Option<IpAddr>) -> Self {
        Self {
            primary,
            secondary,
            fill: |servers, context, arguments| {
                let command = ConfigureDns {
                    context,
                    primary: Address(servers.primary),
                    secondary: servers.secondary.map(Address),
                };
                command.fill(arguments)
            },
        }
    }

    /// AT+QIDNSCFG for a context.
    pub(crate) fn fill(&self, context: ContextId, arguments: &mut Arguments<'_>) -> &'static str {
        (self.fill)(self, context, arguments)
    }
}

/// A year is as good as for ever, and leaves room to add it to the time of day.
const fn bounded(time: Duration) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    if time.as_ticks() > YEAR.as_ticks() {
        YEAR
    } else {
        time
    }
}
