//! Settings of the module's TCP/IP stack: AT+QICFG (2.1.15).

use embassy_time::Duration;
use serde_at::serde::ser::{Serialize, SerializeStruct, Serializer};

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::deserializer::{Fields, deserialize_by, unquoted};
use super::fields::{LastText, Switch, Within};
use super::response::{AnswerText, NoResponse};
use super::tables::{bare_commands, texts};

bare_commands! {
    /// `AT+QICFG=?`: lists the supported settings and their ranges, one line each (2.1.15).
    TestConfigureSetting "+QICFG=?" -> AnswerText, 60_000;
}

/// `AT+QICFG=<key>`: returns the value of a setting (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG", SettingAnswer, timeout_ms = 60_000)]
pub struct QuerySetting {
    /// The setting.
    #[at_arg(position = 0)]
    pub key: SettingKey,
}

/// `AT+QICFG=<key>,<values>`: changes a setting (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG", NoResponse, timeout_ms = 60_000)]
pub struct ConfigureSetting {
    /// The setting and its value.
    #[at_arg(position = 0)]
    pub setting: Setting,
}

/// `+QICFG: <key>,<values>` (2.1.15).
///
/// [`SettingAnswer::setting`] checks the values.
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SettingAnswer {
    /// The setting.
    pub key: SettingKey,
    /// The values, as the module writes them.
    pub values: LastText<32>,
}

