//! Parts of the table that not every program needs.
//!
//! The table has them behind a reference, which the first use sets. What a program never uses, nothing in it refers to, and
//! it is linked without.

use super::at::UserPart;
use super::datagram::DatagramPart;
use super::listen::ListenPart;
use super::lookup::LookupPart;
use super::mode::ModePart;
use super::stream::StreamPart;

/// The parts in use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// Access modes other than the buffer mode.
    pub(super) modes: Option<&'static dyn ModePart>,
    /// Transparent access mode.
    pub(super) streams: Option<&'static dyn StreamPart>,
    /// Connections that the module accepts.
    pub(super) listen: Option<&'static dyn ListenPart>,
    /// Name lookups.
    pub(super) lookup: Option<&'static dyn LookupPart>,
    /// Commands of the user's own.
    pub(super) user: Option<&'static dyn UserPart>,
    /// Sockets that carry datagrams.
    pub(super) datagrams: Option<&'static dyn DatagramPart>,
}

impl Parts {
    pub(super) const NONE: Self = Self {
        modes: None,
        streams: None,
        listen: None,
        lookup: None,
        user: None,
        datagrams: None,
    };
}
