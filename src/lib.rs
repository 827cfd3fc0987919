// The package `consumers` compiles the code in it: that needs crates that the library's own tests do not.
#![cfg_attr(not(doctest), doc = include_str!("links.txt"))]
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::large_futures))]
// A private function that only a feature calls is not gated: without the feature it is not linked. Gated are public items, state
// that takes memory, and calls. The lints hold for all features together.
#![cfg_attr(
    not(all(
        feature = "udp",
        feature = "server",
        feature = "push",
        feature = "transparent",
        feature = "dns",
        feature = "at-client",
        feature = "ping",
        feature = "ntp",
        feature = "link-control",
        feature = "sleep",
        feature = "keep-alive",
        feature = "edge-nal"
    )),
    allow(dead_code, unused_imports)
)]

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
// The package `consumers` compiles its code, as that of README.md.
#[cfg(all(doc, not(doctest)))]
pub mod guide;
mod net;
mod runner;
mod stack;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod testing;
mod util;

// The crates whose types and traits are in the interface.
#[cfg(feature = "edge-nal")]
pub use edge_nal;
pub use {atat, embassy_time, embedded_io, embedded_io_async, embedded_nal, embedded_nal_async};

#[cfg(feature = "keep-alive")]
pub use at::KeepAlive;
pub use at::{
    AccessMode, Authentication, ConnectId, ContextId, ContextType, ErrorCode, InvalidText,
    RegistrationStatus,
};
#[cfg(feature = "link-control")]
pub use config::AccessPoint;
pub use config::Config;
pub use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex, RawMutex};
#[doc(no_inline)] // Its text has links that lead nowhere from here.
pub use embassy_time::Duration;
#[cfg(feature = "dns")]
pub use engine::Addresses;
pub use engine::{LinkMode, LinkState, Statistics};
#[cfg(feature = "ping")]
pub use engine::{PingReply, PingSummary};
pub use error::{BringUpCommand, Error, LinkError};
#[cfg(feature = "link-control")]
pub use net::LinkChanges;
#[cfg(feature = "ping")]
pub use net::Pinging;
#[cfg(feature = "server")]
pub use net::TcpListener;
#[cfg(all(feature = "server", feature = "udp"))]
pub use net::UdpListener;
#[cfg(feature = "at-client")]
pub use net::{AtClient, AtWriter, Module};
pub use net::{SocketPhase, TcpConnection, TcpReader, TcpWriter, Timed};
#[cfg(feature = "udp")]
pub use net::{UdpService, UdpSocket};
pub use runner::{ControlLines, Reset, RunError, Runner};
pub use stack::{Buffers, Resources, Stack, new, with_buffers};
