//! The wire language: each AT command, information response and URC of the TCP/IP application note as a type, derived with
//! atat.
//!
//! *The note* is Quectel's *LTE Standard TCP/IP Application Note* V1.1. "(2.1.8)" is a section of it, and "quirk 30" an
//! entry of `docs/quirks.md`, which lists what modules do beyond the note. `docs/commands.md` lists all forms of all
//! commands with their types and limits.
//!
//! * A command implements [`atat::AtatCmd`]. Its fields accept only values that the note allows, so that it can be sent once
//!   it exists, and text from the user cannot contain a CR, LF or quote that would end it early.
//! * A response type reads **one information response**, which is one line, without its line end. [`Lines`] is for commands
//!   that are answered by any number of lines.
//! * [`Urc`] reads the lines that the module sends without being asked.
//! * All types work with any client of atat. Response types can also be the responses of commands that you derive with atat,
//!   and ids, numbers, texts, addresses and enums their arguments.
//!
//! A buffer of [`MAX_COMMAND_LENGTH`] bytes is enough to write any command but [`SendHex`], which needs
//! [`SendHex::MAX_LENGTH`]. If the buffer is too short, the command in it is not complete, and `write` returns the length
//! that is needed.
//!
//! ```
//! use atat::AtatCmd;
//! use quectel_nal::at::{
//!     ConnectId, Indication, MAX_COMMAND_LENGTH, ReadData, ReadHeader, ReadLength, Urc,
//! };
//!
//! let connect_id = ConnectId::new(0).unwrap();
//! let urc = Urc::parse(b"+QIURC: \"closed\",0");
//! assert_eq!(urc, Some(Urc::Indication(Indication::Closed(connect_id))));
//!
//! let read = ReadData { connect_id, length: Some(ReadLength::nearest(2048)) };
//! let mut buffer = [0; MAX_COMMAND_LENGTH];
//! let length = read.write(&mut buffer);
//! assert_eq!(&buffer[..length], b"AT+QIRD=0,1500\r");
//!
//! let header: ReadHeader = read.parse(Ok(b"+QIRD: 5")).unwrap();
//! assert_eq!(header.length, 5);
//! ```
//!
//! [`atat::AtatCmd::MAX_TIMEOUT_MS`] is the maximum time of the note to the final result code. Where the note has none for a
//! command it is 60 s, after which the note considers the module dead. Commands that are not in the note, and that the
//! module answers without the network, have 5 s unless stated otherwise.

mod access_mode;
mod atat;
mod context;
mod deserializer;
mod device;
mod dns;
mod errors;
mod fields;
mod network;
mod ntp;
mod ping;
mod power;
mod prefix;
mod receive;
mod response;
mod result_code;
mod send;
mod serializer;
mod settings;
mod sim;
mod socket;
mod tables;
mod urc;

pub use access_mode::*;
pub use context::*;
pub use device::*;
pub use dns::*;
pub use errors::*;
pub use fields::{
    Address, Clipped, ConnectId, ContextAddresses, ContextId, Host, HostName, Identifier, Ignored,
    InvalidText, LastText, OutOfRange, Peer, ShownAddress, Switch, Text, Within, format_address,
    parse_address,
};
pub use network::*;
pub use ntp::*;
pub use ping::*;
pub use power::*;
pub use receive::*;
pub use response::{AnswerText, Lines, NoResponse};
pub use send::*;
pub use settings::*;
pub use sim::*;
pub use socket::*;
pub use urc::{
    FunctionalityChanged, Incoming, Indication, NoticedLength, Opened, Received, StatusText, Urc,
};

pub(crate) use deserializer::{Fields, read, trim};
#[cfg(not(feature = "udp"))]
pub(crate) use fields::NotRead;
#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
pub(crate) use fields::address_of;
pub(crate) use prefix::Prefix;
pub(crate) use result_code::ResultCode;
pub(crate) use urc::IndicationType;

/// The maximum length in bytes of all commands but [`SendHex`], CR included.
pub const MAX_COMMAND_LENGTH: usize = 384;
