//! Parts of the table that not every program needs.
//!
//! The table has them behind a reference, which the first use sets. What a program never uses, nothing in it refers to, and
//! it is linked without.

use crate::engine::access_mode::ModePart;
use crate::engine::access_mode::transparent::StreamPart;
use crate::engine::dns::LookupPart;
use crate::engine::sockets::datagram::DatagramPart;
use crate::engine::sockets::listener::ListenPart;
use crate::engine::user_command::UserPart;

/// The parts in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// Access modes other than the buffer mode.
    pub(crate) modes: Option<&'static dyn ModePart>,
    /// Transparent access mode.
    pub(crate) streams: Option<&'static dyn StreamPart>,
    /// Connections that the module accepts.
    pub(crate) listen: Option<&'static dyn ListenPart>,
    /// Name lookups.
    pub(crate) lookup: Option<&'static dyn LookupPart>,
    /// Commands of the user's own.
    pub(crate) user: Option<&'static dyn UserPart>,
    /// Sockets that carry datagrams.
    pub(crate) datagrams: Option<&'static dyn DatagramPart>,
}

impl Parts {
    pub(crate) const NONE: Self = Self {
        modes: None,
        streams: None,
        listen: None,
        lookup: None,
        user: None,
        datagrams: None,
    };
}