/// The table of settings. A row is the variant of [`Setting`] and of [`SettingKey`], the name on the wire, and the values.
macro_rules! settings {
    ($(
        $(#[$doc:meta])*
        $name:ident $key:literal $(($value:ty))? $({
            $($(#[$field_doc:meta])* $field:ident: $field_value:ty,)+
        })?,
    )*) => {
        texts! {
            /// The name of a setting (2.1.15), in the order of the note.
            #[non_exhaustive]
            pub enum SettingKey {
                $(#[doc = concat!("`", $key, "`, see [`Setting::", stringify!($name), "`].")] $name $key,)*
            }
        }

        /// A setting and its value (2.1.15).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Setting {
            $($(#[$doc])* $name $(($value))? $({ $($(#[$field_doc])* $field: $field_value,)+ })?,)*
            /// A setting that is not in the note.
            Other(OtherSetting),
        }

        impl Setting {
            /// Which setting it is. `None` for [`Setting::Other`].
            #[must_use]
            pub const fn key(&self) -> Option<SettingKey> {
                Some(match self {
                    $(Self::$name { .. } => SettingKey::$name,)*
                    Self::Other(_) => return None,
                })
            }
        }

        /// Several arguments: the name and the values.
        impl Serialize for Setting {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut arguments = serializer.serialize_struct("Setting", 5)?;
                if let Some(key) = self.key() {
                    arguments.serialize_field("key", &key)?;
                }
                match self {
                    Self::Other(other) => arguments.serialize_field("arguments", other)?,
                    $(settings!(@pattern $name $(value: $value)? $({ $($field)+ })?) => {
                        $(arguments.serialize_field::<$value>("value", value)?;)?
                        $($(arguments.serialize_field(stringify!($field), $field)?;)+)?
                    })*
                }
                arguments.end()
            }
        }

        impl SettingAnswer {
            /// The setting with its value. `None` if a value is missing or out of the note's range.
            #[must_use]
            pub fn setting(&self) -> Option<Setting> {
                let mut fields = Fields::new(self.values.as_bytes());
                Some(match self.key {
                    $(SettingKey::$name => Setting::$name
                        $((fields.next::<$value>()?))?
                        $({ $($field: fields.next()?,)+ })?,)*
                })
            }
        }
    };
    (@pattern $name:ident $value:ident: $type:ty) => { Self::$name($value) };
    (@pattern $name:ident { $($field:ident)+ }) => { Self::$name { $($field),+ } };
}

settings! {
    /// Transparent mode: the maximum packet length, 1 to 1460 bytes. Default 1024.
    TransparentPacketSize "transpktsize" (Within<1, 1460>),
    /// Transparent mode: how long the module waits for a packet to fill, 0 to 20 times 100 ms. Default 2.
    TransparentWait "transwaittm" (Within<0, 20>),
    /// The format of payload on the UART.
    DataFormats "dataformat" {
        /// Payload that is sent.
        send: DataFormat,
        /// Payload that is received.
        receive: DataFormat,
    },
    /// What separates the header from received payload.
    ViewMode "viewmode" (ViewMode),
    /// Retransmission of all TCP connections. Modules do not keep it over a restart.
    TcpRetransmission "tcp/retranscfg" {
        /// The maximum number of retransmissions, 3 to 20. Default 12.
        max_backoffs: Within<3, 20>,
        /// The maximum time between two retransmissions, 5 to 1000 times 100 ms. Default 600.
        max_interval: Within<5, 1000>,
    },
    /// Whether the module caches the results of name lookups.
    DnsCache "dns/cache" (Switch),
    /// The time limit of payload after the prompt of AT+QISEND, 0 to 3600 ms. Default 0, no limit.
    SendTimeout "qisend/timeout" (Within<0, 3600>),
    /// Whether the module closes a TCP connection by itself when the peer has closed it.
    PassiveClose "passiveclosed" (Switch),
    /// How AT+QIRD reads datagrams.
    UdpReadMode "udp/readmode" (UdpMode),
    /// How AT+QISEND sends datagrams.
    UdpSendMode "udp/sendmode" (UdpMode),
    /// Whether listeners accept connections by themselves.
    TcpAccept "tcp/accept" (Switch),
    /// Keep-alive of TCP connections. It affects connections that are opened afterwards.
    TcpKeepAlive "tcp/keepalive" (KeepAlive),
    /// The size of the module's receive buffer, 10240 to 524288 bytes. Default 10240.
    ReceiveBufferSize "recv/buffersize" (Within<10_240, 524_288>),
    /// Whether the `recv` URC contains the length in buffer mode.
    ReceiveIndication "recvind" (Switch),
}

/// A setting that only some module families have, such as `close/mode`, as text.
///
/// ```
/// use quectel_nal::Config;
/// use quectel_nal::at::{OtherSetting, Setting};
///
/// // EC200U: AT+QICLOSE is answered at once.
/// const CLOSE_MODE: OtherSetting = OtherSetting::new("\"close/mode\",1").unwrap();
/// const SETTINGS: [Setting; 1] = [Setting::Other(CLOSE_MODE)];
/// let config = Config::new("internet").settings(&SETTINGS);
/// # let _ = config;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OtherSetting(&'static str);

impl OtherSetting {
    /// The maximum length in bytes.
    pub const MAX: usize = 128;

    /// `"sendinfo",0`: AT+QISEND ends with SEND OK. EC200U and EG915U can be set to end it with counters and OK instead (quirk 60).
    pub(crate) const WITHOUT_SEND_INFO: Self = Self("\"sendinfo\",0");

    /// A setting whose name and values are these arguments of AT+QICFG, as they stand in the command: the name in quotes, a comma,
    /// and the values.
    ///
    /// `None` if
    ///
    /// * it has another shape, is longer than [`OtherSetting::MAX`], or cannot be part of a command: printable ASCII without `\` and
    ///   `;` is allowed, with quotes in pairs;
    /// * the setting is one of [`SettingKey`], which have a type of their own;
    /// * it is `sendinfo`, which has to be off for the stack.
    #[must_use]
    pub const fn new(arguments: &'static str) -> Option<Self> {
        let text = arguments.as_bytes();
        let mut taken = SettingKey::ALL;
        while let [key, rest @ ..] = taken {
            if sets(text, key.as_str().as_bytes()) {
                return None;
            }
            taken = rest;
        }
        if has_name_and_values(text) && !sets(text, b"sendinfo") {
            Some(Self(arguments))
        } else {
            None
        }
    }
}

/// Whether these arguments begin with this name, in quotes. Modules do not care about upper and lower case.
const fn sets(arguments: &[u8], key: &[u8]) -> bool {
    let ([b'"', text @ ..], mut key) = (arguments, key) else {
        return false;
    };
    let mut text = text;
    while let ([first, behind @ ..], [other, rest @ ..]) = (text, key) {
        if !first.eq_ignore_ascii_case(other) {
            return false;
        }
        (text, key) = (behind, rest);
    }
    key.is_empty() && matches!(text, [b'"', ..])
}

/// Whether this is a name in quotes and at least one value, and cannot end the command.
const fn has_name_and_values(arguments: &[u8]) -> bool {
    let mut quotes = 0;
    let mut has_values = false;
    let mut rest = arguments;
    while let [byte, behind @ ..] = rest {
        match (byte, quotes) {
            // What ends a command, or begins another one.
            (..b' ' | b';' | b'\\' | 127.., _) => return false,
            (b'"', _) => quotes += 1,
            // In front of the name, or behind it.
            (_, 0) => return false,
            (b',', 2) => has_values = !behind.is_empty(),
            (_, 2) if !has_values => return false,
            _ => {}
        }
        rest = behind;
    }
    has_values && quotes % 2 == 0 && arguments.len() <= OtherSetting::MAX
}

/// Arguments with their commas and quotes.
impl Serialize for OtherSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_bytes())
    }
}

deserialize_by!(one_field, SettingKey, |field| Self::of(unquoted(field)));

/// The format of payload on the UART (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DataFormat {
    /// 0: bytes as they are. The default.
    #[at_arg(default)]
    Text = 0,
    /// 1: two hex digits for each byte. The stack does not support it.
    Hex = 1,
}

