//! Names: AT+QIDNSCFG (2.1.13), AT+QIDNSGIP (2.1.14).

use core::net::IpAddr;

use super::{
    address::{Address, Host},
    field::{Fields, Parse},
    ids::ContextId,
    response::{AnswerText, NoResponse, answers},
    writer::command,
};

answers!(DnsServers);

/// `AT+QIDNSCFG=?`: which contexts there are (2.1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestConfigureDns;

command!(TestConfigureDns = "AT+QIDNSCFG=?" -> AnswerText, 60_000 ms);

/// `AT+QIDNSCFG=<contextID>`: the name servers of a context (2.1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryDns {
    /// The context, which has to be up.
    pub context: ContextId,
}

command!(QueryDns = "AT+QIDNSCFG=" [context] -> DnsServers, 60_000 ms);

/// `AT+QIDNSCFG=<contextID>,<pridnsaddr>[,<secdnsaddr>]`: sets the name servers of a context
/// (2.1.13).
///
/// Activating the context again brings back those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigureDns {
    /// The context, which has to be up.
    pub context: ContextId,
    /// The server asked first.
    pub primary: Address,
    /// The server asked next.
    pub secondary: Option<Address>,
}

command!(ConfigureDns = "AT+QIDNSCFG=" [context, primary, secondary] -> NoResponse, 60_000 ms);

/// `+QIDNSCFG: <contextID>,<pridnsaddr>,<secdnsaddr>` (2.1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DnsServers {
    /// The context.
    pub context: ContextId,
    /// The server asked first.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub primary: Option<IpAddr>,
    /// The server asked next.
    #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
    pub secondary: Option<IpAddr>,
}

impl Parse for DnsServers {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            context: fields.next()?,
            primary: fields.address(),
            secondary: fields.address(),
        })
    }
}

/// `AT+QIDNSGIP=?`: which contexts there are (2.1.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestResolveName;

command!(TestResolveName = "AT+QIDNSGIP=?" -> AnswerText, 60_000 ms);

/// `AT+QIDNSGIP=<contextID>,<hostname>`: looks up the addresses of a name (2.1.14).
///
/// The results are [`Urc::NameResolved`](super::Urc::NameResolved) and then
/// [`Urc::NameAddress`](super::Urc::NameAddress) for each address, at most 60 s later. They do not
/// say which name they belong to: one lookup at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolveName<'a> {
    /// The context, which has to be up.
    pub context: ContextId,
    /// The name.
    pub host: Host<'a>,
}

command!(ResolveName<'a> = "AT+QIDNSGIP=" [context, host] -> NoResponse, 60_000 ms);
