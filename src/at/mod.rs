//! The wire language: every AT command, response and URC of the TCP/IP application note as a type.
//!
//! *The note* is Quectel's *LTE Standard TCP/IP Application Note* V1.1; section numbers in this
//! module are its. `docs/commands.md` lists every form with its type and its limits.
//!
//! * A command implements [`atat::AtatCmd`]. Its fields only take values that the note allows, so
//!   a command that exists can be sent, and nothing a user supplies can end it early.
//! * A response type parses **one information line**, without its line end. Commands answered by any
//!   number of lines use [`Lines`].
//! * [`Urc::parse`] recognises the lines that come unasked.
//! * Response types are the answers of commands that a user has atat derive, too, and ids, numbers
//!   within a range, texts, addresses and enums their arguments.
//!
//! A command's `write` needs a buffer of [`MAX_COMMAND_LENGTH`] bytes at most; only [`SendHex`]
//! needs more, [`SendHex::MAX_LENGTH`]. In a smaller one the command is not complete, and what `write`
//! says is how many bytes it would need.
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
//! The longest time that the note gives a module to answer is the command's
//! [`atat::AtatCmd::MAX_TIMEOUT_MS`]. Where the note gives none for the command it is 60 s, after
//! which the note takes the module for dead. Commands from outside the note are answered by the
//! module alone and get 5 s unless they say otherwise.

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
mod prefix;
mod receive;
mod response;
mod result_code;
mod send;
mod serializer;
mod settings;
mod sim;
mod socket;
mod urc;

pub use access_mode::*;
pub use context::*;
pub use device::*;
pub use dns::*;
pub use errors::*;
pub use fields::{
    Address, Clipped, ConnectId, ContextAddresses, ContextId, Host, HostName, Ignored, InvalidText,
    LastText, OutOfRange, Peer, Sender, ShownAddress, Switch, Text, Within, format_address,
    parse_address,
};
pub use network::*;
pub use ntp::*;
pub use ping::*;
pub use receive::*;
pub use response::{AnswerText, Lines, NoResponse};
pub use send::*;
pub use settings::*;
pub use sim::*;
pub use socket::*;
pub use urc::{FunctionalityChanged, Incoming, Indication, Opened, PowerSaving, Received, Urc};

pub(crate) use deserializer::{Fields, read, trim};
#[cfg(not(feature = "udp"))]
pub(crate) use fields::NotRead;
#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
pub(crate) use fields::address_of;
pub(crate) use prefix::Prefix;
pub(crate) use result_code::ResultCode;
pub(crate) use urc::IndicationType;

/// Bytes that any command but [`SendHex`] needs at most when it is written, CR included.
pub const MAX_COMMAND_LENGTH: usize = 384;
