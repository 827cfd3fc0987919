//! Optional parameters of the module's TCP/IP stack: AT+QICFG (2.1.15).

use serde_at::serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::deserializer::{Fields, one_field, remainder, unquoted};
use super::fields::{Switch, Within};
use super::response::{AnswerText, NoResponse};

/// `AT+QICFG=?`: which settings and ranges there are, one line each (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG=?", AnswerText, timeout_ms = 60_000)]
pub struct TestConfigureSetting;

/// `AT+QICFG=<key>`: the value of a setting (2.1.15).
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
/// The numbers are as the module wrote them; [`SettingAnswer::setting`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SettingAnswer {
    /// The setting.
    #[at_arg(position = 0)]
    pub key: SettingKey,
    /// Its values, as many as there are.
    #[at_arg(position = 1)]
    pub values: SettingValues,
}

/// The numbers behind the name of a setting, at most four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SettingValues(pub [Option<u32>; 4]);

impl<'de> Deserialize<'de> for SettingValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |text| {
            let mut fields = Fields::new(text);
            let mut values = Self::default();
            for value in &mut values.0 {
                *value = fields.next()?;
            }
            fields.end()?;
            Some(values)
        })
    }
}

/// The settings: the variant of [`Setting`] and of [`SettingKey`], the name on the wire, and the values.
macro_rules! settings {
    ($(
        $(#[$doc:meta])*
        $name:ident $key:literal $(($value:ty))? $({
            $($(#[$field_doc:meta])* $field:ident: $field_value:ty,)+
        })?,
    )*) => {
        /// The name of a setting (2.1.15).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum SettingKey {
            $(#[doc = concat!("`", $key, "`, see [`Setting::", stringify!($name), "`].")] $name,)*
        }

        impl SettingKey {
            /// All of them, in the order of the note.
            pub const ALL: [Self; 14] = [$(Self::$name,)*];

            /// The name on the wire, without quotes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)*
                }
            }
        }

        /// A setting and its value (2.1.15).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Setting {
            $($(#[$doc])* $name $(($value))? $({ $($(#[$field_doc])* $field: $field_value,)+ })?,)*
        }

        impl Setting {
            /// Which setting it is.
            #[must_use]
            pub const fn key(&self) -> SettingKey {
                match self {
                    $(Self::$name { .. } => SettingKey::$name,)*
                }
            }

            fn write<S: SerializeStruct>(&self, arguments: &mut S) -> Result<(), S::Error> {
                match *self {
                    $(settings!(@pattern $name $(value: $value)? $({ $($field)+ })?) => {
                        $(<$value as Value>::write(value, arguments)?;)?
                        $($(<$field_value as Value>::write($field, arguments)?;)+)?
                    })*
                }
                Ok(())
            }
        }

        impl SettingAnswer {
            /// The setting with its value. `None` if the note does not allow the value.
            #[must_use]
            pub fn setting(&self) -> Option<Setting> {
                let mut numbers = self.values.0.into_iter();
                Some(match self.key {
                    $(SettingKey::$name => Setting::$name
                        $((<$value as Value>::of(&mut numbers)?))?
                        $({ $($field: <$field_value as Value>::of(&mut numbers)?,)+ })?,)*
                })
            }
        }
    };
    (@pattern $name:ident $value:ident: $type:ty) => { Self::$name($value) };
    (@pattern $name:ident { $($field:ident)+ }) => { Self::$name { $($field),+ } };
}

settings! {
    /// Transparent mode: the longest packet sent, 1 to 1460 bytes; 1024 unless set.
    TransparentPacketSize "transpktsize" (Within<1, 1460>),
    /// Transparent mode: how long the module waits for a packet to fill, 0 to 20 times 100 ms; 2 unless set.
    TransparentWait "transwaittm" (Within<0, 20>),
    /// How data is written on the port.
    DataFormats "dataformat" {
        /// Data to be sent.
        send: DataFormat,
        /// Data received.
        receive: DataFormat,
    },
    /// What is between the header and the data received.
    ViewMode "viewmode" (ViewMode),
    /// Retransmission of all TCP sockets. Not kept over a restart.
    TcpRetransmission "tcp/retranscfg" {
        /// How often at most, 3 to 20; 12 unless set.
        max_backoffs: Within<3, 20>,
        /// The longest time between two, 5 to 1000 times 100 ms; 600 unless set.
        max_interval: Within<5, 1000>,
    },
    /// Whether the module remembers addresses.
    DnsCache "dns/cache" (Switch),
    /// How long the prompt of a send waits for data, 0 to 3600 ms; 0 unless set.
    SendTimeout "qisend/timeout" (Within<0, 3600>),
    /// Whether the module closes a TCP connection that the peer has closed.
    PassiveClose "passiveclosed" (Switch),
    /// How a UDP socket is read.
    UdpReadMode "udp/readmode" (UdpMode),
    /// How a UDP socket sends.
    UdpSendMode "udp/sendmode" (UdpMode),
    /// Whether listeners accept by themselves.
    TcpAccept "tcp/accept" (Switch),
    /// Keep-alive of TCP connections, off with `None`. To be set before they are opened.
    TcpKeepAlive "tcp/keepalive" (Option<KeepAlive>),
    /// The receive buffer, 10240 to 524288 bytes; 10240 unless set.
    ReceiveBufferSize "recv/buffersize" (Within<10_240, 524_288>),
    /// Whether the notice of data in buffer mode contains the length.
    ReceiveIndication "recvind" (Switch),
}

impl Serialize for SettingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SettingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_field(deserializer, |field| {
            let name = unquoted(field);
            Self::ALL
                .into_iter()
                .find(|key| key.as_str().as_bytes() == name)
        })
    }
}

