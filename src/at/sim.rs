//! The SIM: AT+CPIN, AT+CIMI (3GPP TS 27.007), and Quectel's AT+QCCID.

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{deserialize_by, unquoted};
use super::fields::{Identifier, Text};
use super::response::NoResponse;
use super::tables::{bare_commands, texts};

texts! {
    /// The state of the SIM (3GPP TS 27.007).
    #[non_exhaustive]
    pub enum SimState {
        /// `READY`: the SIM is ready.
        Ready "READY",
        /// `SIM PIN`: the SIM needs the PIN; see [`EnterPin`].
        Pin "SIM PIN",
        /// `SIM PUK`: the SIM needs the PUK, because the PIN was wrong too often.
        Puk "SIM PUK",
        /// `SIM PIN2`: a command has failed that needs the second PIN. Data connections do not need it.
        Pin2 "SIM PIN2",
        /// `SIM PUK2`: the second PIN was wrong too often. Data connections do not need it.
        Puk2 "SIM PUK2",
        /// `PH-SIM PIN`, `PH-NET PIN` and other codes that begin with `PH-`: the module accepts only certain SIMs or networks.
        DeviceLocked "PH-",
        /// `NOT READY`: the module has not read the SIM yet.
        NotReady "NOT READY",
        /// `NOT INSERTED`: there is no SIM.
        NotInserted "NOT INSERTED",
        /// Another code.
        Other "",
    }
}

deserialize_by!(remainder, SimState, |text| match unquoted(text) {
    [] => None,
    [b'P', b'H', b'-', ..] => Some(Self::DeviceLocked),
    code => Some(Self::of(code).unwrap_or(Self::Other)),
});

bare_commands! {
    /// `AT+QCCID`: returns the number of the SIM card.
    QueryCardNumber "+QCCID" -> Iccid, 5_000;
    /// `AT+CIMI`: returns the number of the subscriber (3GPP TS 27.007).
    QuerySubscriber "+CIMI" -> Imsi, 5_000;
}

/// The number of a SIM card: 18 to 22 digits, among which there can be letters from `A` to `F`. Without the `F` that fills it up.
pub type Iccid = Identifier<18, 22>;

/// The number of a subscriber: 6 to 15 digits, of which the first 5 or 6 are those of country and network.
pub type Imsi = Identifier<6, 15>;

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
