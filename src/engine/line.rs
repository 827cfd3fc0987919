//! What a line of the module turned out to be.

/// The kind of a line, as far as the digester and the runner have to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// The engine has dealt with it: an information response, a URC, an echo, a blank line.
    Handled,
    /// The final result code of the transaction in flight.
    Final,
    /// A header: payload follows ([`Incoming`](super::incoming::Incoming)).
    Header,
    /// `CONNECT`: a final result code, and everything after its line end is data.
    #[cfg(feature = "transparent")]
    Connected,
    /// A line that is not part of the stack's language.
    Foreign,
}
