//! The module itself and its serial port: ITU-T V.250, 3GPP TS 27.007 and Quectel's general commands. None is in the note.

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::fields::{Clipped, Ignored, Text};
use super::response::{AnswerText, NoResponse};

/// `AT`: answered by OK if the module listens (ITU-T V.250). A module that does not answer within 1 s is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("", NoResponse, timeout_ms = 1_000)]
pub struct Attention;

/// `ATE0`: the module does not repeat commands (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("E0", NoResponse, timeout_ms = 5_000)]
pub struct DisableCommandEcho;

/// `ATE1`: the module repeats commands (ITU-T V.250), as it does after power-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("E1", NoResponse, timeout_ms = 5_000)]
pub struct EnableCommandEcho;

/// How a failure is reported (3GPP TS 27.007); see [`Failure`](super::Failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ErrorFormat {
    /// 0: `ERROR`.
    #[at_arg(default)]
    Plain = 0,
    /// 1: `+CME ERROR: <number>`.
    Number = 1,
    /// 2: `+CME ERROR: <text>`.
    Text = 2,
}

/// `AT+CMEE=<n>`: how failures are reported (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CMEE", NoResponse, timeout_ms = 5_000)]
pub struct SetErrorFormat {
    /// How.
    #[at_arg(position = 0)]
    pub format: ErrorFormat,
}

/// How one direction of the UART is held (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlowControl {
    /// 0: not at all.
    #[at_arg(default)]
    None = 0,
    /// 1: XON and XOFF, which the data must not hold then.
    Software = 1,
    /// 2: RTS and CTS.
    Hardware = 2,
}

/// `AT+IFC=<dce_by_dte>,<dte_by_dce>`: flow control (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+IFC", NoResponse, timeout_ms = 5_000)]
pub struct SetFlowControl {
    /// How the host holds the module: RTS.
    #[at_arg(position = 0)]
    pub module_by_host: FlowControl,
    /// How the module holds the host: CTS.
    #[at_arg(position = 1)]
    pub host_by_module: FlowControl,
}

/// How much of the module is on (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Functionality {
    /// 0: neither radio nor SIM.
    Minimum = 0,
    /// 1: everything.
    #[at_arg(default)]
    Full = 1,
    /// 4: no radio.
    Airplane = 4,
}

/// Whether the module restarts (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Restart {
    /// 0: it does not.
    #[at_arg(default)]
    No = 0,
    /// 1: it does, first of all. Only with [`Functionality::Full`].
    Yes = 1,
}

/// `AT+CFUN=<fun>[,<rst>]`: how much of the module is on (3GPP TS 27.007); takes at most 15 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CFUN", NoResponse, timeout_ms = 15_000)]
pub struct SetFunctionality {
    /// What is on.
    #[at_arg(position = 0)]
    pub functionality: Functionality,
    /// Whether the module restarts.
    #[at_arg(position = 1)]
    pub restart: Option<Restart>,
}

/// How the module goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PowerDownMode {
    /// 0: at once, without a word to the network.
    Immediate = 0,
    /// 1: after it has left the network.
    #[at_arg(default)]
    Normal = 1,
}

/// `AT+QPOWD=<n>`: switches the module off. 40 s; POWERED DOWN follows the OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPOWD", NoResponse, timeout_ms = 40_000)]
pub struct PowerDown {
    /// How.
    #[at_arg(position = 0)]
    pub mode: PowerDownMode,
}

/// The name of one of the module's ports, at most 16 bytes: `uart1`, `usbat`, `usbmodem`, `all`.
pub type PortName<'a> = Text<'a, 16>;

/// `AT+QURCCFG="urcport"`: which port URCs go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QURCCFG=\"urcport\"", UrcPort, timeout_ms = 5_000)]
pub struct QueryUrcPort;

/// `AT+QURCCFG="urcport",<port>`: sends URCs to this port. Kept over a restart by most modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd(
    "+QURCCFG=\"urcport\",",
    NoResponse,
    value_sep = false,
    timeout_ms = 5_000
)]
pub struct ConfigureUrcPort<'a> {
    /// The port.
    #[at_arg(position = 0)]
    pub port: PortName<'a>,
}

/// `+QURCCFG: "urcport",<port>`.
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UrcPort {
    #[at_arg(position = 0)]
    _key: Ignored,
    /// The name of the port.
    #[at_arg(position = 1)]
    pub port: Clipped<16>,
}

/// `ATI`: maker, model and firmware, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("I", AnswerText, timeout_ms = 5_000)]
pub struct Identify;

/// `AT+CGMI`: the maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMI", AnswerText, timeout_ms = 5_000)]
pub struct QueryManufacturer;

/// `AT+CGMM`: the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMM", AnswerText, timeout_ms = 5_000)]
pub struct QueryModel;

/// `AT+CGMR`: the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMR", AnswerText, timeout_ms = 5_000)]
pub struct QueryRevision;

/// `AT+CGSN`: the serial number, the IMEI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGSN", AnswerText, timeout_ms = 5_000)]
pub struct QuerySerialNumber;
