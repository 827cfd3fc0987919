//! URCs: lines that the module sends without being asked (2.2), and results that follow their command later.

use serde_at::serde::de::DeserializeOwned;

use super::atat::{self, AtatResp, AtatUrc};
use super::deserializer::{Fields, deserialize_by, digits};
use super::dns::Resolution;
use super::errors::ErrorCode;
use super::fields::{ConnectId, ContextId, LastText, Peer};
use super::ntp::TimeSynchronized;
use super::ping::PingReport;
use super::power::Edrx;
use super::sim::SimStatus;
use super::tables::texts;

/// A URC: a line that the module sends without being asked (2.2), or a result that follows its command later.
///
/// Information responses can begin with `+QIOPEN`, `+QPING`, `+QNTP`, `+CPIN` and `+CFUN` too. The command in flight decides
/// what a line is.
#[derive(Debug, Clone, PartialEq, Eq, AtatUrc)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Urc {
    /// `+QIURC: …`: an event of the module's TCP/IP stack (2.2).
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
    /// `RDY`: the module has started.
    #[at_urc("RDY")]
    Ready,
    /// `APP RDY`: the applications of the module have started. Not all modules send it.
    #[at_urc("APP RDY")]
    ApplicationReady,
    /// `POWERED DOWN`: the module switches off.
    #[at_urc("POWERED DOWN")]
    PoweredDown,
    /// `NORMAL POWER DOWN`: the module switches off, because AT+QPOWD or its power key demands it.
    #[at_urc("NORMAL POWER DOWN")]
    NormalPowerDown,
    /// `PSM POWER DOWN`: the module enters power saving mode. All sockets are closed.
    #[at_urc("PSM POWER DOWN")]
    PsmPowerDown,
    /// `+CFUN: <fun>`: parts of the module were turned on or off.
    #[at_urc("+CFUN")]
    Functionality(FunctionalityChanged),
    /// `+CPIN: <code>`: the state of the SIM.
    #[at_urc("+CPIN")]
    Sim(SimStatus),
    /// `+QPSMTIMER: …`: the module enters power saving mode. All sockets are closed.
    #[at_urc("+QPSMTIMER")]
    PowerSaving(StatusText),
    /// `+CEDRXP: …`: what the network grants for eDRX.
    #[at_urc("+CEDRXP")]
    Edrx(Edrx),
    /// `+QUSIM: <type>`: the type of the SIM, during the start of the module.
    #[at_urc("+QUSIM")]
    SimType(StatusText),
    /// `+QIND: <text>`: a part of the module has started (`SMS DONE`, `PB DONE`), or something else has changed.
    #[at_urc("+QIND")]
    Status(StatusText),
    /// `NO CARRIER`: transparent access mode has ended (1.2).
    #[at_urc("NO CARRIER")]
    NoCarrier,
}

impl Urc {
    /// Reads a whole line, without its line end. `None` if it is no URC.
    ///
    /// Unlike [`AtatUrc::parse`](::atat::AtatUrc::parse) this allows blanks at the end, and refuses a colon after `RDY` and
    /// the other URCs without fields.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let urc = <Self as AtatUrc>::parse(line)?;
        (line.starts_with(b"+") || !line.contains(&b':')).then_some(urc)
    }
}

/// `+QIURC: <type>,…`: an event of the module's TCP/IP stack (2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Indication {
    /// `"closed",<connectID>`: the peer or the network has closed the connection (2.2.1). Data that the peer sent before can
    /// still be read, and the connectID is in use until the host closes the socket.
    Closed(ConnectId),
    /// `"recv",…`: data has arrived (2.2.2).
    Received(Received),
    /// `"incoming full"`: the module has refused a connection, because no connectID is free (2.2.3).
    IncomingFull,
    /// `"incoming",…`: a listener has accepted a connection (2.2.4).
    Incoming(Incoming),
    /// `"pdpdeact",<contextID>`: the network has deactivated the context (2.2.5).
    ContextLost(ContextId),
    /// `"dnsgip",…`: results of [`ResolveName`](super::ResolveName) (2.1.14).
    Resolution(Resolution),
}

texts! {
    /// The type of an [`Indication`]. The engine reads the fields of the types that it uses, so that firmware does not contain
    /// the readers of the others.
    pub(crate) enum IndicationType {
        Closed "\"closed\"",
        Received "\"recv\"",
        IncomingFull "\"incoming full\"",
        Incoming "\"incoming\"",
        ContextLost "\"pdpdeact\"",
        Resolution "\"dnsgip\"",
    }
}

impl IndicationType {
    /// The type in a `+QIURC` line, and the fields after it.
    pub(crate) fn of_line(line: &[u8]) -> Option<(Self, Fields<'_>)> {
        let mut fields = Fields::of_line(line);
        Some((Self::of(fields.field())?, fields))
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

// A whole line.
deserialize_by!(remainder, Indication, Self::of);

/// `"recv",<connectID>[,<length>[,<remoteIP>,<remote_port>]]`: data has arrived (2.2.2).
///
/// In direct push mode a line end and `length` bytes follow. In buffer mode no data follows, with or without a length. `P`
/// is the type that the last two fields are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Received<P: DeserializeOwned = Peer> {
    /// The socket.
    pub connect_id: ConnectId,
    /// The number of bytes.
    pub length: NoticedLength,
    /// The sender. Only for UDP services.
    pub peer: P,
}

/// The length in a `recv` URC. `None` if it is missing, or a text: BC25 and its relatives write `"buff full"` (quirk 130).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoticedLength(pub Option<u32>);

deserialize_by!(one_field, NoticedLength, |field| match field {
    [] | [b'"', .., b'"'] => Some(Self(None)),
    field => Some(Self(Some(digits(field)?.try_into().ok()?))),
});

/// `"incoming",<connectID>,<serverID>,<remoteIP>,<remote_port>`: a listener has accepted a connection (2.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Incoming {
    /// The new socket.
    pub connect_id: ConnectId,
    /// The listener.
    pub server_id: ConnectId,
    /// The peer.
    pub peer: Peer,
}

/// `+QIOPEN: <connectID>,<err>`: the late result of [`OpenSocket`](super::OpenSocket) (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    /// The socket.
    pub connect_id: ConnectId,
    /// Whether the socket is open.
    pub result: Result<(), ErrorCode>,
}

// A whole line.
deserialize_by!(remainder, Opened, |line| {
    let mut fields = Fields::of_line(line);
    Some(Self {
        connect_id: fields.next()?,
        result: ErrorCode::check(fields.last()?),
    })
});

/// `+CFUN: <fun>`: parts of the module were turned on or off (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FunctionalityChanged {
    /// The parts that are on; see [`Functionality`](super::Functionality).
    pub level: u8,
}

/// The rest of the line, as the module writes it.
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StatusText {
    /// The text. For [`Urc::PowerSaving`] the timers of the power saving mode.
    pub text: LastText<32>,
}
