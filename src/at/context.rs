//! PDP contexts: AT+QICSGP, AT+QIACT, AT+QIDEACT (2.1.1 to 2.1.3) and AT+CGACT?.

use super::atat::{self, AtatCmd, AtatEnum, AtatResp};
use super::fields::{Clipped, ContextAddresses, ContextId, Ignored, Text};
use super::response::{AnswerText, Lines, NoResponse};

/// context_type: the protocols of a context (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ContextType {
    /// 1.
    #[at_arg(default)]
    Ipv4 = 1,
    /// 2.
    Ipv6 = 2,
    /// 3.
    Ipv4v6 = 3,
}

/// authentication: how the network checks the user (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Authentication {
    /// 0.
    #[at_arg(default)]
    None = 0,
    /// 1.
    Pap = 1,
    /// 2.
    Chap = 2,
    /// 3: whichever the network asks for.
    PapOrChap = 3,
}

/// context_state: whether a context is up (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ContextState {
    /// 0.
    Deactivated = 0,
    /// 1.
    Activated = 1,
}

/// An access point name: at most 100 bytes, the limit of 3GPP TS 23.003. The note gives none.
pub type AccessPointName<'a> = Text<'a, 100>;

/// A user name or password: at most 127 bytes (2.1.1).
pub type Credential<'a> = Text<'a, 127>;

/// `AT+QICSGP=?`: which contexts and parameters there are (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICSGP=?", AnswerText, timeout_ms = 60_000)]
pub struct TestConfigureContext;

/// `AT+QICSGP=<contextID>`: how a context is configured (2.1.1).
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
/// All fields up to the authentication are always sent: modules differ in what they let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICSGP", NoResponse, timeout_ms = 60_000)]
pub struct ConfigureContext<'a> {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// Its protocols.
    #[at_arg(position = 1)]
    pub context_type: ContextType,
    /// The access point name, often all that a network needs.
    #[at_arg(position = 2)]
    pub apn: AccessPointName<'a>,
    /// The user name, or no text.
    #[at_arg(position = 3)]
    pub username: Credential<'a>,
    /// The password, or no text.
    #[at_arg(position = 4)]
    pub password: Credential<'a>,
    /// How the network checks them.
    #[at_arg(position = 5)]
    pub authentication: Authentication,
}

/// `+QICSGP: <context_type>,<APN>,<username>,<password>,<authentication>` (2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ContextConfiguration {
    /// The protocols.
    #[at_arg(position = 0)]
    pub context_type: ContextType,
    /// The access point name.
    #[at_arg(position = 1)]
    pub apn: Clipped<100>,
    /// The user name.
    #[at_arg(position = 2)]
    pub username: Clipped<127>,
    /// The password.
    #[at_arg(position = 3)]
    pub password: Clipped<127>,
    /// How the network checks them. Not every module tells.
    #[at_arg(position = 4)]
    pub authentication: Option<Authentication>,
    /// A field of some modules, for CDMA.
    #[at_arg(position = 5)]
    _cdma: Ignored,
}

/// `AT+QIACT=?`: which contexts there are (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIACT=?", AnswerText, timeout_ms = 60_000)]
pub struct TestActivateContext;

/// `AT+QIACT?`: which contexts are up, and their addresses (2.1.2). No line if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIACT?", Lines<ActiveContext, 3>, timeout_ms = 60_000)]
pub struct ListActiveContexts;

/// `AT+QIACT=<contextID>`: brings a context up; takes at most 150 s (2.1.2).
///
/// A context that is up already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIACT", NoResponse, timeout_ms = 150_000)]
pub struct ActivateContext {
    /// The context; at most [`ContextId::MAX_ACTIVE`] can be up at once.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `+QIACT: <contextID>,<context_state>,<context_type>[,<IP_address>]` (2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ActiveContext {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// Whether it is up.
    #[at_arg(position = 1)]
    pub state: ContextState,
    /// Its protocols.
    #[at_arg(position = 2)]
    pub context_type: ContextType,
    /// Its addresses.
    #[at_arg(position = 3)]
    pub addresses: ContextAddresses,
}

/// `AT+QIDEACT=?`: which contexts there are (2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDEACT=?", AnswerText, timeout_ms = 60_000)]
pub struct TestDeactivateContext;

/// `AT+QIDEACT=<contextID>`: takes a context down and closes its sockets; takes at most 40 s
/// (2.1.3).
///
/// A context that is down already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDEACT", NoResponse, timeout_ms = 40_000)]
pub struct DeactivateContext {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `AT+CGACT?`: the state of every bearer (3GPP TS 27.007). One line each.
///
/// The bearer can be on another context than the one [`ListActiveContexts`] shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGACT?", Lines<BearerState, 16>, timeout_ms = 5_000)]
pub struct ListBearers;

/// `+CGACT: <cid>,<state>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BearerState {
    /// The context; modules number them beyond 16 too.
    #[at_arg(position = 0)]
    pub context: u8,
    /// Whether it is up.
    #[at_arg(position = 1)]
    pub state: ContextState,
}
