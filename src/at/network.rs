//! Network registration and signal quality: AT+CREG?, AT+CGREG?, AT+CEREG?, AT+CSQ (3GPP TS 27.007).

use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{Fields, digits, remainder};

/// Whether the module is registered in a network (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegistrationStatus {
    /// 0: not registered and not searching.
    NotRegistered,
    /// 1: registered in the home network.
    Home,
    /// 2: searching for a network.
    Searching,
    /// 3: the network has denied the registration.
    Denied,
    /// 4: unknown, for example without coverage.
    NotKnown,
    /// 5: registered in another network.
    Roaming,
    /// Another number.
    Unknown(u8),
}

impl RegistrationStatus {
    /// Whether the module is registered, at home or roaming.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }
}

impl From<u8> for RegistrationStatus {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::NotRegistered,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::NotKnown,
            5 => Self::Roaming,
            _ => Self::Unknown(number),
        }
    }
}

/// All fields of the line: `[<n>,]<stat>[,…]`.
impl<'de> Deserialize<'de> for RegistrationStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |text| {
            let mut fields = Fields::new(text);
            let first: u8 = fields.next()?;
            // What follows the status is in quotes. A number without quotes means that the first field was <n>.
            let number = match fields.field() {
                [] | [b'"', ..] => first,
                second => digits(second)?.try_into().ok()?,
            };
            Some(number.into())
        })
    }
}

/// `AT+CREG?`: returns the registration for circuit-switched services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CREG?", Registration, timeout_ms = 5_000)]
pub struct QueryRegistration;

/// `AT+CGREG?`: returns the registration for data in 2G and 3G networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGREG?", Registration, timeout_ms = 5_000)]
pub struct QueryPacketRegistration;

/// `AT+CEREG?`: returns the registration for data in LTE networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CEREG?", Registration, timeout_ms = 5_000)]
pub struct QueryLteRegistration;

/// `+CREG: [<n>,]<stat>[,…]`, `+CGREG: …` and `+CEREG: …`: with `<n>` as an information response, without as a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Registration {
    /// Whether the module is registered.
    #[at_arg(position = 0)]
    pub status: RegistrationStatus,
}

/// `AT+CSQ`: returns the signal quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CSQ", SignalQuality, timeout_ms = 5_000)]
pub struct QuerySignalQuality;

/// `+CSQ: <rssi>,<ber>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignalQuality {
    /// Signal strength, 0 to 31; 99 if unknown. See [`SignalQuality::dbm`].
    #[at_arg(position = 0)]
    pub rssi: u8,
    /// Class of the bit error rate, 0 to 7; 99 if unknown.
    #[at_arg(position = 1)]
    pub bit_error_rate: u8,
}

impl SignalQuality {
    /// Signal strength in dBm, -113 (or less) to -51 (or more). `None` if unknown.
    #[must_use]
    pub const fn dbm(&self) -> Option<i16> {
        if self.rssi <= 31 {
            Some(-113 + 2 * self.rssi as i16)
        } else {
            None
        }
    }
}
