//! The SIM: AT+CPIN (3GPP TS 27.007).

use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{position, remainder, unquoted};
use super::fields::Text;
use super::response::NoResponse;

/// The state of the SIM (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SimState {
    /// `READY`: the SIM is ready.
    Ready,
    /// `SIM PIN`: the SIM needs the PIN; see [`EnterPin`].
    Pin,
    /// `SIM PUK`: the SIM needs the PUK, because the PIN was wrong too often.
    Puk,
    /// `NOT READY`: the module has not read the SIM yet.
    NotReady,
    /// `NOT INSERTED`: there is no SIM.
    NotInserted,
    /// Another code, for example for a second PIN or a network lock.
    Other,
}

impl SimState {
    fn of(text: &[u8]) -> Option<Self> {
        const TEXTS: &[&str] = &["READY", "SIM PIN", "SIM PUK", "NOT READY", "NOT INSERTED"];
        Some(match position(TEXTS, text) {
            _ if text.is_empty() => return None,
            Some(0) => Self::Ready,
            Some(1) => Self::Pin,
            Some(2) => Self::Puk,
            Some(3) => Self::NotReady,
            Some(4) => Self::NotInserted,
            _ => Self::Other,
        })
    }
}

impl<'de> Deserialize<'de> for SimState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |text| Self::of(unquoted(text)))
    }
}

/// `AT+CPIN?`: returns the state of the SIM. `+CME ERROR: 10` if there is no SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CPIN?", SimStatus, timeout_ms = 5_000)]
pub struct QuerySim;

/// `+CPIN: <code>`, as an information response and as a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SimStatus {
    /// The state of the SIM.
    #[at_arg(position = 0)]
    pub state: SimState,
}

/// A PIN: at most 8 bytes.
pub type Pin<'a> = Text<'a, 8>;

/// `AT+CPIN=<pin>`: enters the PIN. After three wrong PINs the SIM needs the PUK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CPIN", NoResponse, timeout_ms = 5_000)]
pub struct EnterPin<'a> {
    /// The PIN.
    #[at_arg(position = 0)]
    pub pin: Pin<'a>,
}
