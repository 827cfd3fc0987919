//! Sleep: UART sleep (AT+QSCLK), power saving mode (AT+CPSMS) and extended discontinuous reception (AT+CEDRXS). PSM and eDRX are in
//! 3GPP TS 27.007, their timers in TS 24.008, sections 10.5.7.3, 10.5.7.4a and 10.5.5.32.

use core::fmt::Write;

use heapless::String;
use serde_at::serde::{Serialize, Serializer};

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::deserializer::{deserialize_by, unquoted};
use super::fields::{Clipped, Switch};
use super::response::{Lines, NoResponse};
use super::tables::bare_commands;

bare_commands! {
    /// `AT+QSCLK?`: returns whether the module may sleep.
    QueryUartSleep "+QSCLK?" -> UartSleep, 5_000;
    /// `AT+CPSMS?`: returns whether the module uses PSM, and the timers that it requests (3GPP TS 27.007).
    QueryPowerSavingMode "+CPSMS?" -> PowerSavingMode, 5_000;
    /// `AT+CEDRXS?`: lists the requested cycles, one line for each kind of network (3GPP TS 27.007).
    QueryEdrx "+CEDRXS?" -> Lines<Edrx, 5>, 5_000;
    /// `AT+CEDRXRDP`: returns what the network has granted (3GPP TS 27.007).
    QueryGrantedEdrx "+CEDRXRDP" -> Edrx, 5_000;
}

/// `AT+QSCLK=<n>`: sets whether the module may sleep while DTR is off.
///
/// The first command after DTR goes on again can be lost (quirk 124).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QSCLK", NoResponse, timeout_ms = 5_000)]
pub struct SetUartSleep {
    /// Whether it may sleep.
    #[at_arg(position = 0)]
    pub sleep: Switch,
}

/// `+QSCLK: <n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UartSleep {
    /// Whether the module may sleep.
    pub sleep: Switch,
}

/// A type that is bits on the wire: in quotes, with leading zeros.
macro_rules! bits {
    ($type:ident $width:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = String::<$width>::new();
                let _ = write!(text, "{:01$b}", self.0, $width);
                serializer.serialize_str(&text)
            }
        }

        deserialize_by!(one_field, $type, |field| {
            let text = core::str::from_utf8(unquoted(field)).ok()?;
            let is_bits = text.len() == $width && !text.starts_with('+');
            let bits = u8::from_str_radix(text, 2).ok()?;
            is_bits.then_some(Self(bits))
        });
    };
}

/// The table of timers: 3 bits for the unit, 5 bits for how many of it. A row is a unit in seconds, in ascending order, and its bits.
macro_rules! timers {
    ($($(#[$doc:meta])* $name:ident [$(($unit:literal $code:literal))*])*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
            #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            pub struct $name(u8);

            impl $name {
                const UNITS: &[(u32, u8)] = &[$(($unit, $code)),*];
                /// The timer is off.
                pub const OFF: Self = Self(0b111 << 5);

                /// The shortest time that can be expressed and is not shorter than `seconds`, or the longest of all.
                #[must_use]
                pub fn at_least(seconds: u32) -> Self {
                    let count = |unit: u32| seconds.div_ceil(unit).min(31);
                    let is_enough = |&&(unit, _): &&(u32, u8)| count(unit) * unit >= seconds;
                    let found = Self::UNITS.iter().find(is_enough).or(Self::UNITS.last());
                    found.map_or(Self::OFF, |&(unit, code)| Self(code << 5 | count(unit) as u8))
                }

                /// The time in seconds. `None` if the timer is off.
                #[must_use]
                pub fn seconds(self) -> Option<u32> {
                    let unit = Self::UNITS.iter().find(|&&(_, code)| code == self.0 >> 5);
                    unit.map(|&(unit, _)| u32::from(self.0 & 31) * unit)
                }
            }

            bits!($name 8);
        )*
    };
}

timers! {
    /// T3412: after this time the module reports to the network, 0 s to 413 days.
    PeriodicUpdateTimer [(2 3) (30 4) (60 5) (600 0) (3_600 1) (36_000 2) (1_152_000 6)]
    /// T3324: for this time the module can be reached after it was active, 0 s to 186 min. Then it sleeps.
    ActiveTimer [(2 0) (60 1) (360 2)]
}

/// `AT+CPSMS=<mode>[,<T3312>[,<T3314>[,<T3412>[,<T3324>]]]]`: sets whether the module uses PSM, and the timers that it requests
/// (3GPP TS 27.007). `None` leaves a timer as it is.
///
/// In PSM the UART is dead and all sockets are closed. [`Urc::PowerSaving`](super::Urc::PowerSaving) announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CPSMS", NoResponse, timeout_ms = 5_000)]
pub struct SetPowerSavingMode {
    /// Whether it uses PSM.
    #[at_arg(position = 0)]
    pub mode: Switch,
    /// T3312: as T3412, in 2G and 3G networks.
    #[at_arg(position = 1)]
    pub gprs_periodic_update: Option<PeriodicUpdateTimer>,
    /// T3314: as T3324, in 2G and 3G networks.
    #[at_arg(position = 2)]
    pub gprs_ready: Option<ActiveTimer>,
    /// T3412.
    #[at_arg(position = 3)]
    pub periodic_update: Option<PeriodicUpdateTimer>,
    /// T3324.
    #[at_arg(position = 4)]
    pub active: Option<ActiveTimer>,
}

/// `+CPSMS: <mode>,[<T3312>],[<T3314>],[<T3412>],[<T3324>]` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PowerSavingMode {
    /// Whether the module uses PSM.
    pub mode: Switch,
    /// T3312: as T3412, in 2G and 3G networks.
    pub gprs_periodic_update: Option<PeriodicUpdateTimer>,
    /// T3314: as T3324, in 2G and 3G networks.
    pub gprs_ready: Option<ActiveTimer>,
    /// T3412.
    pub periodic_update: Option<PeriodicUpdateTimer>,
    /// T3324.
    pub active: Option<ActiveTimer>,
}

