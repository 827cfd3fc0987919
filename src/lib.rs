#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::large_futures))]

#[cfg(any(test, fuzzing))]
extern crate std;
// Its time driver is linked into the tests.
#[cfg(test)]
extern crate virtual_modem as _;

mod asynch;
pub mod blocking;
mod bytes;
mod clock;
pub mod command;
mod config;
mod digest;
#[cfg(feature = "edge-nal")]
mod edge;
mod error;
mod fmt;
mod place;
mod ring;
mod runner;
mod shared;
mod socket;
mod stack;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod testing;
mod tools;
mod waiting;

pub use asynch::{
    AtClient, AtWriter, TcpConnection, TcpListener, TcpReader, TcpWriter, TransparentConnection,
    UdpListener, UdpService, UdpSocket,
};
pub use config::Config;
pub use error::{Error, LinkError};
pub use runner::{ControlLines, RunError, Runner};
pub use socket::{Addresses, LinkState, PingReply, PingSummary, Statistics};
pub use stack::{Resources, Stack, new};
pub use tools::Pinging;

/// Compiles the code in the guide.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../docs/guide/1-wiring.md")]
    mod wiring {}
    #[doc = include_str!("../docs/guide/2-first-get.md")]
    mod first_get {}
    #[doc = include_str!("../docs/guide/3-sockets.md")]
    mod sockets {}
    #[doc = include_str!("../docs/guide/4-servers.md")]
    mod servers {}
    #[doc = include_str!("../docs/guide/5-udp.md")]
    mod udp {}
    #[doc = include_str!("../docs/guide/6-blocking.md")]
    mod blocking {}
    #[doc = include_str!("../docs/guide/7-own-commands.md")]
    mod own_commands {}
    #[doc = include_str!("../docs/guide/8-errors.md")]
    mod errors {}
    #[doc = include_str!("../docs/guide/9-modes.md")]
    mod modes {}
}
