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

pub mod at;
pub mod blocking;
mod config;
mod engine;
mod error;
mod net;
mod runner;
mod stack;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod testing;
mod util;

pub use config::Config;
pub use engine::{Addresses, LinkState, PingReply, PingSummary, Statistics};
pub use error::{Error, LinkError};
pub use net::Pinging;
pub use net::{
    AtClient, AtWriter, TcpConnection, TcpListener, TcpReader, TcpWriter, TransparentConnection,
    UdpListener, UdpService, UdpSocket,
};
pub use runner::{ControlLines, RunError, Runner};
pub use stack::{Resources, Stack, new};

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
