//! What can go wrong, for sockets and for the link below them.

use core::fmt;

use embedded_io_async::ErrorKind;

use crate::at::{ErrorCode, InvalidText, RegistrationStatus};

/// Why an operation on a socket, or a name lookup, failed.
///
/// One type serves connecting, reading and writing, as the traits of `embedded-nal-async` demand;
/// [`kind`](embedded_io_async::Error::kind) maps it for generic code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The link is down, and this is why. It comes back by itself unless the [`LinkError`] says otherwise;
    /// sockets that were open when it went down do not.
    Link(LinkError),
    /// Every socket slot of the [`Resources`](crate::Resources), or every connectID of the module, is in use.
    NoFreeSocket,
    /// Port 0 can neither be connected to nor listened on.
    InvalidPort,
    /// An unspecified address (`0.0.0.0`, `::`) cannot be connected to, nor can one be bound that is not of this side.
    InvalidAddress,
    /// A datagram is empty, or longer than the module (1460 bytes) or the socket's transmit ring can take.
    InvalidLength {
        /// The most that this socket can send at once.
        max: u16,
    },
    /// The socket is not connected, bound or listening, as the operation demands, or is so already (blocking face).
    InvalidState,
    /// A host name is empty, too long, or has a character that cannot go into a command.
    InvalidName(InvalidText),
    /// The peer refused the connection or cannot be reached (566).
    ConnectionRefused,
    /// The connection ended without an orderly close, or the module no longer knows it.
    ConnectionReset,
    /// The connection is closed in the direction of the operation: the peer closed it, or this side did.
    Closed,
    /// No result within the time that the operation may take.
    TimedOut,
    /// Bytes of this connection were lost between the module and the host: its stream has a gap and cannot go on.
    DataLost,
    /// The receive ring stayed full while the module pushed data, for longer than
    /// [`Config::stall_time`](crate::Config::stall_time): the rest of the stream is lost.
    Overrun,
    /// The name does not exist, or has no address of the family asked for.
    NameNotFound,
    /// The module's resolver failed, with this code.
    NameLookup(ErrorCode),
    /// The module cannot do this at all.
    Unsupported,
    /// The module refused, with this code of the note's table 1.
    Module(ErrorCode),
    /// The module refused with `+CME ERROR` and this number.
    Equipment(u16),
}

impl Error {
    /// What a failed AT+QIOPEN, AT+QISEND or AT+QIRD means to the user of the socket.
    #[inline(never)]
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

impl Error {
    /// Whether another local port may do.
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
            Self::InvalidPort => f.write_str("port 0 is not a port"),
            Self::InvalidAddress => {
                f.write_str("the address is unspecified, or not one of this side")
            }
            Self::InvalidLength { max } => {
                write!(f, "a datagram of this socket has 1 to {max} bytes")
            }
            Self::InvalidState => f.write_str("the socket is not in a state for this"),
            Self::InvalidName(reason) => write!(f, "invalid host name: {reason}"),
            Self::ConnectionRefused => f.write_str("connection refused"),
            Self::ConnectionReset => f.write_str("connection reset"),
            Self::Closed => f.write_str("connection closed"),
            Self::TimedOut => f.write_str("timed out"),
            Self::DataLost => f.write_str("bytes were lost on the serial line"),
            Self::Overrun => f.write_str("the receive ring stayed full while data was pushed"),
            Self::NameNotFound => f.write_str("name not found"),
            Self::NameLookup(code) => write!(f, "name lookup failed: {code}"),
            Self::Unsupported => f.write_str("not supported by the module"),
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
    /// The APN, user name, password or PIN of the [`Config`](crate::Config) cannot go into a command.
    /// Nothing is sent to the module.
    InvalidConfig(InvalidText),
    /// The module does not answer, or let a deadline of the note pass. It has to be restarted.
    NoAnswer,
    /// There is no SIM card in the module; the number is that of `+CME ERROR` (10).
    SimMissing(u16),
    /// The SIM card asks for a PIN that is not in the [`Config`](crate::Config), or for a PUK.
    SimLocked,
    /// The SIM card cannot be used; the number is that of `+CME ERROR`, 0 when the module gave none.
    SimFailure(u16),
    /// No network accepted the module within the time that the configuration allows;
    /// this is the last state it gave.
    NotRegistered(RegistrationStatus),
    /// The network denied registration (state 3).
    RegistrationDenied,
    /// The module refused the APN or its credentials (AT+QICSGP, or QIACT with 573).
    ApnRefused(ErrorCode),
    /// The network or the module refused to activate the PDP context (AT+QIACT).
    ContextRefused(ErrorCode),
    /// The network deactivated the PDP context (`pdpdeact`, 570), or it turned out to be inactive.
    ContextLost,
    /// The module restarted.
    Restarted,
}

impl LinkError {
    /// True when only a restart of the module (power key or supply) helps.
    ///
    /// With a reset hook ([`Runner::run_with_reset`](crate::Runner::run_with_reset)) that happens by itself.
    #[must_use]
    pub const fn needs_restart(&self) -> bool {
        matches!(self, Self::NoAnswer)
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::InvalidConfig(_) => ErrorKind::InvalidInput,
            Self::NoAnswer => ErrorKind::TimedOut,
            Self::SimLocked | Self::RegistrationDenied | Self::ApnRefused(_) => {
                ErrorKind::PermissionDenied
            }
            Self::NotRunning
            | Self::SimMissing(_)
            | Self::SimFailure(_)
            | Self::NotRegistered(_)
            | Self::ContextRefused(_) => ErrorKind::NotConnected,
            Self::ContextLost | Self::Restarted => ErrorKind::ConnectionReset,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the runner is not running"),
            Self::InvalidConfig(reason) => write!(f, "invalid configuration: {reason}"),
            Self::NoAnswer => f.write_str("the module does not answer and needs a restart"),
            Self::SimMissing(number) => write!(f, "no SIM card (CME error {number})"),
            Self::SimLocked => f.write_str("the SIM card asks for a PIN or PUK"),
            Self::SimFailure(number) => {
                write!(f, "the SIM card cannot be used (CME error {number})")
            }
            Self::NotRegistered(state) => {
                write!(f, "not registered with a network ({state:?})")
            }
            Self::RegistrationDenied => f.write_str("the network denied registration"),
            Self::ApnRefused(code) => write!(f, "APN refused: {code}"),
            Self::ContextRefused(code) => write!(f, "PDP context refused: {code}"),
            Self::ContextLost => f.write_str("the network deactivated the PDP context"),
            Self::Restarted => f.write_str("the module restarted"),
        }
    }
}

impl core::error::Error for LinkError {}
