//! The configuration of a stack: how to reach the network, and time limits.

use core::fmt;
use core::net::IpAddr;

use embassy_time::Duration;

use crate::at::{
    AccessPointName, Authentication, ContextId, ContextType, Credential, InvalidText, Pin,
    PortName, Setting, Text,
};

/// How the module reaches the network, and the time limits of the stack.
///
/// Only the APN is required. The defaults of everything else suit a module on a UART. Durations longer than a year count as a
/// year.
///
/// Strings are validated by the setters. The first invalid one is kept, even if it is overwritten, and reported as
/// [`LinkError::InvalidConfig`](crate::LinkError::InvalidConfig); nothing is sent to the module then.
///
/// ```
/// use quectel_nal::Config;
///
/// let config = Config::new("internet").pin("1234");
/// # let _ = config;
/// ```
#[derive(Clone, Copy)]
pub struct Config<'d> {
    pub(crate) access_point: AccessPoint<'d>,
    pub(crate) context: ContextId,
    pub(crate) context_type: ContextType,
    pub(crate) pin: Option<&'d str>,
    pub(crate) urc_port: Option<&'d str>,
    pub(crate) dns: Option<NameServers>,
    pub(crate) boot_time: Duration,
    pub(crate) registration_time: Duration,
    pub(crate) connect_time: Duration,
    #[cfg(feature = "dns")]
    pub(crate) lookup_time: Duration,
    pub(crate) answer_time: Duration,
    #[cfg(feature = "sleep")]
    pub(crate) awake_time: Duration,
    pub(crate) silence_time: Duration,
    pub(crate) send_time: Duration,
    pub(crate) close_timeout: Option<u16>,
    pub(crate) recheck: Duration,
    pub(crate) longest_recheck: Duration,
    #[cfg(feature = "push")]
    pub(crate) stall_time: Duration,
    pub(crate) command_gap: Duration,
    pub(crate) settings: &'d [Setting],
    /// The first invalid string.
    pub(crate) invalid: Option<InvalidText>,
}

impl<'d> Config<'d> {
    /// Creates the default configuration for an APN of up to 100 bytes: IPv4 on PDP context 1, no authentication, URCs on
    /// `uart1`.
    #[must_use]
    pub const fn new(apn: &'d str) -> Self {
        Self {
            access_point: AccessPoint::known(apn),
            context: ContextId::FIRST,
            context_type: ContextType::Ipv4,
            pin: None,
            urc_port: Some("uart1"),
            dns: None,
            boot_time: Duration::from_secs(20),
            registration_time: Duration::from_secs(180),
            connect_time: Duration::from_secs(150),
            #[cfg(feature = "dns")]
            lookup_time: Duration::from_secs(60),
            answer_time: Duration::from_secs(10),
            #[cfg(feature = "sleep")]
            awake_time: Duration::from_secs(2),
            silence_time: Duration::from_secs(60),
            send_time: Duration::from_secs(30),
            close_timeout: Some(1),
            recheck: Duration::from_secs(5),
            longest_recheck: Duration::from_secs(1200),
            #[cfg(feature = "push")]
            stall_time: Duration::from_secs(2),
            command_gap: Duration::from_ticks(0),
            settings: &[],
            invalid: match AccessPointName::new(apn) {
                Ok(_) => None,
                Err(invalid) => Some(invalid),
            },
        }
    }

    /// Sets user name and password for the APN, up to 127 bytes each (AT+QICSGP, section 2.1.1). Default: none, without
    /// authentication.
    #[must_use]
    pub const fn credentials(
        mut self,
        user: &'d str,
        password: &'d str,
        authentication: Authentication,
    ) -> Self {
        self.access_point.user = user;
        self.access_point.password = password;
        self.access_point.authentication = authentication;
        self.check::<{ Credential::MAX }>(user)
            .check::<{ Credential::MAX }>(password)
    }

    /// Sets the PDP context to use, and the kind of addresses to request (AT+QICSGP, section 2.1.1). Default: context 1,
    /// IPv4.
    #[must_use]
    pub const fn context(mut self, id: ContextId, context_type: ContextType) -> Self {
        self.context = id;
        self.context_type = context_type;
        self
    }