/// How long a module with eDRX sleeps between two looks at the network: 5.12 s to 175 min (3GPP TS 24.008, 10.5.5.32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EdrxCycle(u8);

impl EdrxCycle {
    /// The cycles in units of 5.12 s. The index is what stands on the wire.
    const UNITS: [u16; 16] = [
        1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 64, 128, 256, 512, 1024, 2048,
    ];

    /// The shortest cycle that is not shorter than this, or the longest of all.
    #[must_use]
    pub fn at_least(milliseconds: u32) -> Self {
        let is_enough = |&unit: &u16| u32::from(unit) * 5_120 >= milliseconds;
        Self(Self::UNITS.iter().position(is_enough).unwrap_or(15) as u8)
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn milliseconds(self) -> u32 {
        let unit = Self::UNITS.get(usize::from(self.0)).copied();
        u32::from(unit.unwrap_or_default()) * 5_120
    }
}

bits!(EdrxCycle 4);

/// Whether the module uses eDRX (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EdrxMode {
    /// 0: no.
    Off = 0,
    /// 1: yes.
    On = 1,
    /// 2: yes, and [`Urc::Edrx`](super::Urc::Edrx) reports what the network grants.
    OnWithUrc = 2,
    /// 3: no, and all values are forgotten.
    Reset = 3,
}

/// The kind of network that an eDRX cycle is for (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EdrxNetwork {
    /// 0: none; eDRX is off.
    None = 0,
    /// 1: EC-GSM-IoT.
    EcGsm = 1,
    /// 2: GSM.
    Gsm = 2,
    /// 3: UMTS.
    Umts = 3,
    /// 4: LTE, Cat M1.
    Lte = 4,
    /// 5: NB-IoT.
    NbIot = 5,
}

/// `AT+CEDRXS=<mode>[,<AcT-type>[,<cycle>]]`: sets whether the module uses eDRX, and the cycle that it requests (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CEDRXS", NoResponse, timeout_ms = 5_000)]
pub struct SetEdrx {
    /// Whether it uses eDRX.
    #[at_arg(position = 0)]
    pub mode: EdrxMode,
    /// The kind of network.
    #[at_arg(position = 1)]
    pub network: Option<EdrxNetwork>,
    /// The cycle. `None` leaves it as it is.
    #[at_arg(position = 2)]
    pub cycle: Option<EdrxCycle>,
}

/// `+CEDRXS: <AcT-type>,<requested>`, and with the granted values `+CEDRXRDP: …` and the URC `+CEDRXP: …` (3GPP TS 27.007).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Edrx {
    /// The kind of network.
    pub network: EdrxNetwork,
    /// The cycle that the module requests.
    pub requested: Option<EdrxCycle>,
    /// The cycle that the network has granted.
    pub granted: Option<EdrxCycle>,
    /// The paging time window, four bits in quotes. What they mean depends on the kind of network.
    pub paging_window: Clipped<4>,
}
