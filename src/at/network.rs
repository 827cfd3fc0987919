//! Network registration, operator and signal quality: AT+CREG?, AT+CGREG?, AT+CEREG?, AT+COPS?, AT+CSQ, AT+CESQ (3GPP TS 27.007), and
//! Quectel's AT+QCSQ.

use super::atat::{self, AtatResp};
use super::deserializer::{Fields, deserialize_by, digits, unquoted};
use super::fields::{Clipped, Ignored};
use super::response::NoResponse;
use super::tables::{bare_commands, open_numbers, texts};

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
    /// `AT+CESQ`: returns the signal quality in the measures of each kind of network.
    QueryExtendedSignalQuality "+CESQ" -> ExtendedSignalQuality, 5_000;
    /// `AT+QCSQ`: returns the signal quality of the serving cell in decibels.
    QueryCellSignal "+QCSQ" -> CellSignal, 5_000;
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
    /// The kind of network. `None` if there is no operator, and from modules that do not say it.
    pub access_technology: Option<AccessTechnology>,
}

open_numbers! {
    /// The kind of network that the module is registered in (3GPP TS 27.007).
    pub enum AccessTechnology {
        /// 0: GSM.
        Gsm 0,
        /// 1: GSM Compact.
        GsmCompact 1,
        /// 2: UMTS.
        Umts 2,
        /// 3: GSM with EGPRS.
        Egprs 3,
        /// 4: UMTS with HSDPA.
        Hsdpa 4,
        /// 5: UMTS with HSUPA.
        Hsupa 5,
        /// 6: UMTS with HSDPA and HSUPA.
        Hspa 6,
        /// 7: LTE.
        Lte 7,
        /// 8: LTE Cat M1 as Quectel's modules count; EC-GSM-IoT in the standard.
        CatM1 8,
        /// 9: NB-IoT.
        NbIot 9,
    }
}

deserialize_by!(one_field, AccessTechnology, |field| {
    let number = u8::try_from(digits(field)?).ok()?;
    Some(number.into())
});

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

/// `+CESQ: <rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>`: as numbers of 3GPP TS 27.007; the methods have the values.
///
/// Only the values of the kind of network that the module is registered in are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ExtendedSignalQuality {
    /// GSM: 0 to 63; 99 if unknown.
    pub rxlev: u8,
    /// GSM: class of the bit error rate, 0 to 7; 99 if unknown.
    pub bit_error_rate: u8,
    /// UMTS: 0 to 96; 255 if unknown.
    pub rscp: u8,
    /// UMTS: 0 to 49; 255 if unknown.
    pub ecno: u8,
    /// LTE: 0 to 34; 255 if unknown.
    pub rsrq: u8,
    /// LTE: 0 to 97; 255 if unknown.
    pub rsrp: u8,
    // Modules for 5G have three more.
    _ss_rsrq: Ignored,
    _ss_rsrp: Ignored,
    _ss_sinr: Ignored,
}

impl ExtendedSignalQuality {
    /// GSM: the received signal level in dBm, -111 (or less) to -48 (or more).
    #[must_use]
    pub const fn rxlev_dbm(&self) -> Option<i16> {
        level(self.rxlev, 63, -111)
    }

    /// UMTS: the received signal code power in dBm, -121 (or less) to -25 (or more).
    #[must_use]
    pub const fn rscp_dbm(&self) -> Option<i16> {
        level(self.rscp, 96, -121)
    }

    /// UMTS: Ec/No in dB, -25 (or less) to 0.
    #[must_use]
    pub const fn ecno_db(&self) -> Option<i16> {
        half_steps(self.ecno, 49, -49)
    }

    /// LTE: the reference signal received quality in dB, -20 (or less) to -3 (or more).
    #[must_use]
    pub const fn rsrq_db(&self) -> Option<i16> {
        half_steps(self.rsrq, 34, -40)
    }

