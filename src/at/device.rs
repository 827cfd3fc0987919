//! The module itself and its serial port: ITU-T V.250, 3GPP TS 27.007 and Quectel's general commands. None is in the note.

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::fields::{Clipped, Identifier, Ignored, Text};
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;
use super::urc::FunctionalityChanged;

bare_commands! {
    /// `AT`: answered by OK if the module listens (ITU-T V.250). A module that does not answer within 1 s is asked again.
    Attention "" -> NoResponse, 1_000;
    /// `AT&F`: sets what V.250 defines back to the factory's values, the echo of commands among them (ITU-T V.250).
    RestoreDefaults "&F" -> NoResponse, 5_000;
    /// `ATE0`: turns the echo of commands off (ITU-T V.250).
    DisableCommandEcho "E0" -> NoResponse, 5_000;
    /// `ATE1`: turns the echo of commands on (ITU-T V.250). It is on after power-up.
    EnableCommandEcho "E1" -> NoResponse, 5_000;
    /// `ATQ0V1`: final result codes are sent, and as words (ITU-T V.250). Both are the default after power-up.
    RestoreResultCodes "Q0V1" -> NoResponse, 5_000;
    /// `AT+CFUN?`: returns which parts of the module are on (3GPP TS 27.007).
    QueryFunctionality "+CFUN?" -> FunctionalityChanged, 5_000;
    /// `AT+QURCCFG="urcport"`: returns the port that URCs are sent to.
    QueryUrcPort "+QURCCFG=\"urcport\"" -> UrcPort, 5_000;
    /// `ATI`: returns manufacturer, model and firmware, one line each (ITU-T V.250).
    Identify "I" -> AnswerText, 5_000;
    /// `AT+CGMI`: returns the manufacturer (3GPP TS 27.007).
    QueryManufacturer "+CGMI" -> AnswerText, 5_000;
    /// `AT+CGMM`: returns the model (3GPP TS 27.007).
    QueryModel "+CGMM" -> AnswerText, 5_000;
    /// `AT+CGMR`: returns the firmware version (3GPP TS 27.007).
    QueryRevision "+CGMR" -> AnswerText, 5_000;
    /// `AT+CGSN`: returns the serial number, the IMEI (3GPP TS 27.007).
    QuerySerialNumber "+CGSN" -> Imei, 5_000;
    /// `AT+GSN`: returns the IMEI (ITU-T V.250).
    QueryImei "+GSN" -> Imei, 5_000;
}

/// The number of the module: 15 digits, or 16 with the version of its software.
pub type Imei = Identifier<15, 16>;

/// The format of final result codes for failures (3GPP TS 27.007); see [`Failure`](super::Failure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ErrorFormat {
    /// 0: `ERROR`. The default.
    #[at_arg(default)]
    Plain = 0,
    /// 1: `+CME ERROR: <number>`.
    Number = 1,
    /// 2: `+CME ERROR: <text>`.
    Text = 2,
}

/// `AT+CMEE=<n>`: sets the format of final result codes for failures (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CMEE", NoResponse, timeout_ms = 5_000)]
pub struct SetErrorFormat {
    /// The format.
    #[at_arg(position = 0)]
    pub format: ErrorFormat,
}

/// Flow control of one direction of the UART (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlowControl {
    /// 0: none. The default.
    #[at_arg(default)]
    None = 0,
    /// 1: XON and XOFF. The data must not contain these bytes.
    Software = 1,
    /// 2: RTS and CTS.
    Hardware = 2,
}

/// `AT+IFC=<dce_by_dte>,<dte_by_dce>`: sets the flow control of the UART (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+IFC", NoResponse, timeout_ms = 5_000)]
pub struct SetFlowControl {
    /// How the host stops the module: RTS.
    #[at_arg(position = 0)]
    pub module_by_host: FlowControl,
    /// How the module stops the host: CTS.
    #[at_arg(position = 1)]
    pub host_by_module: FlowControl,
}

/// Which parts of the module are on (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Functionality {
    /// 0: neither radio nor SIM.
    Minimum = 0,
    /// 1: everything. The default.
    #[at_arg(default)]
    Full = 1,
    /// 4: everything but the radio.
    Airplane = 4,
}

/// Whether the module restarts (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Restart {
    /// 0: it does not. The default.
    #[at_arg(default)]
    No = 0,
    /// 1: it restarts first. Only with [`Functionality::Full`].
    Yes = 1,
}

/// `AT+CFUN=<fun>[,<rst>]`: turns parts of the module on and off; takes at most 15 s (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CFUN", NoResponse, timeout_ms = 15_000)]
pub struct SetFunctionality {
    /// The parts that are on.
    #[at_arg(position = 0)]
    pub functionality: Functionality,
    /// Whether the module restarts.
    #[at_arg(position = 1)]
    pub restart: Option<Restart>,
}

/// How the module switches off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PowerDownMode {
    /// 0: immediately, without detaching from the network.
    Immediate = 0,
    /// 1: after detaching from the network. The default.
    #[at_arg(default)]
    Normal = 1,
}

/// `AT+QPOWD=<n>`: switches the module off; takes at most 40 s. `POWERED DOWN` follows the OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QPOWD", NoResponse, timeout_ms = 40_000)]
pub struct PowerDown {
    /// How it switches off.
    #[at_arg(position = 0)]
    pub mode: PowerDownMode,
}

/// The name of a port of the module, at most 16 bytes: `uart1`, `usbat`, `usbmodem`, or `all`.
pub type PortName<'a> = Text<'a, 16>;

/// `AT+QURCCFG="urcport",<port>`: sets the port that URCs are sent to. Most modules keep it over a restart.
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
    _key: Ignored,
    /// The name of the port.
    pub port: Clipped<16>,
}
