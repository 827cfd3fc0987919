//! Name lookups by the module: AT+QIDNSCFG (2.1.13), AT+QIDNSGIP (2.1.14).

use core::net::IpAddr;

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{Fields, deserialize_by, unquoted};
use super::errors::ErrorCode;
use super::fields::{Address, ContextId, Host, ShownAddress, address_of};
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;

bare_commands! {
    /// `AT+QIDNSCFG=?`: lists the supported contexts (2.1.13).
    TestConfigureDns "+QIDNSCFG=?" -> AnswerText, 60_000;
    /// `AT+QIDNSGIP=?`: lists the supported contexts (2.1.14).
    TestResolveName "+QIDNSGIP=?" -> AnswerText, 60_000;
}

/// `AT+QIDNSCFG=<contextID>`: returns the DNS servers of a context (2.1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDNSCFG", DnsServers, timeout_ms = 60_000)]
pub struct QueryDns {
    /// The context. It must be active.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `AT+QIDNSCFG=<contextID>,<pridnsaddr>[,<secdnsaddr>]`: sets the DNS servers of a context (2.1.13).
///
/// The next activation of the context replaces them by those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDNSCFG", NoResponse, timeout_ms = 60_000)]
pub struct ConfigureDns {
    /// The context. It must be active.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// The primary server.
    #[at_arg(position = 1)]
    pub primary: Address,
    /// The secondary server.
    #[at_arg(position = 2)]
    pub secondary: Option<Address>,
}

/// `+QIDNSCFG: <contextID>,<pridnsaddr>,<secdnsaddr>` (2.1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DnsServers {
    /// The context.
    pub context: ContextId,
    /// The primary server.
    pub primary: ShownAddress,
    /// The secondary server.
    pub secondary: ShownAddress,
}

/// `AT+QIDNSGIP=<contextID>,<hostname>`: looks up the addresses of a host name (2.1.14).
///
/// The results are [`Indication::Resolution`](super::Indication::Resolution), at most 60 s later. They do not
/// contain the name: only one lookup at a time is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIDNSGIP", NoResponse, timeout_ms = 60_000)]
pub struct ResolveName<'a> {
    /// The context. It must be active.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// The host name.
    #[at_arg(position = 1)]
    pub host: Host<'a>,
}

/// `+QIURC: "dnsgip",…`: the late result of [`ResolveName`], one line, and then one for each address (2.1.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Resolution {
    /// `<err>[,<IP_count>[,<DNS_ttl>]]`: the result. The addresses follow.
    Result {
        /// Whether the lookup was successful.
        result: Result<(), ErrorCode>,
        /// The number of addresses.
        count: Option<u8>,
        /// The time that the addresses are valid, in seconds.
        time_to_live: Option<u32>,
    },
    /// `<hostIPaddr>`: one address.
    Address(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] IpAddr),
}

impl Resolution {
    fn of(text: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(text);
        let resolution = match address_of(unquoted(fields.field())) {
            Some(address) => Self::Address(address),
            None => {
                fields = Fields::new(text);
                Self::Result {
                    result: ErrorCode::check(fields.next()?),
                    count: fields.next()?,
                    time_to_live: fields.next()?,
                }
            }
        };
        fields.end()?;
        Some(resolution)
    }
}

deserialize_by!(remainder, Resolution, Self::of);