    /// Sets the PIN of the SIM card, up to 8 bytes. Default: none.
    ///
    /// The runner enters it if the card requires one, and at most once per run, so that a wrong PIN does not lock the card.
    #[must_use]
    pub const fn pin(mut self, pin: &'d str) -> Self {
        self.pin = Some(pin);
        self.check::<{ Pin::MAX }>(pin)
    }

    /// Sets the port on which the module reports URCs (AT+QURCCFG): `"uart1"` (default), `"usbat"` or `"usbmodem"`.
    /// It has to be the port that the runner uses. `None` leaves the module's setting unchanged.
    #[must_use]
    pub const fn urc_port(mut self, port: Option<&'d str>) -> Self {
        self.urc_port = port;
        match port {
            Some(port) => self.check::<{ PortName::MAX }>(port),
            None => self,
        }
    }

    /// Sets the DNS servers that replace those of the network (AT+QIDNSCFG, section 2.1.13), after each activation of the PDP
    /// context. Default: the servers of the network.
    #[cfg(feature = "dns")]
    #[must_use]
    pub const fn dns_servers(mut self, primary: IpAddr, secondary: Option<IpAddr>) -> Self {
        self.dns = Some(NameServers { primary, secondary });
        self
    }

    /// Sets how long AT+QICLOSE waits for the peer's FIN ACK before the module drops the connection (section 2.1.5), in whole
    /// seconds up to 65,535. No other command can be sent meanwhile. Default 1 s. `None` is the module's default, up to 10 s.
    #[must_use]
    pub const fn close_timeout(mut self, time: Option<Duration>) -> Self {
        self.close_timeout = match time {
            Some(time) if time.as_secs() > u16::MAX as u64 => Some(u16::MAX),
            Some(time) => Some(time.as_secs() as u16),
            None => None,
        };
        self
    }

    /// Sets settings of the module (AT+QICFG, section 2.1.15) that the runner applies each time the link comes up, before its own.
    /// Default: none. Only the first 200 are applied. A setting that the module refuses is skipped. Settings that only some module
    /// families have are [`Setting::Other`].
    ///
    /// The stack sets `dataformat`, `viewmode`, `recvind`, `udp/readmode`, `udp/sendmode`, `tcp/accept`, `passiveclosed`,
    /// `qisend/timeout` and `sendinfo` to what it needs, whatever stands here.
    ///
    /// ```
    /// use quectel_nal::Config;
    /// use quectel_nal::at::{Setting, Within};
    ///
    /// const SETTINGS: [Setting; 1] = [Setting::TransparentWait(Within::nearest(0))];
    /// let config = Config::new("internet").settings(&SETTINGS);
    /// # let _ = config;
    /// ```
    #[must_use]
    pub const fn settings(mut self, settings: &'d [Setting]) -> Self {
        // The places of all settings fit into a byte.
        self.settings = match settings.split_at_checked(200) {
            Some((first, _)) => first,
            None => settings,
        };
        self
    }

    /// Validates a string, and keeps the first invalid one.
    const fn check<const MAX: usize>(mut self, text: &str) -> Self {
        if let (None, Err(invalid)) = (self.invalid, Text::<MAX>::new(text)) {
            self.invalid = Some(invalid);
        }
        self
    }
}

