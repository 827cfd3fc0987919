//! Settings of the module's TCP/IP stack: AT+QICFG (2.1.15).

use serde_at::serde::ser::{Serialize, SerializeStruct, Serializer};

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::deserializer::{Fields, deserialize_by, unquoted};
use super::fields::{Switch, Within};
use super::response::{AnswerText, NoResponse};
use super::tables::texts;

/// `AT+QICFG=?`: lists the supported settings and their ranges, one line each (2.1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG=?", AnswerText, timeout_ms = 60_000)]
pub struct TestConfigureSetting;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SettingAnswer {
    /// The setting.
    pub key: SettingKey,
    /// The values.
    pub values: SettingValues,
}

/// The numbers behind the name of a setting, at most four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SettingValues(pub [Option<u32>; 4]);

deserialize_by!(remainder, SettingValues, |text| {
    let mut fields = Fields::new(text);
    let mut values = Self::default();
    for value in &mut values.0 {
        *value = fields.next()?;
    }
    fields.end()?;
    Some(values)
});

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
            /// The setting with its value. `None` if a value is missing or out of the note's range.
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
    /// The time limit of payload behind the prompt of AT+QISEND, 0 to 3600 ms. Default 0, no limit.
    SendTimeout "qisend/timeout" (Within<0, 3600>),
    /// Whether the module closes a TCP connection by itself when the peer has closed it.
    PassiveClose "passiveclosed" (Switch),
    /// How AT+QIRD reads datagrams.
    UdpReadMode "udp/readmode" (UdpMode),
    /// How AT+QISEND sends datagrams.
    UdpSendMode "udp/sendmode" (UdpMode),
    /// Whether listeners accept connections by themselves.
    TcpAccept "tcp/accept" (Switch),
    /// Keep-alive of TCP connections; `None` is off. It affects connections that are opened afterwards.
    TcpKeepAlive "tcp/keepalive" (Option<KeepAlive>),
    /// The size of the module's receive buffer, 10240 to 524288 bytes. Default 10240.
    ReceiveBufferSize "recv/buffersize" (Within<10_240, 524_288>),
    /// Whether the `recv` URC contains the length in buffer mode.
    ReceiveIndication "recvind" (Switch),
}

deserialize_by!(one_field, SettingKey, |field| Self::of(unquoted(field)));

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

/// A switch, followed by the times if it is on.
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
pub struct KeepAlive {
    /// Idle time before the first probe, 1 to 120 minutes.
    pub idle: Within<1, 120>,
    /// Time between two probes, 25 to 100 s.
    pub interval: Within<25, 100>,
    /// Number of probes, 3 to 10.
    pub probes: Within<3, 10>,
}

/// `AT+QICFG="sendinfo",0`: AT+QISEND ends with SEND OK.
///
/// Not in the note. EC200U and EG915U can be set to end AT+QISEND with counters and OK instead. Other modules answer ERROR,
/// which is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG=\"sendinfo\",0", NoResponse, timeout_ms = 60_000)]
pub struct DisableSendInfo;
