//! Optional parameters of the stack: AT+QICFG (2.1.15).

use atat::{AtatCmd, Error, InternalError, atat_derive::AtatEnum};

use super::{
    number::{Within, numbered},
    parameters::Switch,
    response::{AnswerText, NoResponse, parse},
    setting_answer::SettingAnswer,
    writer::{Argument, Arguments, Command, Value, command, write},
};

numbered!(DataFormat, ViewMode, UdpMode);

/// `AT+QICFG=?`: which settings and ranges there are, one line each (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestConfigureSetting;

command!(TestConfigureSetting = "AT+QICFG=?" -> AnswerText, 60_000 ms);

/// `AT+QICFG=<key>`: the value of a setting (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySetting {
    /// The setting.
    pub key: SettingKey,
}

command!(QuerySetting = "AT+QICFG=" [key] -> SettingAnswer, 60_000 ms);

/// `AT+QICFG=<key>,<values>`: changes a setting (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigureSetting {
    /// The setting and its value.
    pub setting: Setting,
}

impl Command<'_> for ConfigureSetting {
    const NAME: &'static str = "AT+QICFG=";

    fn fill(self, arguments: &mut Arguments<'_>) -> &'static str {
        self.setting.fill(arguments);
        Self::NAME
    }
}

impl AtatCmd for ConfigureSetting {
    type Response = NoResponse;

    const MAX_TIMEOUT_MS: u32 = 60_000;

    fn write(&self, buffer: &mut [u8]) -> usize {
        write(*self, buffer)
    }

    fn parse(&self, answer: Result<&[u8], InternalError>) -> Result<NoResponse, Error> {
        parse(answer)
    }
}

/// The name of a setting (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SettingKey {
    /// `transpktsize`, see [`Setting::TransparentPacketSize`].
    TransparentPacketSize,
    /// `transwaittm`, see [`Setting::TransparentWait`].
    TransparentWait,
    /// `dataformat`, see [`Setting::DataFormats`].
    DataFormats,
    /// `viewmode`, see [`Setting::ViewMode`].
    ViewMode,
    /// `tcp/retranscfg`, see [`Setting::TcpRetransmission`].
    TcpRetransmission,
    /// `dns/cache`, see [`Setting::DnsCache`].
    DnsCache,
    /// `qisend/timeout`, see [`Setting::SendTimeout`].
    SendTimeout,
    /// `passiveclosed`, see [`Setting::PassiveClose`].
    PassiveClose,
    /// `udp/readmode`, see [`Setting::UdpReadMode`].
    UdpReadMode,
    /// `udp/sendmode`, see [`Setting::UdpSendMode`].
    UdpSendMode,
    /// `tcp/accept`, see [`Setting::TcpAccept`].
    TcpAccept,
    /// `tcp/keepalive`, see [`Setting::TcpKeepAlive`].
    TcpKeepAlive,
    /// `recv/buffersize`, see [`Setting::ReceiveBufferSize`].
    ReceiveBufferSize,
    /// `recvind`, see [`Setting::ReceiveIndication`].
    ReceiveIndication,
}

impl SettingKey {
    /// All of them, in the order of the note.
    pub const ALL: [Self; 14] = [
        Self::TransparentPacketSize,
        Self::TransparentWait,
        Self::DataFormats,
        Self::ViewMode,
        Self::TcpRetransmission,
        Self::DnsCache,
        Self::SendTimeout,
        Self::PassiveClose,
        Self::UdpReadMode,
        Self::UdpSendMode,
        Self::TcpAccept,
        Self::TcpKeepAlive,
        Self::ReceiveBufferSize,
        Self::ReceiveIndication,
    ];

    /// The word on the wire, without quotes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransparentPacketSize => "transpktsize",
            Self::TransparentWait => "transwaittm",
            Self::DataFormats => "dataformat",
            Self::ViewMode => "viewmode",
            Self::TcpRetransmission => "tcp/retranscfg",
            Self::DnsCache => "dns/cache",
            Self::SendTimeout => "qisend/timeout",
            Self::PassiveClose => "passiveclosed",
            Self::UdpReadMode => "udp/readmode",
            Self::UdpSendMode => "udp/sendmode",
            Self::TcpAccept => "tcp/accept",
            Self::TcpKeepAlive => "tcp/keepalive",
            Self::ReceiveBufferSize => "recv/buffersize",
            Self::ReceiveIndication => "recvind",
        }
    }
}

impl Argument<'_> for SettingKey {
    fn value(self) -> Value<'static> {
        Value::Text(self.as_str())
    }
}

