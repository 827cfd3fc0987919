//! PDP contexts, the module's connections to the network: AT+QICSGP (2.1.1), AT+QIACT (2.1.2), AT+QIDEACT (2.1.3), AT+CGACT?
//! (3GPP TS 27.007).

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::fields::{Clipped, ContextAddresses, ContextId, Ignored, Text};
use super::response::{AnswerText, Lines, NoResponse};
use super::tables::bare_commands;

/// context_type: the protocols of a PDP context (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ContextType {
    /// 1: IPv4. The default.
    #[at_arg(default)]
    Ipv4 = 1,
    /// 2: IPv6.
    Ipv6 = 2,
    /// 3: both.
    Ipv4v6 = 3,
}

/// authentication: how the network authenticates the user (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Authentication {
    /// 0: not at all. The default.
    #[at_arg(default)]
    None = 0,
    /// 1: PAP.
    Pap = 1,
    /// 2: CHAP.
    Chap = 2,
    /// 3: the one that the network requests.
    PapOrChap = 3,
}

/// context_state: whether a PDP context is active (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ContextState {
    /// 0: not active.
    Deactivated = 0,
    /// 1: active.
    Activated = 1,
}

/// An access point name: at most 100 bytes, the limit of 3GPP TS 23.003. The note has no limit.
pub type AccessPointName<'a> = Text<'a, 100>;

/// A user name or password: at most 127 bytes (2.1.1).
pub type Credential<'a> = Text<'a, 127>;

bare_commands! {
    /// `AT+QICSGP=?`: lists the supported contexts and parameters (2.1.1).
    TestConfigureContext "+QICSGP=?" -> AnswerText, 60_000;
    /// `AT+QIACT=?`: lists the supported contexts (2.1.2).
    TestActivateContext "+QIACT=?" -> AnswerText, 60_000;
    /// `AT+QIACT?`: lists the active contexts with their addresses (2.1.2). No line if none is active.
    ListActiveContexts "+QIACT?" -> Lines<ActiveContext, 3>, 60_000;
    /// `AT+QIDEACT=?`: lists the supported contexts (2.1.3).
    TestDeactivateContext "+QIDEACT=?" -> AnswerText, 60_000;
    /// `AT+CGACT?`: lists the state of every bearer, one line each (3GPP TS 27.007).
    ///
    /// The bearer can belong to another context than the one that [`ListActiveContexts`] shows.
    ListBearers "+CGACT?" -> Lines<BearerState, 16>, 5_000;
}

/// `AT+QICSGP=<contextID>`: returns the configuration of a context (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICSGP", ContextConfiguration, timeout_ms = 60_000)]
pub struct QueryContextConfiguration {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `AT+QICSGP=<contextID>,<context_type>,<APN>,<username>,<password>,<authentication>`: configures
/// a context (2.1.1).
///
/// All fields up to the authentication are always sent: which of them can be omitted differs between modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICSGP", NoResponse, timeout_ms = 60_000)]
pub struct ConfigureContext<'a> {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// The protocols of the context.
    #[at_arg(position = 1)]
    pub context_type: ContextType,
    /// The access point name. Many networks need nothing else.
    #[at_arg(position = 2)]
    pub apn: AccessPointName<'a>,
    /// The user name; [`Text::EMPTY`] for none.
    #[at_arg(position = 3)]
    pub username: Credential<'a>,
    /// The password; [`Text::EMPTY`] for none.
    #[at_arg(position = 4)]
    pub password: Credential<'a>,
    /// How the network authenticates the user.
    #[at_arg(position = 5)]
    pub authentication: Authentication,
}

/// `+QICSGP: <context_type>,<APN>,<username>,<password>,<authentication>` (2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ContextConfiguration {
    /// The protocols.
    pub context_type: ContextType,
    /// The access point name.
    pub apn: Clipped<100>,
    /// The user name.
    pub username: Clipped<127>,
    /// The password.
    pub password: Clipped<127>,
    /// How the network authenticates the user. Some modules omit it.
    pub authentication: Option<Authentication>,
    /// An additional field of modules with CDMA.
    _cdma: Ignored,
}

/// `AT+QIACT=<contextID>`: activates a context; takes at most 150 s (2.1.2).
///
/// For a context that is active already some modules answer OK, others ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIACT", NoResponse, timeout_ms = 150_000)]
pub struct ActivateContext {
    /// The context. At most [`ContextId::MAX_ACTIVE`] can be active at the same time.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `+QIACT: <contextID>,<context_state>,<context_type>[,<IP_address>]` (2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ActiveContext {
    /// The context.
    pub context: ContextId,
    /// Whether the context is active.
    pub state: ContextState,
    /// The protocols of the context.
    pub context_type: ContextType,
    /// The addresses of the context.
    pub addresses: ContextAddresses,
}

/// `AT+QIDEACT=<contextID>`: deactivates a context and closes its sockets; takes at most 40 s (2.1.3).
///
/// For a context that is not active some modules answer OK, others ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDEACT", NoResponse, timeout_ms = 40_000)]
pub struct DeactivateContext {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `+CGACT: <cid>,<state>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BearerState {
    /// The context. Some modules use numbers above 16.
    pub context: u8,
    /// Whether the context is active.
    pub state: ContextState,
}
