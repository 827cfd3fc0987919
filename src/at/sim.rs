//! The SIM: AT+CPIN (3GPP TS 27.007).

use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{position, remainder, unquoted};
use super::fields::Text;
use super::response::NoResponse;

/// What the SIM waits for (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SimState {
    /// `READY`: nothing.
    Ready,
    /// `SIM PIN`: the PIN, see [`EnterPin`].
    Pin,
    /// `SIM PUK`: the PUK; the PIN was wrong too often.
    Puk,
    /// `NOT READY`: the module has not read it yet.
    NotReady,
    /// `NOT INSERTED`: there is none.
    NotInserted,
    /// Something else: a second PIN, a lock of the phone or the network.
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

/// `AT+CPIN?`: what the SIM waits for. `+CME ERROR: 10` if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CPIN?", SimStatus, timeout_ms = 5_000)]
pub struct QuerySim;

/// `+CPIN: <code>`, an answer and a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SimStatus {
    /// What the SIM waits for.
    #[at_arg(position = 0)]
    pub state: SimState,
}

/// A PIN: at most 8 bytes.
pub type Pin<'a> = Text<'a, 8>;

/// `AT+CPIN=<pin>`: enters the PIN. Three wrong ones lock the SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CPIN", NoResponse, timeout_ms = 5_000)]
pub struct EnterPin<'a> {
    /// The PIN.
    #[at_arg(position = 0)]
    pub pin: Pin<'a>,
}
