//! Registration and signal: AT+CREG?, AT+CGREG?, AT+CEREG?, AT+CSQ (3GPP TS 27.007).

use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{Fields, digits, remainder};

/// Whether the module is known to a network (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegistrationStatus {
    /// 0: not registered, not searching.
    NotRegistered,
    /// 1: registered, at home.
    Home,
    /// 2: searching.
    Searching,
    /// 3: the network refused.
    Denied,
    /// 4: not known.
    NotKnown,
    /// 5: registered, roaming.
    Roaming,
    /// A number that is none of these.
    Unknown(u8),
}

impl RegistrationStatus {
    /// Whether data can be expected to pass.
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

/// Behind the name of the line: `[<n>,]<stat>[,…]`.
impl<'de> Deserialize<'de> for RegistrationStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |text| {
            let mut fields = Fields::new(text);
            let first: u8 = fields.next()?;
            // What follows the status is in quotes; a bare number means that the first was <n>.
            let number = match fields.field() {
                [] | [b'"', ..] => first,
                second => digits(second)?.try_into().ok()?,
            };
            Some(number.into())
        })
    }
}

/// `AT+CREG?`: registration for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CREG?", Registration, timeout_ms = 5_000)]
pub struct QueryRegistration;

/// `AT+CGREG?`: registration for data on 2G and 3G.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGREG?", Registration, timeout_ms = 5_000)]
pub struct QueryPacketRegistration;

/// `AT+CEREG?`: registration for data on LTE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CEREG?", Registration, timeout_ms = 5_000)]
pub struct QueryLteRegistration;

/// `+CREG: [<n>,]<stat>[,…]`, and the same with `+CGREG` and `+CEREG`: with `<n>` as an answer,
/// without as a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Registration {
    /// Whether the module is known to the network.
    #[at_arg(position = 0)]
    pub status: RegistrationStatus,
}

/// `AT+CSQ`: how strong the signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CSQ", SignalQuality, timeout_ms = 5_000)]
pub struct QuerySignalQuality;

/// `+CSQ: <rssi>,<ber>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignalQuality {
    /// Strength, 0 to 31, or 99 if not known; see [`SignalQuality::dbm`].
    #[at_arg(position = 0)]
    pub rssi: u8,
    /// Class of the bit error rate, 0 to 7, or 99 if not known.
    #[at_arg(position = 1)]
    pub bit_error_rate: u8,
}

impl SignalQuality {
    /// Strength in dBm, -113 (or less) to -51 (or more).
    #[must_use]
    pub const fn dbm(&self) -> Option<i16> {
        if self.rssi <= 31 {
            Some(-113 + 2 * self.rssi as i16)
        } else {
            None
        }
    }
}
