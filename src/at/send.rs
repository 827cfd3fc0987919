//! Sending: AT+QISEND (2.1.7), AT+QISENDEX (2.1.9), AT+QISDE (2.1.16).

use core::fmt;

use serde_at::serde::{Serialize, Serializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::fields::{Address, ConnectId, Switch, Within};
use super::response::{AnswerText, NoResponse};

/// How many bytes one [`SendData`] or [`SendDatagram`] announces: 1 to 1460.
///
/// The note counts 0 in, but uses it to ask for what was sent: [`QuerySentData`].
pub type SendLength = Within<1, 1460>;

/// `AT+QISEND=?`: which ids and lengths there are (2.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND=?", AnswerText, timeout_ms = 60_000)]
pub struct TestSendData;

/// `AT+QISEND=<connectID>`: sends what follows the prompt up to Ctrl-Z; Esc cancels (2.1.7).
///
/// The data can hold neither of the two bytes, so that [`SendData`] is the one to use. Not for
/// UDP services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendVariable {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `AT+QISEND=<connectID>,<send_length>`: sends the next bytes after the prompt (2.1.7).
///
/// The final result is SEND OK (the module took the data, nothing more), SEND FAIL (its buffer is
/// full, try again) or ERROR. Not for UDP services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How many bytes follow.
    #[at_arg(position = 1)]
    pub length: SendLength,
}

/// `AT+QISEND=<connectID>,<send_length>,<remoteIP>,<remote_port>`: sends the next bytes after the
/// prompt as one datagram (2.1.7). For UDP services only; results as of [`SendData`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendDatagram {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How many bytes follow.
    #[at_arg(position = 1)]
    pub length: SendLength,
    /// Where the datagram goes.
    #[at_arg(position = 2)]
    pub address: Address,
    /// The port it goes to.
    #[at_arg(position = 3)]
    pub port: u16,
}

/// `AT+QISEND=<connectID>,0`: how much was sent, and how much of it arrived (2.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", SentData, timeout_ms = 60_000)]
pub struct QuerySentData {
    #[at_arg(position = 0)]
    connect_id: ConnectId,
    #[at_arg(position = 1)]
    length: Zero,
}

impl QuerySentData {
    /// Asks about a socket.
    #[must_use]
    pub const fn new(connect_id: ConnectId) -> Self {
        Self {
            connect_id,
            length: Zero,
        }
    }
}

/// The length that turns a command into a query: 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zero;

impl Serialize for Zero {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(0)
    }
}

/// `+QISEND: <total_send_length>,<ackedbytes>,<unackedbytes>` (2.1.7). All in bytes since the
/// socket was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SentData {
    /// Sent.
    #[at_arg(position = 0)]
    pub total: u64,
    /// Of these, acknowledged by the peer.
    #[at_arg(position = 1)]
    pub acknowledged: u64,
    /// Of these, not acknowledged yet.
    #[at_arg(position = 2)]
    pub unacknowledged: u64,
}

/// `AT+QISENDEX=?`: which ids there are (2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISENDEX=?", AnswerText, timeout_ms = 60_000)]
pub struct TestSendHex;

/// `AT+QISENDEX=<connectID>,<hex_string>`: sends bytes written as hex digits (2.1.9).
///
/// No prompt; results as of [`SendData`]. Slow, and some modules take 510 digits only. Not for
/// UDP services and listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISENDEX", NoResponse, timeout_ms = 60_000)]
pub struct SendHex<'a> {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The data.
    #[at_arg(position = 1)]
    pub data: HexText<'a>,
}

impl SendHex<'_> {
    /// Bytes that this command needs at most when it is written, CR included.
    pub const MAX_LENGTH: usize = 530;
}

/// Bytes written as pairs of hex digits: at most 512 digits (2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HexText<'a>(&'a str);

impl<'a> HexText<'a> {
    /// The most digits.
    pub const MAX: usize = 512;

    /// The digits, checked.
    ///
    /// # Errors
    ///
    /// [`InvalidHex`] if there are more than 512, an odd number, or anything else than digits.
    pub const fn new(digits: &'a str) -> Result<Self, InvalidHex> {
        let bytes = digits.as_bytes();
        if bytes.len() > Self::MAX {
            return Err(InvalidHex::TooLong);
        }
        let mut position = 0;
        while position < bytes.len() {
            if !bytes[position].is_ascii_hexdigit() {
                return Err(InvalidHex::NotADigit { position });
            }
            position += 1;
        }
        if position % 2 == 1 {
            return Err(InvalidHex::HalfByte);
        }
        Ok(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// Why a text is not a [`HexText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InvalidHex {
    /// More than 512 digits.
    TooLong,
    /// Something else than a hex digit.
    NotADigit {
        /// Where it is, in bytes from the start.
        position: usize,
    },
    /// Digits come in pairs; one is missing.
    HalfByte,
}

impl fmt::Display for InvalidHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("more than 512 hex digits"),
            Self::NotADigit { position } => write!(f, "no hex digit at byte {position}"),
            Self::HalfByte => f.write_str("odd number of hex digits"),
        }
    }
}

impl core::error::Error for InvalidHex {}

impl Serialize for HexText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// `AT+QISDE=?`: which settings there are (2.1.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISDE=?", AnswerText, timeout_ms = 60_000)]
pub struct TestSetDataEcho;

/// `AT+QISDE?`: whether the module echoes the data of [`SendData`] (2.1.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISDE?", DataEcho, timeout_ms = 60_000)]
pub struct QueryDataEcho;

/// `AT+QISDE=<echo>`: whether the module echoes the data of [`SendData`] (2.1.16). It does after
/// power-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISDE", NoResponse, timeout_ms = 60_000)]
pub struct SetDataEcho {
    /// On or off.
    #[at_arg(position = 0)]
    pub echo: Switch,
}

/// `+QISDE: <echo>` (2.1.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DataEcho {
    /// On or off.
    #[at_arg(position = 0)]
    pub echo: Switch,
}
