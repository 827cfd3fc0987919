//! The errors of sockets and name lookups, and of the link to the network.

use core::fmt;

use embedded_io_async::ErrorKind;

use crate::at::{ErrorCode, InvalidText, RegistrationStatus};

/// Why an operation on a socket, a name lookup, or a command failed.
///
/// Connecting, reading and writing have the same error type, as the traits of `embedded-nal-async` demand.
/// [`kind`](embedded_io_async::Error::kind) maps it to an [`ErrorKind`] for generic code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The link is down, for this reason. The runner brings it up again, unless the [`LinkError`] says that this is
    /// impossible. Sockets that were open have to be opened anew.
    Link(LinkError),
    /// All slots of the [`Resources`](crate::Resources) that the socket may take, or all connectIDs of the module, are in use.
    NoFreeSocket,
    /// The remote port, or the port to listen on, is 0.
    InvalidPort,
    /// The remote address is unspecified (`0.0.0.0`, `::`), or the local address is not one of the module, or an address has a scope
    /// (`fe80::1%1`): the module has one network interface.
    InvalidAddress,
    /// The datagram is empty, or longer than the module (1460 bytes) or the socket's transmit ring allows.
    InvalidLength {
        /// The length of the longest datagram that the socket can send.
        max: u16,
    },
    /// The operation is not allowed in this state of the socket: it needs one that is connected, bound or listening, or one
    /// that is not. Only [`blocking`](crate::blocking) sockets return this.
    InvalidState,
    /// The host name is empty, too long, or contains a character that an AT command cannot contain.
    InvalidName(InvalidText),
    /// The peer refused the connection or cannot be reached (module's error 566).
    ConnectionRefused,
    /// The connection was reset, or the module has lost it.
    ConnectionReset,
    /// The connection was closed by the peer or by the application.
    Closed,
    /// The operation did not finish within its time limit.
    TimedOut,
    /// Received bytes of this connection were lost between the module and the host.
    DataLost,
    /// In direct push mode the receive ring stayed full for longer than
    /// [`Config::stall_time`](crate::Config::stall_time). The rest of the stream is lost.
    Overrun,
    /// The name does not exist, or has no address of the requested family.
    NameNotFound,
    /// The name lookup failed with this error of the module.
    NameLookup(ErrorCode),
    /// The module, or this build of the crate, does not support the operation.
    Unsupported,
    /// The module refused the command with this error (table 1 of Quectel's TCP/IP application note).
    Module(ErrorCode),
    /// The module refused the command with `+CME ERROR` and this number.
    Equipment(u16),
}

impl Error {
    /// The error for a code with which the module refused AT+QIOPEN, AT+QISEND or AT+QIRD.
    pub(crate) fn from_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::CONNECT_FAILED => Self::ConnectionRefused,
            ErrorCode::SOCKET_CLOSED => Self::ConnectionReset,
            ErrorCode::TIMEOUT => Self::TimedOut,
            ErrorCode::DNS_FAILED => Self::NameNotFound,
            ErrorCode::DNS_BUSY => Self::NameLookup(code),
            ErrorCode::CONTEXT_LOST | ErrorCode::CONTEXT_NOT_OPENED => {
                Self::Link(LinkError::ContextLost)
            }
            other => Self::Module(other),
        }
    }
}

#[cfg(feature = "udp")]
impl Error {
    /// Whether the open failed because of its local port.
    pub(crate) const fn is_port_taken(&self) -> bool {
        matches!(self, Self::Module(ErrorCode::BIND | ErrorCode::PORT_BUSY))
    }
}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Link(error) => error.kind(),
            Self::NoFreeSocket | Self::Overrun => ErrorKind::OutOfMemory,
            Self::InvalidPort
            | Self::InvalidAddress
            | Self::InvalidLength { .. }
            | Self::InvalidName(_) => ErrorKind::InvalidInput,
            Self::InvalidState => ErrorKind::NotConnected,
            Self::ConnectionRefused => ErrorKind::ConnectionRefused,
            Self::ConnectionReset => ErrorKind::ConnectionReset,
            Self::Closed => ErrorKind::BrokenPipe,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::DataLost => ErrorKind::InvalidData,
            Self::NameNotFound => ErrorKind::NotFound,
            Self::NameLookup(_) | Self::Module(_) | Self::Equipment(_) => ErrorKind::Other,
            Self::Unsupported => ErrorKind::Unsupported,
        }
    }
}