/// A setting and its value (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Setting {
    /// Transparent mode: the longest packet sent, 1 to 1460 bytes; 1024 unless set.
    TransparentPacketSize(Within<1, 1460>),
    /// Transparent mode: how long the module waits for a packet to fill, 0 to 20 times 100 ms; 2
    /// unless set.
    TransparentWait(Within<0, 20>),
    /// How data is written on the port.
    DataFormats {
        /// Data to be sent.
        send: DataFormat,
        /// Data received.
        receive: DataFormat,
    },
    /// What is between the header and the data received.
    ViewMode(ViewMode),
    /// Retransmission of all TCP sockets. Not kept over a restart.
    TcpRetransmission {
        /// How often at most, 3 to 20; 12 unless set.
        max_backoffs: Within<3, 20>,
        /// The longest time between two, 5 to 1000 times 100 ms; 600 unless set.
        max_interval: Within<5, 1000>,
    },
    /// Whether the module remembers addresses.
    DnsCache(Switch),
    /// How long the prompt of a send waits for data, 0 to 3600 ms; 0 unless set.
    SendTimeout(Within<0, 3600>),
    /// Whether the module closes a TCP connection that the peer has closed.
    PassiveClose(Switch),
    /// How a UDP socket is read.
    UdpReadMode(UdpMode),
    /// How a UDP socket sends.
    UdpSendMode(UdpMode),
    /// Whether listeners accept by themselves.
    TcpAccept(Switch),
    /// Keep-alive of TCP connections, off with `None`. To be set before they are opened.
    TcpKeepAlive(Option<KeepAlive>),
    /// The receive buffer, 10240 to 524288 bytes; 10240 unless set.
    ReceiveBufferSize(Within<10_240, 524_288>),
    /// Whether the notice of data in buffer mode tells how much.
    ReceiveIndication(Switch),
}

/// How data is written on the port (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DataFormat {
    /// 0: as it is.
    #[at_arg(default)]
    Text = 0,
    /// 1: two hex digits for each byte.
    Hex = 1,
}

/// What is between the header and the data received (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ViewMode {
    /// 0: a line end.
    #[at_arg(default)]
    LineEnd = 0,
    /// 1: a comma.
    Comma = 1,
}

/// How datagrams are cut (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UdpMode {
    /// 0: one at a time.
    #[at_arg(default)]
    Block = 0,
    /// 1: as a stream.
    Stream = 1,
}

/// When a silent TCP connection is probed (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeepAlive {
    /// Silence before the first probe, 1 to 120 minutes.
    pub idle: Within<1, 120>,
    /// Time between probes, 25 to 100 s.
    pub interval: Within<25, 100>,
    /// How many probes, 3 to 10.
    pub probes: Within<3, 10>,
}

impl Setting {
    /// Which setting it is.
    #[must_use]
    pub const fn key(&self) -> SettingKey {
        match self {
            Self::TransparentPacketSize(_) => SettingKey::TransparentPacketSize,
            Self::TransparentWait(_) => SettingKey::TransparentWait,
            Self::DataFormats { .. } => SettingKey::DataFormats,
            Self::ViewMode(_) => SettingKey::ViewMode,
            Self::TcpRetransmission { .. } => SettingKey::TcpRetransmission,
            Self::DnsCache(_) => SettingKey::DnsCache,
            Self::SendTimeout(_) => SettingKey::SendTimeout,
            Self::PassiveClose(_) => SettingKey::PassiveClose,
            Self::UdpReadMode(_) => SettingKey::UdpReadMode,
            Self::UdpSendMode(_) => SettingKey::UdpSendMode,
            Self::TcpAccept(_) => SettingKey::TcpAccept,
            Self::TcpKeepAlive(_) => SettingKey::TcpKeepAlive,
            Self::ReceiveBufferSize(_) => SettingKey::ReceiveBufferSize,
            Self::ReceiveIndication(_) => SettingKey::ReceiveIndication,
        }
    }
}

impl Setting {
    /// Its name and its values.
    fn fill(self, arguments: &mut Arguments<'_>) {
        let [key, first, second, third, fourth, ..] = arguments;
        *key = Value::Text(self.key().as_str());
        match self {
            Self::TransparentPacketSize(bytes) => *first = bytes.value(),
            Self::TransparentWait(wait) => *first = wait.value(),
            Self::DataFormats { send, receive } => {
                *first = send.value();
                *second = receive.value();
            }
            Self::ViewMode(mode) => *first = mode.value(),
            Self::TcpRetransmission {
                max_backoffs,
                max_interval,
            } => {
                *first = max_backoffs.value();
                *second = max_interval.value();
            }
            Self::SendTimeout(timeout) => *first = timeout.value(),
            Self::UdpReadMode(mode) | Self::UdpSendMode(mode) => *first = mode.value(),
            Self::TcpKeepAlive(None) => *first = Switch::Off.value(),
            Self::TcpKeepAlive(Some(keep_alive)) => {
                *first = Switch::On.value();
                *second = keep_alive.idle.value();
                *third = keep_alive.interval.value();
                *fourth = keep_alive.probes.value();
            }
            Self::ReceiveBufferSize(bytes) => *first = bytes.value(),
            Self::DnsCache(switch)
            | Self::PassiveClose(switch)
            | Self::TcpAccept(switch)
            | Self::ReceiveIndication(switch) => *first = switch.value(),
        }
    }
}