/// Several arguments: the name and the values.
impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut arguments = serializer.serialize_struct("Setting", 5)?;
        arguments.serialize_field("key", &self.key())?;
        self.write(&mut arguments)?;
        arguments.end()
    }
}

/// A value of a setting: one number or several.
trait Value: Sized {
    fn write<S: SerializeStruct>(self, arguments: &mut S) -> Result<(), S::Error>;

    /// `None` if it is missing, or not allowed.
    fn of(numbers: &mut impl Iterator<Item = Option<u32>>) -> Option<Self>;
}

impl<const MIN: u32, const MAX: u32> Value for Within<MIN, MAX> {
    fn write<S: SerializeStruct>(self, arguments: &mut S) -> Result<(), S::Error> {
        arguments.serialize_field("value", &self)
    }

    fn of(numbers: &mut impl Iterator<Item = Option<u32>>) -> Option<Self> {
        Self::new(numbers.next()??).ok()
    }
}

macro_rules! choices {
    ($($name:ident),*) => {
        $(impl Value for $name {
            fn write<S: SerializeStruct>(self, arguments: &mut S) -> Result<(), S::Error> {
                arguments.serialize_field("value", &self)
            }

            fn of(numbers: &mut impl Iterator<Item = Option<u32>>) -> Option<Self> {
                u8::try_from(numbers.next()??).ok()?.try_into().ok()
            }
        })*
    };
}

choices!(DataFormat, Switch, UdpMode, ViewMode);

/// A switch, and if that is on the times.
impl Value for Option<KeepAlive> {
    fn write<S: SerializeStruct>(self, arguments: &mut S) -> Result<(), S::Error> {
        Switch::from(self.is_some()).write(arguments)?;
        if let Some(KeepAlive {
            idle,
            interval,
            probes,
        }) = self
        {
            idle.write(arguments)?;
            interval.write(arguments)?;
            probes.write(arguments)?;
        }
        Ok(())
    }

    fn of(numbers: &mut impl Iterator<Item = Option<u32>>) -> Option<Self> {
        Some(match Switch::of(numbers)? {
            Switch::Off => None,
            Switch::On => Some(KeepAlive {
                idle: Within::of(numbers)?,
                interval: Within::of(numbers)?,
                probes: Within::of(numbers)?,
            }),
        })
    }
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

/// `AT+QICFG="sendinfo",0`: a send ends with SEND OK.
///
/// Not in the note. EC200U and EG915U can be set to end it with counters and OK instead; a former program may have done
/// so. Other modules answer ERROR, which does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG=\"sendinfo\",0", NoResponse, timeout_ms = 60_000)]
pub struct DisableSendInfo;
