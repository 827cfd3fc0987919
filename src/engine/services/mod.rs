//! Services of the module besides sockets, whose results come as URCs long after the `OK` to their command.

pub(crate) mod deferred;
pub(crate) mod ntp;
pub(crate) mod ping;

#[cfg(test)]
mod tests;
