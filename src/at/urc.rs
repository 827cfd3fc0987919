//! The lines that come unasked (2.2), and the late results of commands.

use serde_at::serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::atat::{self, AtatResp, AtatUrc};
use super::deserializer::{Fields, position, remainder};
use super::dns::Resolution;
use super::errors::ErrorCode;
use super::fields::{ConnectId, ContextId, LastText, Peer};
use super::ntp::TimeSynchronized;
use super::ping::PingReport;
use super::sim::SimStatus;

/// A line that came unasked (2.2), or the late result of a command.
///
/// `+QIOPEN`, `+QPING`, `+QNTP`, `+CPIN` and `+CFUN` are also what answers begin with; the command in flight decides.
#[derive(Debug, Clone, PartialEq, Eq, AtatUrc)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Urc {
    /// `+QIURC: …`: what the TCP/IP stack of the module indicates (2.2).
    #[at_urc("+QIURC")]
    Indication(Indication),
    /// `+QIOPEN: <connectID>,<err>`: the result of [`OpenSocket`](super::OpenSocket) (2.1.4).
    #[at_urc("+QIOPEN")]
    Opened(Opened),
    /// `+QPING: …`: results of [`Ping`](super::Ping) (2.1.11).
    #[at_urc("+QPING")]
    Ping(PingReport),
    /// `+QNTP: <err>[,<time>]`: the result of [`SynchronizeTime`](super::SynchronizeTime) (2.1.12).
    #[at_urc("+QNTP")]
    TimeSynchronized(TimeSynchronized),
    /// `RDY`: the module has started, by itself if that is in mid-session.
    #[at_urc("RDY")]
    Ready,
    /// `APP RDY`: its applications have started. Not every module reports that.
    #[at_urc("APP RDY")]
    ApplicationReady,
    /// `POWERED DOWN`: the module is going off.
    #[at_urc("POWERED DOWN")]
    PoweredDown,
    /// `+CFUN: <fun>`: how much of the module is on.
    #[at_urc("+CFUN")]
    Functionality(FunctionalityChanged),
    /// `+CPIN: <code>`: what the SIM waits for.
    #[at_urc("+CPIN")]
    Sim(SimStatus),
    /// `+QPSMTIMER: …`: the module is about to sleep; all sockets are gone.
    #[at_urc("+QPSMTIMER")]
    PowerSaving(PowerSaving),
    /// `NO CARRIER`: transparent access mode ended (1.2).
    #[at_urc("NO CARRIER")]
    NoCarrier,
}

impl Urc {
    /// Recognises a whole line, without its line end. Blanks behind it are allowed.
    ///
    /// The same as [`atat::AtatUrc::parse`](::atat::AtatUrc::parse), which takes blanks for part of the line, and what
    /// follows a colon for none of `RDY` and its like.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let urc = <Self as AtatUrc>::parse(line)?;
        let is_text = matches!(
            urc,
            Self::Ready | Self::ApplicationReady | Self::PoweredDown | Self::NoCarrier
        );
        (!is_text || !line.contains(&b':')).then_some(urc)
    }
}

/// `+QIURC: <type>,…`: what the TCP/IP stack of the module indicates (2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Indication {
    /// `"closed",<connectID>`: the peer or the network closed the socket (2.2.1). What the peer sent before can still be
    /// read, and the id stays taken until the host closes it.
    Closed(ConnectId),
    /// `"recv",…`: data has come (2.2.2).
    Received(Received),
    /// `"incoming full"`: a connection was refused for want of a socket (2.2.3).
    IncomingFull,
    /// `"incoming",…`: a listener accepted a connection (2.2.4).
    Incoming(Incoming),
    /// `"pdpdeact",<contextID>`: the network took the context down (2.2.5).
    ContextLost(ContextId),
    /// `"dnsgip",…`: results of [`ResolveName`](super::ResolveName) (2.1.14).
    Resolution(Resolution),
}

/// The type of an [`Indication`]: firmware that does not use one is linked without what reads its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndicationType {
    Closed,
    Received,
    IncomingFull,
    Incoming,
    ContextLost,
    Resolution,
}

impl IndicationType {
    const ALL: &[Self] = &[
        Self::Closed,
        Self::Received,
        Self::IncomingFull,
        Self::Incoming,
        Self::ContextLost,
        Self::Resolution,
    ];
    const TEXTS: &[&str] = &[
        "\"closed\"",
        "\"recv\"",
        "\"incoming full\"",
        "\"incoming\"",
        "\"pdpdeact\"",
        "\"dnsgip\"",
    ];

    /// The type that a line indicates, and the fields behind it.
    pub(crate) fn of_line(line: &[u8]) -> Option<(Self, Fields<'_>)> {
        let mut fields = Fields::of_line(line);
        let of = Self::ALL.get(position(Self::TEXTS, fields.field())?)?;
        Some((*of, fields))
    }
}

impl Indication {
    fn of(line: &[u8]) -> Option<Self> {
        let (of, mut fields) = IndicationType::of_line(line)?;
        Some(match of {
            IndicationType::Closed => Self::Closed(fields.last()?),
            IndicationType::Received => Self::Received(fields.last()?),
            IndicationType::IncomingFull => {
                fields.end()?;
                Self::IncomingFull
            }
            IndicationType::Incoming => Self::Incoming(fields.last()?),
            IndicationType::ContextLost => Self::ContextLost(fields.last()?),
            IndicationType::Resolution => Self::Resolution(fields.last()?),
        })
    }
}

/// A whole line.
impl<'de> Deserialize<'de> for Indication {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, Self::of)
    }
}

/// `"recv",<connectID>[,<length>[,<remoteIP>,<remote_port>]]`: data has come (2.2.2).
///
/// In direct push mode `length` bytes follow after a line end; in buffer mode none do, with or without a length. `P` is
/// how the peer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Received<P: DeserializeOwned = Peer> {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How many bytes there are.
    #[at_arg(position = 1)]
    pub length: Option<u32>,
    /// Who sent them, for UDP services.
    #[at_arg(position = 2)]
    pub peer: P,
}

/// `"incoming",<connectID>,<serverID>,<remoteIP>,<remote_port>`: a listener accepted a connection (2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Incoming {
    /// The new socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The listener.
    #[at_arg(position = 1)]
    pub server_id: ConnectId,
    /// The peer.
    #[at_arg(position = 2)]
    pub peer: Peer,
}

/// `+QIOPEN: <connectID>,<err>`: the late result of [`OpenSocket`](super::OpenSocket) (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    /// The socket.
    pub connect_id: ConnectId,
    /// Whether it is open.
    pub result: Result<(), ErrorCode>,
}

/// A whole line.
impl<'de> Deserialize<'de> for Opened {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |line| {
            let mut fields = Fields::of_line(line);
            Some(Self {
                connect_id: fields.next()?,
                result: ErrorCode::check(fields.last()?),
            })
        })
    }
}

/// `+CFUN: <fun>`: how much of the module is on (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FunctionalityChanged {
    /// The level; see [`Functionality`](super::Functionality).
    #[at_arg(position = 0)]
    pub level: u8,
}

/// `+QPSMTIMER: …`: the timers of the power saving mode that the module enters.
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PowerSaving {
    /// The timers, as the module writes them.
    #[at_arg(position = 0)]
    pub timers: LastText<32>,
}
