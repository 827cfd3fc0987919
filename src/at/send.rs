//! Sending: AT+QISEND (2.1.7), AT+QISENDEX (2.1.9), AT+QISDE (2.1.16).

use serde_at::serde::{Serialize, Serializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::fields::{Address, ConnectId, Switch, Within};
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;

/// The number of payload bytes of a [`SendData`] or a [`SendDatagram`]: 1 to 1460.
///
/// In the note the range begins with 0, which is another command: [`QuerySentData`].
pub type SendLength = Within<1, 1460>;

bare_commands! {
    /// `AT+QISEND=?`: lists the supported connectIDs and lengths (2.1.7).
    TestSendData "+QISEND=?" -> AnswerText, 60_000;
    /// `AT+QISENDEX=?`: lists the supported connectIDs (2.1.9).
    TestSendHex "+QISENDEX=?" -> AnswerText, 60_000;
    /// `AT+QISDE=?`: lists the supported settings (2.1.16).
    TestSetDataEcho "+QISDE=?" -> AnswerText, 60_000;
    /// `AT+QISDE?`: returns whether the module echoes the payload of [`SendData`] (2.1.16).
    QueryDataEcho "+QISDE?" -> DataEcho, 60_000;
}

/// `AT+QISEND=<connectID>`: sends the bytes that follow the prompt up to Ctrl-Z; Esc cancels (2.1.7).
///
/// The payload can contain neither of the two bytes: prefer [`SendData`]. Not for UDP services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendVariable {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `AT+QISEND=<connectID>,<send_length>`: sends this number of bytes, which follow the prompt (2.1.7).
///
/// The final result code is SEND OK (the module has accepted the payload; the peer may not have it), SEND FAIL (the send
/// buffer of the module is full; try again) or ERROR. Not for UDP services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The number of payload bytes.
    #[at_arg(position = 1)]
    pub length: SendLength,
}

/// `AT+QISEND=<connectID>,<send_length>,<remoteIP>,<remote_port>`: sends this number of bytes, which follow the prompt, as
/// one datagram (2.1.7). For UDP services only. The final result codes are those of [`SendData`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", NoResponse, timeout_ms = 60_000)]
pub struct SendDatagram {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The number of payload bytes.
    #[at_arg(position = 1)]
    pub length: SendLength,
    /// The address of the peer.
    #[at_arg(position = 2)]
    pub address: Address,
    /// The port of the peer.
    #[at_arg(position = 3)]
    pub port: u16,
}

/// `AT+QISEND=<connectID>,0`: returns how much was sent, and how much the peer has acknowledged (2.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISEND", SentData, termination = ",0\r", timeout_ms = 60_000)]
pub struct QuerySentData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `+QISEND: <total_send_length>,<ackedbytes>,<unackedbytes>` (2.1.7). Bytes since the socket was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SentData {
    /// Bytes sent.
    pub total: u64,
    /// Those that the peer has acknowledged.
    pub acknowledged: u64,
    /// Those that the peer has not acknowledged yet.
    pub unacknowledged: u64,
}

/// `AT+QISENDEX=<connectID>,<hex_string>`: sends bytes that are written as hex digits (2.1.9).
///
/// There is no prompt. The final result codes are those of [`SendData`]. Slow; some modules accept only 510 digits. Not for
/// UDP services and listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISENDEX", NoResponse, timeout_ms = 60_000)]
pub struct SendHex<'a> {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The payload.
    #[at_arg(position = 1)]
    pub data: HexText<'a>,
}

impl SendHex<'_> {
    /// The maximum length of the command in bytes, CR included.
    pub const MAX_LENGTH: usize = 530;
}

/// Bytes as pairs of hex digits: at most 512 digits (2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HexText<'a>(&'a str);

impl<'a> HexText<'a> {
    /// The maximum number of digits.
    pub const MAX: usize = 512;

    /// Checks the digits. `None` if there are more than 512 digits, an odd number of digits, or other characters.
    #[must_use]
    pub fn new(digits: &'a str) -> Option<Self> {
        let is_paired = digits.len() <= Self::MAX && digits.len() & 1 == 0;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_paired && is_hex).then_some(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl Serialize for HexText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// `AT+QISDE=<echo>`: turns the echo of the payload of [`SendData`] on or off (2.1.16). It is on after power-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISDE", NoResponse, timeout_ms = 60_000)]
pub struct SetDataEcho {
    /// Whether the module echoes.
    #[at_arg(position = 0)]
    pub echo: Switch,
}

/// `+QISDE: <echo>` (2.1.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DataEcho {
    /// Whether the module echoes.
    pub echo: Switch,
}
