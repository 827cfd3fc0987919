//! Network registration, operator and signal quality: AT+CREG?, AT+CGREG?, AT+CEREG?, AT+COPS?, AT+CSQ (3GPP TS 27.007).

use super::atat::{self, AtatResp};
use super::deserializer::{Fields, deserialize_by, digits};
use super::fields::Clipped;
use super::response::NoResponse;
use super::tables::{bare_commands, open_numbers};

open_numbers! {
    /// Whether the module is registered in a network (3GPP TS 27.007).
    pub enum RegistrationStatus {
        /// 0: not registered and not searching.
        NotRegistered 0,
        /// 1: registered in the home network.
        Home 1,
        /// 2: searching for a network.
        Searching 2,
        /// 3: the network has denied the registration.
        Denied 3,
        /// 4: unknown, for example without coverage.
        NotKnown 4,
        /// 5: registered in another network.
        Roaming 5,
        /// 6: registered in the home network, for SMS only.
        HomeSmsOnly 6,
        /// 7: registered in another network, for SMS only.
        RoamingSmsOnly 7,
        /// 8: only emergency calls are possible.
        EmergencyOnly 8,
        /// 9: registered in the home network; the network prefers that telephone calls do not fall back to it.
        HomeNoFallback 9,
        /// 10: registered in another network, as 9.
        RoamingNoFallback 10,
    }
}

impl RegistrationStatus {
    /// Whether the module is registered for data, at home or roaming.
    #[must_use]
    pub const fn is_registered(self) -> bool {
        matches!(
            self,
            Self::Home | Self::Roaming | Self::HomeNoFallback | Self::RoamingNoFallback
        )
    }
}

// All fields of the line: `[<n>,]<stat>[,…]`.
deserialize_by!(remainder, RegistrationStatus, |text| {
    let mut fields = Fields::new(text);
    let first: u8 = fields.next()?;
    // What follows the status is empty or in quotes. A number without quotes means that the first field was <n>.
    let number = match fields.field() {
        [] | [b'"', ..] => first,
        second => digits(second)?.try_into().ok()?,
    };
    Some(number.into())
});

bare_commands! {
    /// `AT+CREG?`: returns the registration for circuit-switched services.
    QueryRegistration "+CREG?" -> Registration, 5_000;
    /// `AT+CGREG?`: returns the registration for data in 2G and 3G networks.
    QueryPacketRegistration "+CGREG?" -> Registration, 5_000;
    /// `AT+CEREG?`: returns the registration for data in LTE networks.
    QueryLteRegistration "+CEREG?" -> Registration, 5_000;
    /// `AT+CGREG=1`: changes of the registration for data in 2G and 3G networks are sent as URCs.
    ReportPacketRegistration "+CGREG=1" -> NoResponse, 5_000;
    /// `AT+CEREG=1`: changes of the registration for data in LTE networks are sent as URCs.
    ReportLteRegistration "+CEREG=1" -> NoResponse, 5_000;
    /// `AT+COPS?`: returns the network operator; takes at most 180 s.
    QueryOperator "+COPS?" -> Operator, 180_000;
    /// `AT+CSQ`: returns the signal quality.
    QuerySignalQuality "+CSQ" -> SignalQuality, 5_000;
}

/// `+CREG: [<n>,]<stat>[,…]`, `+CGREG: …` and `+CEREG: …`: with `<n>` as an information response, without as a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Registration {
    /// Whether the module is registered.
    pub status: RegistrationStatus,
}

/// `+COPS: <mode>[,<format>,<oper>[,<AcT>]]`.
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Operator {
    /// How the operator is selected: 0 automatically, 1 by the user, 2 not at all, 4 by the user and then automatically.
    pub mode: u8,
    /// The format of the name: 0 long, 1 short, 2 the number of country and network.
    pub format: Option<u8>,
    /// The name. Empty if there is no operator.
    pub name: Clipped<32>,
    /// The kind of network: 0 GSM, 2 UMTS, 7 LTE and others.
    pub access_technology: Option<u8>,
}

/// `+CSQ: <rssi>,<ber>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignalQuality {
    /// Signal strength, 0 to 31; 99 if unknown. See [`SignalQuality::dbm`].
    pub rssi: u8,
    /// Class of the bit error rate, 0 to 7; 99 if unknown.
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