/// What separates the header from received payload (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ViewMode {
    /// 0: a line end. The default.
    #[at_arg(default)]
    LineEnd = 0,
    /// 1: a comma. The stack does not support it.
    Comma = 1,
}

/// Whether datagrams keep their boundaries (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UdpMode {
    /// 0: one datagram at a time. The default.
    #[at_arg(default)]
    Block = 0,
    /// 1: a stream of bytes.
    Stream = 1,
}

/// When the module probes an idle TCP connection (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeepAlive {
    /// Never.
    Off,
    /// When nothing has come for some time.
    On {
        /// Idle time before the first probe, in the unit of the module: 1 to 120 minutes, or, in some module families (quirk 112),
        /// 1 to 1800 s.
        idle: Within<1, 1800>,
        /// Time between two probes, 25 to 100 s.
        interval: Within<25, 100>,
        /// Number of probes, 3 to 10.
        probes: Within<3, 10>,
    },
}

impl KeepAlive {
    /// Keep-alive for a module that counts the idle time in minutes, as the note says: `probes` probes, one each `interval`, after
    /// nothing has come for `idle`. Each value is the nearest that the note allows; `idle` is rounded up to minutes, up to 120.
    ///
    /// A module of a family that counts in seconds (quirk 112) takes the number of minutes as seconds:
    /// [`in_seconds`](Self::in_seconds) is for those.
    #[must_use]
    pub const fn new(idle: Duration, interval: Duration, probes: u8) -> Self {
        let minutes = idle.as_secs().div_ceil(60);
        let most = if minutes > 120 { 120 } else { minutes };
        Self::on(most, interval, probes)
    }

    /// Keep-alive for a module that counts the idle time in seconds, such as EC200U, EC200A and EG915U (quirk 112): like
    /// [`new`](Self::new), with an `idle` of up to 1800 s.
    ///
    /// A module that counts in minutes refuses numbers above 120, and takes others as minutes.
    #[must_use]
    pub const fn in_seconds(idle: Duration, interval: Duration, probes: u8) -> Self {
        Self::on(idle.as_secs(), interval, probes)
    }

    const fn on(idle: u64, interval: Duration, probes: u8) -> Self {
        Self::On {
            idle: nearest(idle),
            interval: nearest(interval.as_secs()),
            probes: nearest(probes as u64),
        }
    }
}

/// The number within the range that is nearest to `value`, which can be more than a `u32` holds.
const fn nearest<const MIN: u32, const MAX: u32>(value: u64) -> Within<MIN, MAX> {
    if value > MAX as u64 {
        Within::MAX
    } else {
        Within::nearest(value as u32)
    }
}

/// Several arguments: a switch, and the times if it is on.
impl Serialize for KeepAlive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::On {
            idle,
            interval,
            probes,
        } = self
        else {
            return Switch::Off.serialize(serializer);
        };
        let mut arguments = serializer.serialize_struct("KeepAlive", 4)?;
        arguments.serialize_field("switch", &Switch::On)?;
        arguments.serialize_field("idle", idle)?;
        arguments.serialize_field("interval", interval)?;
        arguments.serialize_field("probes", probes)?;
        arguments.end()
    }
}

deserialize_by!(remainder, KeepAlive, |text| {
    let mut fields = Fields::new(text);
    Some(match fields.next()? {
        Switch::Off => Self::Off,
        Switch::On => Self::On {
            idle: fields.next()?,
            interval: fields.next()?,
            probes: fields.next()?,
        },
    })
});
