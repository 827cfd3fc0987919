//! Field types of commands and answers. Each checks its value, and implements how the field is written and read.

mod address;
mod clipped;
mod identifier;
mod ids;
mod number;
mod text;

pub use address::{
    Address, ContextAddresses, Host, HostName, Peer, ShownAddress, format_address, parse_address,
};
pub use clipped::{Clipped, Ignored, LastText};
pub use identifier::Identifier;
pub use ids::{ConnectId, ContextId};
pub use number::{OutOfRange, Within};
pub use text::{InvalidText, Text};

#[cfg(not(feature = "udp"))]
pub(crate) use address::NotRead;
pub(crate) use address::address_of;

use super::atat::{self, AtatEnum};

/// Off or on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Switch {
    /// 0: off.
    Off = 0,
    /// 1: on.
    On = 1,
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}
