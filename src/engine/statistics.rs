//! What is counted.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use crate::util::log::warning;

macro_rules! statistics {
    ($($(#[$doc:meta])+ $name:ident)+) => {
        /// Counters since `new`. Each wraps at `u32::MAX`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub struct Statistics {
            $($(#[$doc])+ pub $name: u32,)+
        }

        /// The counters themselves. They can be read while the engine is in use.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        impl Counters {
            pub(crate) const fn new() -> Self {
                Self {
                    $($name: Counter(AtomicU32::new(0)),)+
                }
            }

            /// The user's URC channel had no room for a line.
            pub(crate) fn dropped_urc(&self) {
                count_loss("dropped URCs", &self.dropped_urcs, 1);
            }

            pub(crate) fn statistics(&self) -> Statistics {
                Statistics {
                    $($name: self.$name.get(),)+
                }
            }
        }
    };
}

statistics! {
    /// AT transactions that were started.
    transactions
    /// URCs about sockets and lookups (`+QIURC`). If there is none although lookups time out and data is late, the module sends them
    /// to another port: see [`Config::urc_port`](crate::Config::urc_port).
    urcs
    /// Final results that no command was waiting for.
    late_results
    /// Lines that are not part of this crate's language and no answer to a command in flight.
    foreign_lines
    /// URCs of the user's own type that the channel had no room for.
    dropped_urcs
    /// Bytes of lines too long to be kept.
    skipped_bytes
    /// Payload bytes that no socket takes: the socket was closed, or a read was given up.
    dropped_bytes
    /// Errors that the UART driver reported while receiving; each may have cost bytes.
    serial_errors
    /// Datagrams that were dropped whole, because the receive ring had no room, their bytes did not come, or the module refused to
    /// send them.
    dropped_datagrams
    /// Ping replies that were dropped because the user had not fetched earlier ones.
    dropped_replies
    /// Connections to a listener that were closed or refused, because there was no slot or no room in the module, or because
    /// another socket needed the slot before they were accepted.
    refused_connections
    /// Times the link went down after it had been up.
    link_losses
}

/// Counts up. Only the engine does: loads and stores are enough.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU32);

impl Counter {
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// Adds to a counter of something that is lost.
pub(super) fn count_loss(what: &str, counter: &Counter, more: u32) {
    warning!("{}: {} more", what, more);
    count(counter, more);
}

/// Adds to a counter.
pub(super) fn count(counter: &Counter, more: u32) {
    counter.0.store(counter.get().wrapping_add(more), Relaxed);
}
