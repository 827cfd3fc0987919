//! The SIM: AT+CPIN (3GPP TS 27.007).

use super::{
    field::{Fields, Parse},
    response::{NoResponse, answers},
    text::Text,
    writer::command,
};

answers!(SimStatus);

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
    pub(super) fn parse(text: &[u8]) -> Self {
        match text {
            b"READY" => Self::Ready,
            b"SIM PIN" => Self::Pin,
            b"SIM PUK" => Self::Puk,
            b"NOT READY" => Self::NotReady,
            b"NOT INSERTED" => Self::NotInserted,
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

impl Parse for SimStatus {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let code = fields.text();
        (!code.is_empty()).then(|| Self {
            state: SimState::parse(code),
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

command!(EnterPin<'a> = "AT+CPIN=" [pin] -> NoResponse, 5_000 ms);
