//! The SIM: AT+CPIN (3GPP TS 27.007).

use atat::{AtatResp, atat_derive::AtatResp};
use serde_at::serde::{Deserialize, Deserializer};

use super::{field::Rest, response::NoResponse, text::Text, writer::command};

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
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "READY" => Self::Ready,
            "SIM PIN" => Self::Pin,
            "SIM PUK" => Self::Puk,
            "NOT READY" => Self::NotReady,
            "NOT INSERTED" => Self::NotInserted,
            _ => Self::Other,
        }
    }
}

/// `AT+CPIN?`: what the SIM waits for. `+CME ERROR: 10` if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySim;

command!(QuerySim = "AT+CPIN?" -> SimStatus, 5_000 ms);

/// `+CPIN: <code>`, an answer and a URC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SimStatus {
    /// What the SIM waits for.
    pub state: SimState,
}

#[derive(AtatResp)]
struct SimFields {
    code: Rest<16>,
}

impl AtatResp for SimStatus {}

impl<'de> Deserialize<'de> for SimStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = SimFields::deserialize(deserializer)?;
        Ok(Self {
            state: SimState::parse(&fields.code.0),
        })
    }
}

/// A PIN: at most 8 bytes.
pub type Pin<'a> = Text<'a, 8>;

/// `AT+CPIN=<pin>`: enters the PIN. Three wrong ones lock the SIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnterPin<'a> {
    /// The PIN.
    pub pin: Pin<'a>,
}

command!(EnterPin<'_> = "AT+CPIN=" [pin] -> NoResponse, 5_000 ms);
