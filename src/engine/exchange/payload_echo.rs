//! What is known of the echo of payload.

/// Whether the module echoes payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadEcho {
    Off,
    /// Not known yet: the first payload that begins neither with a line end nor with a blank shows it.
    Unknown,
    On,
}

/// How much of its payload the module has echoed (AT+QISDE).
#[derive(Debug)]
pub(crate) struct EchoProgress {
    /// Bytes.
    pub(crate) count: u16,
    /// All of these were blanks, so that they may have been the blank after the prompt.
    pub(crate) only_blanks: bool,
    /// A line has begun or ended since the prompt.
    pub(crate) line_seen: bool,
}