impl embedded_nal::TcpError for Error {
    fn kind(&self) -> embedded_nal::TcpErrorKind {
        use embedded_nal::TcpErrorKind::{Other, PipeClosed};
        match self {
            Self::ConnectionReset | Self::Closed => PipeClosed,
            Self::Link(_)
            | Self::NoFreeSocket
            | Self::InvalidPort
            | Self::InvalidAddress
            | Self::InvalidLength { .. }
            | Self::InvalidState
            | Self::InvalidName(_)
            | Self::ConnectionRefused
            | Self::TimedOut
            | Self::DataLost
            | Self::Overrun
            | Self::NameNotFound
            | Self::NameLookup(_)
            | Self::Unsupported
            | Self::Module(_)
            | Self::Equipment(_) => Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "link down: {error}"),
            Self::NoFreeSocket => f.write_str("no free socket"),
            Self::InvalidPort => f.write_str("port must not be 0"),
            Self::InvalidAddress => {
                f.write_str("address is unspecified, not local, or has a scope")
            }
            Self::InvalidLength { max } => {
                write!(f, "datagram must have 1 to {max} bytes")
            }
            Self::InvalidState => f.write_str("operation not allowed in this socket state"),
            Self::InvalidName(reason) => write!(f, "invalid host name: {reason}"),
            Self::ConnectionRefused => f.write_str("connection refused"),
            Self::ConnectionReset => f.write_str("connection reset"),
            Self::Closed => f.write_str("connection closed"),
            Self::TimedOut => f.write_str("timed out"),
            Self::DataLost => f.write_str("received bytes were lost on the serial line"),
            Self::Overrun => f.write_str("receive ring full for too long in direct push mode"),
            Self::NameNotFound => f.write_str("name not found"),
            Self::NameLookup(code) => write!(f, "name lookup failed: {code}"),
            Self::Unsupported => f.write_str("operation not supported"),
            Self::Module(code) => write!(f, "refused by the module: {code}"),
            Self::Equipment(number) => write!(f, "refused by the module: CME error {number}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

/// Why the link to the network is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkError {
    /// The [`Runner`](crate::Runner) is not running.
    NotRunning,
    /// The application wants no link (`Stack::set_link`), and nothing is done about it until it wants one; or it has changed the access
    /// point (`Stack::set_access_point`), and the link comes back.
    TurnedOff,
    /// A string of the [`Config`](crate::Config) is too long or contains a character that an AT command cannot contain.
    /// Nothing is sent to the module.
    InvalidConfig(InvalidText),
    /// The module does not answer: nothing within Quectel's documented maximum. Only a restart helps.
    NoAnswer,
    /// The module answers AT, but not this command of the bring-up, not even when it is repeated. Only a restart helps.
    CommandUnanswered(BringUpCommand),
    /// The radio of the module is off (AT+CFUN is 0 or 4), and the module refuses to turn it on.
    RadioOff,
    /// The module has no SIM card. The number is that of `+CME ERROR` (10).
    SimMissing(u16),
    /// The SIM card requires a PIN that is not in the [`Config`](crate::Config), or a PUK; or the module accepts
    /// other SIM cards or networks only.
    SimLocked,
    /// The SIM card cannot be used. The number is that of `+CME ERROR`, or 0 if the module reported none.
    SimFailure(u16),
    /// No network accepted the module within [`Config::registration_time`](crate::Config::registration_time). This is the
    /// last status that the module reported.
    NotRegistered(RegistrationStatus),
    /// The network denied registration (status 3).
    RegistrationDenied,
    /// The APN or its credentials were refused (by AT+QICSGP, or by AT+QIACT with error 573).
    ApnRefused(ErrorCode),
    /// The network or the module refused to activate the PDP context (AT+QIACT).
    ContextRefused(ErrorCode),
    /// The PDP context is active, and has no address after 10 s.
    NoAddress,
    /// The network deactivated the PDP context (URC `pdpdeact`, or error 570), or the context was found inactive.
    ContextLost,
    /// The module restarted. During the bring-up: it restarts again and again.
    Restarted,
}

/// A command of the bring-up without which there is no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BringUpCommand {
    /// `AT+CPIN?`
    SimState,
    /// `AT+CPIN=<pin>`
    EnterPin,
    /// `AT+CEREG?`, `AT+CGREG?` and `AT+CREG?`
    Registration,
    /// `AT+QIACT?`
    ListContexts,
    /// `AT+QICSGP`
    Configure,
}

impl LinkError {
    /// Whether only a restart of the module (by its power key, reset pin or supply) helps.
    ///
    /// With a reset hook ([`Runner::reset`](crate::Runner::reset)) the runner restarts the module itself.
    #[must_use]
    pub const fn needs_restart(&self) -> bool {
        matches!(self, Self::NoAnswer | Self::CommandUnanswered(_))
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::InvalidConfig(_) => ErrorKind::InvalidInput,
            Self::NoAnswer | Self::CommandUnanswered(_) => ErrorKind::TimedOut,
            Self::SimLocked | Self::RegistrationDenied | Self::ApnRefused(_) => {
                ErrorKind::PermissionDenied
            }
            Self::NotRunning
            | Self::TurnedOff
            | Self::SimMissing(_)
            | Self::SimFailure(_)
            | Self::NotRegistered(_)
            | Self::RadioOff
            | Self::NoAddress
            | Self::ContextRefused(_) => ErrorKind::NotConnected,
            Self::ContextLost | Self::Restarted => ErrorKind::ConnectionReset,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the runner is not running"),
            Self::TurnedOff => f.write_str("turned off by the application"),
            Self::InvalidConfig(reason) => write!(f, "invalid configuration: {reason}"),
            Self::NoAnswer => f.write_str("the module does not answer"),
            Self::CommandUnanswered(command) => {
                write!(
                    f,
                    "the module answers AT, but not {command:?}, and needs a restart"
                )
            }
            Self::RadioOff => f.write_str("the module refuses to turn its radio on"),
            Self::SimMissing(number) => write!(f, "no SIM card (CME error {number})"),
            Self::SimLocked => f.write_str("the SIM card requires a PIN or PUK"),
            Self::SimFailure(number) => {
                write!(f, "the SIM card cannot be used (CME error {number})")
            }
            Self::NotRegistered(state) => {
                write!(f, "not registered with a network ({state:?})")
            }
            Self::RegistrationDenied => f.write_str("the network denied registration"),
            Self::ApnRefused(code) => write!(f, "APN refused: {code}"),
            Self::ContextRefused(code) => write!(f, "PDP context refused: {code}"),
            Self::NoAddress => f.write_str("the PDP context has no address"),
            Self::ContextLost => f.write_str("the network deactivated the PDP context"),
            Self::Restarted => f.write_str("the module restarted"),
        }
    }
}

impl core::error::Error for LinkError {}
