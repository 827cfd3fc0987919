//! Commands that bring the port and the module into a known state. None is in the note's command
//! list; `AT&D1` is in its section 1.2.

use atat::atat_derive::AtatEnum;

use super::{
    clipped::Clipped,
    field::{Fields, Parse},
    number::numbered,
    response::{NoResponse, answers},
    text::Text,
    writer::command,
};

answers!(UrcPort);

numbered!(
    ErrorFormat,
    FlowControl,
    Functionality,
    Restart,
    PowerDownMode
);

/// `AT`: asks whether anyone is there (ITU-T V.250). 1 s, to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention;

command!(Attention = "AT" -> NoResponse, 1_000 ms);

/// `ATE0`: the module does not repeat commands (ITU-T V.250).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisableCommandEcho;

command!(DisableCommandEcho = "ATE0" -> NoResponse, 5_000 ms);

/// `ATE1`: the module repeats commands (ITU-T V.250), as it does after power-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnableCommandEcho;

command!(EnableCommandEcho = "ATE1" -> NoResponse, 5_000 ms);

/// How a failure is told (3GPP TS 27.007); see [`Failure`](super::Failure).
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

/// `AT+CMEE=<n>`: how failures are told (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetErrorFormat {
    /// How.
    pub format: ErrorFormat,
}

command!(SetErrorFormat = "AT+CMEE=" [format] -> NoResponse, 5_000 ms);

/// `AT&D1`: DTR from on to off leaves the data mode and keeps the connection (1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscapeWithDtr;

command!(EscapeWithDtr = "AT&D1" -> NoResponse, 5_000 ms);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetFlowControl {
    /// How the host holds the module: RTS.
    pub module_by_host: FlowControl,
    /// How the module holds the host: CTS.
    pub host_by_module: FlowControl,
}

command!(SetFlowControl = "AT+IFC=" [module_by_host, host_by_module] -> NoResponse, 5_000 ms);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetFunctionality {
    /// What is on.
    pub functionality: Functionality,
    /// Whether the module restarts.
    pub restart: Option<Restart>,
}

command!(SetFunctionality = "AT+CFUN=" [functionality, restart] -> NoResponse, 15_000 ms);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerDown {
    /// How.
    pub mode: PowerDownMode,
}

command!(PowerDown = "AT+QPOWD=" [mode] -> NoResponse, 40_000 ms);

/// The name of one of the module's ports, at most 16 bytes: `uart1`, `usbat`, `usbmodem`, `all`.
pub type PortName<'a> = Text<'a, 16>;

/// `AT+QURCCFG="urcport"`: which port URCs go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryUrcPort;

command!(QueryUrcPort = "AT+QURCCFG=\"urcport\"" -> UrcPort, 5_000 ms);

/// `AT+QURCCFG="urcport",<port>`: sends URCs to this port. Kept over a restart by most modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigureUrcPort<'a> {
    /// The port.
    pub port: PortName<'a>,
}

command!(ConfigureUrcPort<'a> = "AT+QURCCFG=\"urcport\"," [port] -> NoResponse, 5_000 ms);

/// `+QURCCFG: "urcport",<port>`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UrcPort {
    /// The name of the port.
    pub port: Clipped<16>,
}

impl Parse for UrcPort {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let _key = fields.word()?;
        Some(Self {
            port: fields.next()?,
        })
    }
}
