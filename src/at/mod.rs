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
//! use quectel_nal::at::{ConnectId, MAX_COMMAND_LENGTH, ReadData, ReadHeader, ReadLength, Urc};
//!
//! let connect_id = ConnectId::new(0).unwrap();
//! let notice = Urc::parse(b"+QIURC: \"recv\",0");
//! assert!(matches!(notice, Some(Urc::Received { connect_id: id, .. }) if id == connect_id));
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

mod address;
mod basic;
mod clipped;
mod context;
mod dns;
mod error_code;
mod failure;
mod field;
mod identity;
mod ids;
mod name;
mod network;
mod number;
mod open;
mod parameters;
mod ping;
mod read;
mod response;
mod send;
mod sendinfo;
mod setting_answer;
mod settings;
mod sim;
mod state;
mod text;
mod time;
mod urc;
mod writer;

pub use address::{Address, Host, HostName, format_address, parse_address};
pub use basic::*;
pub use clipped::Clipped;
pub use context::*;
pub use dns::*;
pub use error_code::ErrorCode;
pub use failure::Failure;
pub use identity::*;
pub use ids::{ConnectId, ContextId};
pub use network::*;
pub use number::{OutOfRange, Within};
pub use open::*;
pub use parameters::*;
pub use ping::*;
pub use read::*;
pub use response::{AnswerText, Lines, NoResponse};
pub use send::*;
pub use sendinfo::*;
pub use setting_answer::SettingAnswer;
pub use settings::*;
pub use sim::*;
pub use state::*;
pub use text::{InvalidText, Text};
pub use time::*;
pub use urc::Urc;

pub(crate) use address::{Remote, Sender, address_of, pair};
pub(crate) use context::ContextLine;
pub(crate) use field::{Fields, digits, place, read, trim};
pub(crate) use name::Name;
pub(crate) use urc::{IncomingPeer, Resolved, UrcKind};

/// Bytes that any command but [`SendHex`] needs at most when it is written, CR included.
pub const MAX_COMMAND_LENGTH: usize = 384;
