//! Reading received data in buffer access mode: AT+QIRD (2.1.8).

use serde_at::serde::de::DeserializeOwned;

use super::atat::{self, AtatCmd, AtatResp};
use super::fields::{ConnectId, Peer, Within};
use super::response::AnswerText;

/// The maximum number of bytes of a [`ReadData`]: 1 to 1500.
///
/// In the note the range begins with 0, which is another command: [`QueryReceivedData`].
pub type ReadLength = Within<1, 1500>;

/// `AT+QIRD=?`: lists the supported connectIDs and lengths (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD=?", AnswerText, timeout_ms = 60_000)]
pub struct TestReadData;

/// `AT+QIRD=<connectID>[,<read_length>]`: reads at most this number of bytes (2.1.8).
///
/// A line end and the data follow the [`ReadHeader`], which contains the sender for a UDP service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD", ReadHeader, timeout_ms = 60_000)]
pub struct ReadData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The maximum number of bytes. Without a length it is 1500, and for a UDP service one whole datagram.
    #[at_arg(position = 1)]
    pub length: Option<ReadLength>,
}

/// `+QIRD: <read_actual_length>[,<remoteIP>,<remote_port>]` (2.1.8).
///
/// Length 0 with a peer is an empty datagram; without a peer it means that there is no data. `P` is the type that the last
/// two fields are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReadHeader<P: DeserializeOwned = Peer> {
    /// The number of bytes that follow.
    pub length: u32,
    /// The sender. Only for UDP services.
    pub peer: P,
}

/// `AT+QIRD=<connectID>,0`: returns how much was received, and how much the host has read (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIRD", ReceivedData, termination = ",0\r", timeout_ms = 60_000)]
pub struct QueryReceivedData {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `+QIRD: <total_receive_length>,<have_read_length>,<unread_length>` (2.1.8). Bytes since the socket was opened. Some
/// modules update the numbers late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceivedData {
    /// Bytes received.
    pub total: u64,
    /// Those that the host has read.
    pub read: u64,
    /// Those that the host has not read yet.
    pub unread: u64,
}
