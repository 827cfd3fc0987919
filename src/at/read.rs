//! Reading in buffer mode: AT+QIRD (2.1.8).

use core::net::SocketAddr;

use super::{
    address::Sender,
    field::{Fields, Parse},
    ids::ConnectId,
    number::Within,
    response::{AnswerText, answers},
    send::Zero,
    writer::command,
};

answers!(ReadHeader, ReceivedData);

/// How many bytes one [`ReadData`] asks for: 1 to 1500.
///
/// The note counts 0 in, but uses it to ask for the counters: [`QueryReceivedData`].
pub type ReadLength = Within<1, 1500>;

/// `AT+QIRD=?`: which ids and lengths there are (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestReadData;

command!(TestReadData = "AT+QIRD=?" -> AnswerText, 60_000 ms);

/// `AT+QIRD=<connectID>[,<read_length>]`: reads at most that many bytes (2.1.8).
///
/// The [`ReadHeader`] is followed by a line end and that many bytes of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadData {
    /// The socket.
    pub connect_id: ConnectId,
    /// How many bytes at most. Without it up to 1500 come.
    pub length: Option<ReadLength>,
}

command!(ReadData = "AT+QIRD=" [connect_id, length] -> ReadHeader, 60_000 ms);

/// `AT+QIRD=<connectID>`: reads one whole datagram of a UDP service (2.1.8).
///
/// The [`ReadHeader`] tells who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadDatagram {
    /// The socket.
    pub connect_id: ConnectId,
}

command!(ReadDatagram = "AT+QIRD=" [connect_id] -> ReadHeader, 60_000 ms);

/// `+QIRD: <read_actual_length>[,<remoteIP>,<remote_port>]` (2.1.8).
///
/// Length 0 with a peer is an empty datagram, without a peer it means that there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ReadHeader {
    /// How many bytes follow.
    pub length: u32,
    /// Who sent them. Known for UDP services only; `None` too if what the module shows as the
    /// address is none.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub peer: Option<SocketAddr>,
}

impl Parse for ReadHeader {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let length = fields.next()?;
        let Sender(peer) = fields.next()?;
        Some(Self { length, peer })
    }
}

/// `AT+QIRD=<connectID>,0`: how much was received, and how much of it was read (2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryReceivedData {
    connect_id: ConnectId,
    length: Zero,
}

command!(QueryReceivedData = "AT+QIRD=" [connect_id, length] -> ReceivedData, 60_000 ms);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceivedData {
    /// Received.
    pub total: u64,
    /// Of these, read by the host.
    pub read: u64,
    /// Of these, not read yet.
    pub unread: u64,
}

impl Parse for ReceivedData {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            total: fields.next()?,
            read: fields.next()?,
            unread: fields.next()?,
        })
    }
}
