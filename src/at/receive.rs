//! Reading in buffer mode: AT+QIRD (2.1.8).

use serde_at::serde::de::DeserializeOwned;

use super::atat::{self, AtatCmd, AtatResp};
use super::fields::{ConnectId, Sender, Within};
use super::response::AnswerText;
use super::send::Zero;

/// How many bytes one [`ReadData`] asks for: 1 to 1500.
///
/// The note counts 0 in, but uses it to ask for the counters: [`QueryReceivedData`].
pub type ReadLength = Within<1, 1500>;

/// `AT+QIRD=?`: which ids and lengths there are (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD=?", AnswerText, timeout_ms = 60_000)]
pub struct TestReadData;

/// `AT+QIRD=<connectID>[,<read_length>]`: reads at most that many bytes (2.1.8).
///
/// The [`ReadHeader`] is followed by a line end and that many bytes of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD", ReadHeader, timeout_ms = 60_000)]
pub struct ReadData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How many bytes at most. Without it up to 1500 come.
    #[at_arg(position = 1)]
    pub length: Option<ReadLength>,
}

/// `AT+QIRD=<connectID>`: reads one whole datagram of a UDP service (2.1.8).
///
/// The [`ReadHeader`] tells who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD", ReadHeader, timeout_ms = 60_000)]
pub struct ReadDatagram {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `+QIRD: <read_actual_length>[,<remoteIP>,<remote_port>]` (2.1.8).
///
/// `P` is how the sender is read. Length 0 with a peer is an empty datagram, without a peer it means that there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReadHeader<P: DeserializeOwned = Sender> {
    /// How many bytes follow.
    #[at_arg(position = 0)]
    pub length: u32,
    /// Who sent them. Known for UDP services only.
    #[at_arg(position = 1)]
    pub peer: P,
}

/// `AT+QIRD=<connectID>,0`: how much was received, and how much of it was read (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD", ReceivedData, timeout_ms = 60_000)]
pub struct QueryReceivedData {
    #[at_arg(position = 0)]
    connect_id: ConnectId,
    #[at_arg(position = 1)]
    length: Zero,
}

impl QueryReceivedData {
    /// Asks about a socket.
    #[must_use]
    pub const fn new(connect_id: ConnectId) -> Self {
        Self {
            connect_id,
            length: Zero,
        }
    }
}

/// `+QIRD: <total_receive_length>,<have_read_length>,<unread_length>` (2.1.8). All in bytes since
/// the socket was opened; some modules count late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceivedData {
    /// Received.
    #[at_arg(position = 0)]
    pub total: u64,
    /// Of these, read by the host.
    #[at_arg(position = 1)]
    pub read: u64,
    /// Of these, not read yet.
    #[at_arg(position = 2)]
    pub unread: u64,
}
