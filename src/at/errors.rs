//! Failures: AT+QIGETERROR (2.1.17), the error codes of the TCP/IP commands (chapter 4, table 1), and the final result codes
//! that report a failure.

use core::fmt;
use core::num::NonZeroU16;

use super::atat::{self, AtatResp};
use super::deserializer::{Fields, digits, trim};
use super::fields::LastText;
use super::prefix::Prefix;
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;

/// Why a TCP/IP command or a socket failed (chapter 4, table 1).
///
/// 0 stands for success in the note and is none of these. As an answer to [`QueryLastError`](super::QueryLastError) after a
/// failure it means that the module does not know why. Codes that the note does not list are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ErrorCode(NonZeroU16);

macro_rules! error_codes {
    ($($code:literal $name:ident $meaning:literal,)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!(stringify!($code), ": ", $meaning, ".")]
                pub const $name: Self = Self(NonZeroU16::new($code).unwrap());
            )*

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    _ => "code not known",
                }
            }
        }
    };
}

error_codes! {
    550 UNSPECIFIED "error without a known reason",
    551 BLOCKED "operation is blocked",
    552 INVALID_PARAMETERS "parameters are invalid",
    553 OUT_OF_MEMORY "not enough memory",
    554 SOCKET_CREATION "socket could not be created",
    555 NOT_SUPPORTED "operation is not supported",
    556 BIND "socket could not be bound",
    557 LISTEN "socket could not listen",
    558 WRITE "writing to the socket failed",
    559 READ "reading from the socket failed",
    560 ACCEPT "connection could not be accepted",
    561 CONTEXT_NOT_OPENED "PDP context could not be opened",
    562 CONTEXT_NOT_CLOSED "PDP context could not be closed",
    563 ID_IN_USE "socket id is in use already",
    564 DNS_BUSY "DNS is busy",
    565 DNS_FAILED "DNS could not resolve the name",
    566 CONNECT_FAILED "socket could not connect",
    567 SOCKET_CLOSED "socket has been closed",
    568 BUSY "operation is busy",
    569 TIMEOUT "operation timed out",
    570 CONTEXT_LOST "PDP context broke down",
    571 SEND_CANCELLED "sending was cancelled",
    572 NOT_ALLOWED "operation is not allowed",
    573 APN_NOT_CONFIGURED "APN is not configured",
    574 PORT_BUSY "port is busy",
}

impl ErrorCode {
    /// The code with this number on the wire. `None` for 0, which is no error.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match NonZeroU16::new(code) {
            Some(code) => Some(Self(code)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0.get()
    }

    /// The result for a number on the wire: 0 is success.
    ///
    /// # Errors
    ///
    /// The code, if the number is not 0.
    pub const fn check(code: u16) -> Result<(), Self> {
        match Self::new(code) {
            None => Ok(()),
            Some(code) => Err(code),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.meaning(), self.code())
    }
}

impl core::error::Error for ErrorCode {}

bare_commands! {
    /// `AT+QIGETERROR=?`: the answer is OK only (2.1.17).
    TestQueryLastError "+QIGETERROR=?" -> AnswerText, 60_000;
    /// `AT+QIGETERROR`: returns the reason why the last TCP/IP command has failed (2.1.17). It must be the next command.
    QueryLastError "+QIGETERROR" -> LastError, 60_000;
}

/// `+QIGETERROR: <err>,<errcode_description>` (2.1.17).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct LastError {
    /// The number. 0 is no error; see [`LastError::error`].
    pub code: u16,
    /// A description. The texts differ between modules.
    pub description: LastText<48>,
}

/// What the stack reads of a [`LastError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
pub(crate) struct LastErrorLine {
    pub(crate) code: u16,
    _description: NoResponse,
}

impl LastError {
    /// The error. `None` for 0, which after a failure means that the module does not know the reason (quirk 101).
    #[must_use]
    pub fn error(&self) -> Option<ErrorCode> {
        ErrorCode::check(self.code).err()
    }
}

/// A final result code for a failure: `ERROR`, `+CME ERROR: …` or `+CMS ERROR: …`.
///
/// Most socket commands end with `ERROR`, and [`QueryLastError`] returns the reason. Other commands end with a number or,
/// after [`SetErrorFormat`](super::SetErrorFormat) with [`Text`](super::ErrorFormat::Text), with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure<'a> {
    /// `ERROR`: no reason.
    Plain,
    /// `+CME ERROR: 10` or `+CMS ERROR: 300`: a number of the mobile equipment or of the message service.
    Number(u16),
    /// `+CME ERROR: SIM not inserted` or `+CMS ERROR: ME failure`: a text of either.
    Text(&'a str),
}

impl<'a> Failure<'a> {
    /// Recognises a whole line, without its line end.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = trim(line);
        if line == b"ERROR" {
            return Some(Self::Plain);
        }
        let (Prefix::EquipmentError | Prefix::MessageError) = Prefix::of_line(line)? else {
            return None;
        };
        let reason = Fields::of_line(line).remainder();
        match digits(reason).and_then(|number| number.try_into().ok()) {
            Some(number) => Some(Self::Number(number)),
            None => core::str::from_utf8(reason).ok().map(Self::Text),
        }
    }
}