/// Setters of durations.
macro_rules! durations {
    ($($(#[$attribute:meta])* $name:ident;)+) => {
        impl Config<'_> {
            $(
                $(#[$attribute])*
                #[must_use]
                pub const fn $name(mut self, time: Duration) -> Self {
                    self.$name = bounded(time);
                    self
                }
            )+
        }
    };
}

durations! {
    /// Sets the time limit from the start of the module to its first response. Default 20 s.
    boot_time;

    /// Sets the time limit for registration with a network. Default 180 s.
    registration_time;

    /// Sets the time limit for opening a socket. Default 150 s, as section 2.1.4 suggests.
    connect_time;

    /// Sets the time limit for a name lookup. Default 60 s (section 2.1.14).
    #[cfg(feature = "dns")]
    lookup_time;

    /// Sets the time limit for commands without a documented maximum response time. Default 10 s.
    answer_time;

    /// Sets how long the module stays awake after the last command, if [`ControlLines::can_sleep`](crate::ControlLines::can_sleep).
    /// A shorter time saves energy; a longer one saves the delay of about 100 ms with which a command wakes the module. Default 2 s.
    #[cfg(feature = "sleep")]
    awake_time;

    /// Sets how long after the start of a command that was not answered the module may stay silent altogether before the link
    /// counts as lost ([`LinkError::NoAnswer`](crate::LinkError::NoAnswer)). Until then the runner repeats `AT`: as soon as the
    /// module answers, all sockets go on. Default 60 s, the limit of the note for a final result code. A module that closes a
    /// connection has at least 125 s.
    silence_time;

    /// Sets how long the module may refuse data of a socket (`SEND FAIL`) before the socket fails, and the time limit for the
    /// final result of one AT+QISEND. Default 30 s.
    send_time;

    /// Sets the shortest pause between two checks for data of a socket while a reader waits, in case a `recv` URC was lost, and
    /// between two questions for the result of an open. Default 5 s; zero switches the checks off.
    ///
    /// This pause holds for an hour after any sign that something of the module was lost: an error of the UART, a damaged or
    /// overlong line, a command without an answer, the end of the link, data or the end of a connection that no URC has
    /// announced. Otherwise the pause of a socket doubles with each check that finds nothing, up to
    /// [`longest_recheck`](Self::longest_recheck).
    recheck;

    /// Sets the longest pause between two checks for data of a socket while a reader waits. It is also the longest time after
    /// which data is found whose `recv` URC was lost, or the end of a connection whose `closed` URC was lost, if there was no other
    /// sign of a loss for an hour. Default 20 min. Not shorter than [`recheck`](Self::recheck): with the same value for both the
    /// pause does not grow.
    longest_recheck;

    /// Sets how long a full receive ring may stop the serial line in direct push mode before its connection fails with
    /// [`Error::Overrun`](crate::Error::Overrun). Nothing else is received from the module meanwhile. Default 2 s.
    #[cfg(feature = "push")]
    stall_time;

    /// Sets the pause between the final result of one command and the next command. Default: none.
    command_gap;
}

impl fmt::Debug for Config<'_> {
    /// Omits credentials and PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("apn", &self.access_point.apn)
            .field("context", &self.context)
            .field("context_type", &self.context_type)
            .finish_non_exhaustive()
    }
}

/// The network of the operator that the PDP context leads to, and how the module authenticates to it (AT+QICSGP, section 2.1.1).
///
/// ```
/// use quectel_nal::{AccessPoint, Authentication, InvalidText};
///
/// # fn main() -> Result<(), InvalidText> {
/// let access_point = AccessPoint::new("internet")?.credentials("user", "secret", Authentication::Pap)?;
/// # let _ = access_point;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessPoint<'d> {
    pub(crate) apn: &'d str,
    pub(crate) user: &'d str,
    pub(crate) password: &'d str,
    pub(crate) authentication: Authentication,
}

impl<'d> AccessPoint<'d> {
    /// Without authentication.
    const fn known(apn: &'d str) -> Self {
        Self {
            apn,
            user: "",
            password: "",
            authentication: Authentication::None,
        }
    }

    /// Names an APN of up to 100 bytes, without authentication.
    ///
    /// # Errors
    ///
    /// The reason why it cannot be part of an AT command.
    pub const fn new(apn: &'d str) -> Result<Self, InvalidText> {
        match AccessPointName::new(apn) {
            Ok(_) => Ok(Self::known(apn)),
            Err(invalid) => Err(invalid),
        }
    }

    /// Adds user name and password, up to 127 bytes each.
    ///
    /// # Errors
    ///
    /// The reason why one of them cannot be part of an AT command.
    pub const fn credentials(
        mut self,
        user: &'d str,
        password: &'d str,
        authentication: Authentication,
    ) -> Result<Self, InvalidText> {
        match (Credential::new(user), Credential::new(password)) {
            (Ok(_), Ok(_)) => {
                self.user = user;
                self.password = password;
                self.authentication = authentication;
                Ok(self)
            }
            (Err(invalid), _) | (_, Err(invalid)) => Err(invalid),
        }
    }
}

impl fmt::Debug for AccessPoint<'_> {
    /// Omits credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessPoint")
            .field("apn", &self.apn)
            .finish_non_exhaustive()
    }
}

/// The DNS servers that replace those of the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameServers {
    pub(crate) primary: IpAddr,
    pub(crate) secondary: Option<IpAddr>,
}

/// Limits a duration to a year, so that adding it to an instant does not overflow.
pub(crate) const fn bounded(time: Duration) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    if time.as_ticks() > YEAR.as_ticks() {
        YEAR
    } else {
        time
    }
}
