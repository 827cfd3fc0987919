//! What is counted.

use crate::util::log::warning;

/// Counters since `new`. Each wraps at `u32::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Statistics {
    /// AT transactions that were started.
    pub transactions: u32,
    /// Final results that no command was waiting for.
    pub late_results: u32,
    /// Lines that are not part of this crate's language and no answer to a command in flight.
    pub foreign_lines: u32,
    /// URCs of the user's own type that the channel had no room for.
    pub dropped_urcs: u32,
    /// Bytes of lines too long to be kept.
    pub skipped_bytes: u32,
    /// Payload bytes that no socket takes: the socket was closed, or a read was given up.
    pub dropped_bytes: u32,
    /// Errors that the UART driver reported while receiving; each may have cost bytes.
    pub serial_errors: u32,
    /// Datagrams that were dropped whole, because the receive ring had no room, their bytes did not come, or the module refused to
    /// send them.
    pub dropped_datagrams: u32,
    /// Ping replies that were dropped because the user had not fetched earlier ones.
    pub dropped_replies: u32,
    /// Connections to a listener that were closed or refused, because there was no slot or no room in the module, or because
    /// another socket needed the slot before they were accepted.
    pub refused_connections: u32,
    /// Times the link went down after it had been up.
    pub link_losses: u32,
}

/// Adds to a counter of something that is lost.
pub(super) fn count_loss(what: &str, counter: &mut u32, more: u32) {
    warning!("{}: {} more", what, more);
    count(counter, more);
}

/// Adds to a counter.
pub(super) const fn count(counter: &mut u32, more: u32) {
    *counter = counter.wrapping_add(more);
}
