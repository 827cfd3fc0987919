#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(any(test, fuzzing))]
extern crate std;
// Its time driver is linked into the tests.
#[cfg(test)]
extern crate virtual_modem as _;

mod asynch;
pub mod blocking;
pub mod command;
mod config;
mod digest;
#[cfg(feature = "edge-nal")]
mod edge;
mod error;
mod fmt;
mod ring;
mod runner;
mod socket;
mod stack;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod testing;
mod tools;

pub use asynch::{
    AtClient, AtWriter, TcpConnection, TcpListener, TcpReader, TcpWriter, UdpListener, UdpService,
    UdpSocket,
};
pub use config::Config;
pub use error::{Error, LinkError};
pub use runner::{RunError, Runner};
pub use socket::{Addresses, LinkState, PingReply, PingSummary, Statistics};
pub use stack::{Resources, Stack, new};
pub use tools::Pinging;
