//! What a user of the world has: a handle, and what its tasks wait for.

use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use std::boxed::Box;
use std::vec::Vec;

use crate::engine::{AtResult, Key};
use crate::error::Error;

/// What a handle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    /// In direct push access mode.
    Push,
    Udp,
    Listener,
    /// A connection of a listener.
    Accepted,
    /// Its user waits for what the peer acknowledges, in place of what the module accepts.
    Acknowledged,
    /// In transparent access mode.
    Transparent,
    /// No socket: a name is looked up.
    Lookup,
    /// No socket: a command of the user. Every second one is answered by a prompt for payload.
    Command,
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Slot,
    Connect,
    Read,
    Write,
    Flush,
    Mode,
    Close,
}

/// A socket as its user has it.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) kind: Kind,
    pub(super) key: Option<Key>,
    /// Of a lookup, or the owner of a command.
    pub(super) ticket: Option<u32>,
    /// What its one task waits for, and whether another one reads, or accepts connections.
    pub(super) call: Option<Call>,
    pub(super) reads: bool,
    pub(super) is_connected: bool,
    pub(super) is_closing: bool,
    /// The user has dropped it.
    pub(super) is_gone: bool,
    pub(super) written: u8,
    pub(super) received: u8,
    /// The end of the stream, or an error, was told: there is nothing to read any more.
    pub(super) is_over: bool,
    pub(super) failed: Option<Error>,
}

impl Handle {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            key: None,
            ticket: None,
            call: Some(Call::Slot),
            reads: false,
            is_connected: false,
            is_closing: false,
            is_gone: false,
            written: 0,
            received: 0,
            is_over: false,
            failed: None,
        }
    }
}

/// What a future has come to.
pub(super) enum Told {
    Slot(Result<Key, Error>),
    Done(Result<(), Error>),
    Data(Result<Vec<u8>, Error>),
    Accepted(Result<(Key, Option<SocketAddr>), Error>),
    Ticket(Result<u32, Error>),
    Address(Result<IpAddr, Error>),
    Answer(AtResult, Vec<u8>),
}

/// A future that a task polls.
pub(super) type Work<'d> = Pin<Box<dyn Future<Output = Told> + 'd>>;
