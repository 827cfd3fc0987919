//! What a line of the module turned out to be.

use crate::engine::sockets::key::Key;

/// The kind of a line, as far as the digester and the runner have to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// The engine has dealt with it: an information response, a URC, an echo, a blank line.
    Handled,
    /// The final result code of the transaction in flight.
    Final,
    /// A header: these payload bytes follow.
    Header(Payload),
    /// `CONNECT`: a final result code, and everything after its line end is data.
    #[cfg(feature = "transparent")]
    Connected,
    /// A line that is not part of the stack's language.
    Foreign,
}

/// Payload bytes that follow a header, and the socket that they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    /// `None`: no socket. The bytes are counted and dropped.
    pub(crate) sink: Option<Key>,
    /// Bytes still to come.
    pub(crate) length: u16,
    /// The module sends it unasked, so that the ring may have no room for it.
    pub(crate) pushed: bool,
}

impl Payload {
    pub(crate) const NONE: Self = Self {
        sink: None,
        length: 0,
        pushed: false,
    };

    /// Whether the module sends it unasked. Firmware without that access mode does not contain what is about it.
    pub(crate) const fn is_pushed(&self) -> bool {
        cfg!(feature = "push") && self.pushed
    }
}