    /// LTE: the reference signal received power in dBm, -141 (or less) to -44 (or more).
    #[must_use]
    pub const fn rsrp_dbm(&self) -> Option<i16> {
        level(self.rsrp, 97, -141)
    }
}

/// A number from 0, which stands for `lowest`, to `max`. Others mean that the value is not known.
const fn level(number: u8, max: u8, lowest: i16) -> Option<i16> {
    if number <= max {
        Some(lowest + number as i16)
    } else {
        None
    }
}

/// The same in steps of half a decibel, rounded down. `lowest` is in such steps, too.
const fn half_steps(number: u8, max: u8, lowest: i16) -> Option<i16> {
    match level(number, max, lowest) {
        Some(halves) => Some(halves.div_euclid(2)),
        None => None,
    }
}

texts! {
    /// The kind of network of the serving cell, in the words of AT+QCSQ.
    #[non_exhaustive]
    pub enum CellNetwork {
        /// `NOSERVICE`: the module is not registered.
        NoService "NOSERVICE",
        /// `GSM`.
        Gsm "GSM",
        /// `WCDMA`.
        Wcdma "WCDMA",
        /// `TDSCDMA`.
        TdScdma "TDSCDMA",
        /// `LTE`.
        Lte "LTE",
        /// `CAT-M1` or `eMTC`: LTE Cat M1.
        CatM1 "CAT-M1",
        /// `CAT-NB1` or `NBIoT`: NB-IoT.
        NbIot "CAT-NB1",
        /// Another one.
        Other "",
    }
}

deserialize_by!(one_field, CellNetwork, |field| match unquoted(field) {
    [] => None,
    b"eMTC" => Some(Self::CatM1),
    b"NBIoT" => Some(Self::NbIot),
    name => Some(Self::of(name).unwrap_or(Self::Other)),
});

/// `+QCSQ: <sysmode>[,<value>…]`: the values depend on the kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct CellSignal {
    /// The kind of network.
    pub network: CellNetwork,
    rssi: Option<i16>,
    power: Option<i16>,
    quality: Option<i16>,
    rsrq: Option<i16>,
}

impl CellSignal {
    const fn is_lte(&self) -> bool {
        matches!(
            self.network,
            CellNetwork::Lte | CellNetwork::CatM1 | CellNetwork::NbIot
        )
    }

    const fn is_umts(&self) -> bool {
        matches!(self.network, CellNetwork::Wcdma | CellNetwork::TdScdma)
    }

    /// The received signal strength in dBm. Known in GSM, UMTS and LTE.
    #[must_use]
    pub const fn rssi_dbm(&self) -> Option<i16> {
        match (self.network, self.rssi) {
            (CellNetwork::Other | CellNetwork::NoService, _) | (_, None) => None,
            // Some modules send it without its sign.
            (_, Some(rssi)) => Some(-rssi.abs()),
        }
    }

    /// LTE: the reference signal received power in dBm.
    #[must_use]
    pub const fn rsrp_dbm(&self) -> Option<i16> {
        if self.is_lte() { self.power } else { None }
    }

    /// LTE: the ratio of signal to interference and noise in dB, -20 to 30.
    #[must_use]
    pub const fn sinr_db(&self) -> Option<i16> {
        match self.quality {
            // In fifths of a decibel, from -20 dB on.
            Some(fifths @ 0..=250) if self.is_lte() => Some(fifths / 5 - 20),
            _ => None,
        }
    }

    /// LTE: the reference signal received quality in dB.
    #[must_use]
    pub const fn rsrq_db(&self) -> Option<i16> {
        if self.is_lte() { self.rsrq } else { None }
    }

    /// UMTS: the received signal code power in dBm.
    #[must_use]
    pub const fn rscp_dbm(&self) -> Option<i16> {
        if self.is_umts() { self.power } else { None }
    }

    /// UMTS: Ec/Io in dB.
    #[must_use]
    pub const fn ecio_db(&self) -> Option<i16> {
        if self.is_umts() { self.quality } else { None }
    }
}
