//! PDP contexts: AT+QICSGP, AT+QIACT, AT+QIDEACT (2.1.1 to 2.1.3) and AT+CGACT?.

use core::net::{Ipv4Addr, Ipv6Addr};

use atat::atat_derive::AtatEnum;

use super::{
    address::pair,
    clipped::Clipped,
    field::{Fields, Parse},
    ids::ContextId,
    number::numbered,
    response::{AnswerText, Lines, NoResponse, answers},
    text::Text,
    writer::command,
};

numbered!(ContextType, Authentication, ContextState);
answers!(ContextConfiguration, ActiveContext, BearerState);

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestConfigureContext;

command!(TestConfigureContext = "AT+QICSGP=?" -> AnswerText, 60_000 ms);

/// `AT+QICSGP=<contextID>`: how a context is configured (2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryContextConfiguration {
    /// The context.
    pub context: ContextId,
}

command!(QueryContextConfiguration = "AT+QICSGP=" [context] -> ContextConfiguration, 60_000 ms);

/// `AT+QICSGP=<contextID>,<context_type>,<APN>,<username>,<password>,<authentication>`: configures
/// a context (2.1.1).
///
/// All fields up to the authentication are always sent: modules differ in what they let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigureContext<'a> {
    /// The context.
    pub context: ContextId,
    /// Its protocols.
    pub context_type: ContextType,
    /// The access point name, often all that a network needs.
    pub apn: AccessPointName<'a>,
    /// The user name, or no text.
    pub username: Credential<'a>,
    /// The password, or no text.
    pub password: Credential<'a>,
    /// How the network checks them.
    pub authentication: Authentication,
}

command!(ConfigureContext<'a> = "AT+QICSGP=" [context, context_type, apn, username, password, authentication]
    -> NoResponse, 60_000 ms);

/// `+QICSGP: <context_type>,<APN>,<username>,<password>,<authentication>` (2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How the network checks them. Not every module tells.
    pub authentication: Option<Authentication>,
}

impl Parse for ContextConfiguration {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let configuration = Self {
            context_type: fields.next()?,
            apn: Clipped::new(fields.quoted()?),
            username: Clipped::new(fields.optional_quoted()?.unwrap_or_default()),
            password: Clipped::new(fields.optional_quoted()?.unwrap_or_default()),
            authentication: fields.next()?,
        };
        let _cdma_password: Option<u8> = fields.next()?;
        Some(configuration)
    }
}

/// `AT+QIACT=?`: which contexts there are (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestActivateContext;

command!(TestActivateContext = "AT+QIACT=?" -> AnswerText, 60_000 ms);

/// `AT+QIACT?`: which contexts are up, and their addresses (2.1.2). No line if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListActiveContexts;

command!(ListActiveContexts = "AT+QIACT?" -> Lines<ActiveContext, 3>, 60_000 ms);

/// `AT+QIACT=<contextID>`: brings a context up; takes at most 150 s (2.1.2).
///
/// A context that is up already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivateContext {
    /// The context; at most [`ContextId::MAX_ACTIVE`] can be up at once.
    pub context: ContextId,
}

command!(ActivateContext = "AT+QIACT=" [context] -> NoResponse, 150_000 ms);

/// `+QIACT: <contextID>,<context_state>,<context_type>[,<IP_address>]` (2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ActiveContext {
    /// The context.
    pub context: ContextId,
    /// Whether it is up.
    pub state: ContextState,
    /// Its protocols.
    pub context_type: ContextType,
    /// Its IPv4 address.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub ipv6: Option<Ipv6Addr>,
}

impl Parse for ActiveContext {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let context = fields.next()?;
        let state = fields.next()?;
        let context_type = fields.next()?;
        let (ipv4, ipv6) = pair(fields.bytes());
        Some(Self {
            context,
            state,
            context_type,
            ipv4,
            ipv6,
        })
    }
}

/// The same with its addresses as they stand there.
pub(crate) struct ContextLine<'a> {
    pub(crate) context: ContextId,
    pub(crate) state: ContextState,
    pub(crate) addresses: &'a [u8],
}

impl<'a> ContextLine<'a> {
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::of_line(line);
        let context = fields.next()?;
        let state = fields.next()?;
        let _type: ContextType = fields.next()?;
        Some(Self {
            context,
            state,
            addresses: fields.bytes(),
        })
    }
}

/// `AT+QIDEACT=?`: which contexts there are (2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestDeactivateContext;

command!(TestDeactivateContext = "AT+QIDEACT=?" -> AnswerText, 60_000 ms);

/// `AT+QIDEACT=<contextID>`: takes a context down and closes its sockets; takes at most 40 s
/// (2.1.3).
///
/// A context that is down already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeactivateContext {
    /// The context.
    pub context: ContextId,
}

command!(DeactivateContext = "AT+QIDEACT=" [context] -> NoResponse, 40_000 ms);

/// `AT+CGACT?`: the state of every bearer (3GPP TS 27.007). One line each.
///
/// The bearer can be on another context than the one [`ListActiveContexts`] shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListBearers;

command!(ListBearers = "AT+CGACT?" -> Lines<BearerState, 16>, 5_000 ms);

/// `+CGACT: <cid>,<state>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BearerState {
    /// The context; modules number them beyond 16 too.
    pub context: u8,
    /// Whether it is up.
    pub state: ContextState,
}

impl Parse for BearerState {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            context: fields.next()?,
            state: fields.next()?,
        })
    }
}
