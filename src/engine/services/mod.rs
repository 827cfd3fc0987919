//! Services of the module besides sockets, whose results come as URCs long after the `OK` to their command.

pub(crate) mod deferred;
#[cfg(feature = "ntp")]
pub(crate) mod ntp;
#[cfg(feature = "ping")]
pub(crate) mod ping;

#[cfg(test)]
mod tests;
