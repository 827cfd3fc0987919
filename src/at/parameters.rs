//! Parameters that several commands share.

use atat::atat_derive::AtatEnum;

use super::{
    field::{Fields, Parse},
    number::numbered,
    writer::{Argument, Value},
};

numbered!(AccessMode, Switch);

/// service_type: what a socket service is (2.1.4, 2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServiceType {
    /// `TCP`: a connection opened by this side.
    Tcp,
    /// `UDP`: datagrams to and from one peer.
    Udp,
    /// `TCP SERVICE`: named by the note and not explained.
    TcpService,
    /// `TCP LISTENER`: accepts connections.
    TcpListener,
    /// `TCP INCOMING`: a connection that a listener accepted. Seen, never opened.
    TcpIncoming,
    /// `UDP SERVICE`: datagrams to and from anyone.
    UdpService,
    /// `UDP LISTENER`: accepts peers; EG95 and EG91 only.
    UdpListener,
    /// `UDP INCOMING`: a peer that a listener accepted. Seen, never opened.
    UdpIncoming,
}

impl ServiceType {
    const ALL: [Self; 8] = [
        Self::Tcp,
        Self::Udp,
        Self::TcpService,
        Self::TcpListener,
        Self::TcpIncoming,
        Self::UdpService,
        Self::UdpListener,
        Self::UdpIncoming,
    ];

    /// The word on the wire, without quotes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::TcpService => "TCP SERVICE",
            Self::TcpListener => "TCP LISTENER",
            Self::TcpIncoming => "TCP INCOMING",
            Self::UdpService => "UDP SERVICE",
            Self::UdpListener => "UDP LISTENER",
            Self::UdpIncoming => "UDP INCOMING",
        }
    }

    /// The service type of a word from the module, in capitals or not.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::of(word.as_bytes())
    }

    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str().as_bytes().eq_ignore_ascii_case(word))
    }
}

impl Argument<'_> for ServiceType {
    fn value(self) -> Value<'static> {
        Value::Text(self.as_str())
    }
}

impl Parse for ServiceType {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Self::of(fields.word()?.text)
    }
}

/// access_mode: how data gets from the module to the host (1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AccessMode {
    /// 0: the module keeps the data until it is read.
    #[at_arg(default)]
    Buffer = 0,
    /// 1: the module sends the data when it comes.
    DirectPush = 1,
    /// 2: the port carries data only.
    Transparent = 2,
}

/// A setting that is either on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Switch {
    /// 0.
    Off = 0,
    /// 1.
    On = 1,
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}
