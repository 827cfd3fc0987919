//! Registration and signal: AT+CREG?, AT+CGREG?, AT+CEREG?, AT+CSQ (3GPP TS 27.007).

use super::{
    field::{Fields, Parse, digits},
    response::answers,
    writer::command,
};

answers!(Registration, SignalQuality);

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

/// `AT+CREG?`: registration for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRegistration;

command!(QueryRegistration = "AT+CREG?" -> Registration, 5_000 ms);

/// `AT+CGREG?`: registration for data on 2G and 3G.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryPacketRegistration;

command!(QueryPacketRegistration = "AT+CGREG?" -> Registration, 5_000 ms);

/// `AT+CEREG?`: registration for data on LTE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLteRegistration;

command!(QueryLteRegistration = "AT+CEREG?" -> Registration, 5_000 ms);

/// `+CREG: [<n>,]<stat>[,…]`, and the same with `+CGREG` and `+CEREG`: with `<n>` as an answer,
/// without as a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Registration {
    /// Whether the module is known to the network.
    pub status: RegistrationStatus,
}

impl Parse for Registration {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let first: u8 = fields.next()?;
        // What follows the status is in quotes; a bare number means that the first was <n>.
        let number = match fields.optional_word() {
            Some(word) if !word.quoted => digits(word.text)?.try_into().ok()?,
            _ => first,
        };
        fields.bytes();
        Some(Self {
            status: number.into(),
        })
    }
}

/// `AT+CSQ`: how strong the signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySignalQuality;

command!(QuerySignalQuality = "AT+CSQ" -> SignalQuality, 5_000 ms);

/// `+CSQ: <rssi>,<ber>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignalQuality {
    /// Strength, 0 to 31, or 99 if not known; see [`SignalQuality::dbm`].
    pub rssi: u8,
    /// Class of the bit error rate, 0 to 7, or 99 if not known.
    pub bit_error_rate: u8,
}

impl Parse for SignalQuality {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            rssi: fields.next()?,
            bit_error_rate: fields.next()?,
        })
    }
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
