//! The engine: what every socket is doing, and which AT transaction comes next.
//!
//! Pure state. Nothing in here does I/O, awaits, or reads a clock, so that every race between the module, the network and the
//! users can be written down as a test. One file or directory for each subject, with its state and its rules:
//!
//! * [`exchange`]: the AT transaction in flight;
//! * [`link`]: bring-up and supervision;
//! * [`sockets`]: one slot each, opening and closing, receiving, sending, datagrams, listeners;
//! * [`access_mode`]: direct push and transparent access mode;
//! * [`dns`], [`services`], [`user_command`]; [`ids`]: the connectIDs.
//!
//! [`state`] holds them together. Its methods are sorted by where they are called from: [`input`] and [`urc`] take lines,
//! [`payload`] and [`pushed`] take data ([`incoming`] is the payload that is coming), [`scheduler`] chooses and begins a
//! transaction, [`finish`] ends it and applies its effects, [`user_calls`] and [`in_place`] serve the users, [`control`] those that
//! turn the link off, [`runner_calls`] and [`data_line`] the runner; [`mailbox`] keeps what has to wait while the engine is in use.
//!
//! Functions with many callers are marked `#[inline(never)]`. Together that saves 1,308 bytes of flash with TCP only, and 1,996 with
//! DNS, UDP and resets (thumbv7m, opt-level `s`, of 50,840 and 59,060). So are large functions with one caller, which would share its
//! registers: that saves 596 and 624 (of 56,616 and 65,840).
//!
//! Quirk numbers in comments refer to `docs/quirks.md`; section numbers like 2.1.4 to the note.

#[cfg(feature = "push")]
mod access_mode;
#[cfg(feature = "link-control")]
mod control;
#[cfg(feature = "transparent")]
mod data_line;
#[cfg(feature = "dns")]
mod dns;
mod effect;
pub(crate) mod environment;
mod exchange;
mod finish;
mod ids;
mod in_place;
mod incoming;
mod input;
mod line;
mod link;
pub(crate) mod mailbox;
mod payload;
#[cfg(feature = "push")]
mod pushed;
mod refusal;
mod round;
mod runner_calls;
mod scheduler;
mod services;
pub(crate) mod shared;
mod sockets;
mod state;
mod statistics;
mod urc;
mod user_calls;
#[cfg(feature = "at-client")]
mod user_command;
pub(crate) mod wakes;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod rig;
#[cfg(test)]
pub(crate) mod tests;

#[cfg(feature = "dns")]
pub use dns::Addresses;
#[cfg(any(test, fuzzing))]
pub(crate) use exchange::job::Domain;
pub(crate) use exchange::job::{Action, ESCAPE_GUARD, Escape, Job, PAYLOAD_PIECE};
pub(crate) use exchange::outcome::Reason;
#[cfg(any(test, fuzzing))]
pub(crate) use exchange::payload_echo::PayloadEcho;
pub(crate) use line::LineKind;
pub(crate) use link::{Attempt, Wiring};
pub use link::{LinkMode, LinkState};
pub(crate) use services::deferred::{Deferred, QueryId};
#[cfg(feature = "ping")]
pub use services::ping::{PingReply, PingSummary};
#[cfg(feature = "keep-alive")]
pub(crate) use sockets::keep_alive::Probing;
pub(crate) use sockets::key::{Key, SlotSet};
pub(crate) use sockets::request::Request;
#[cfg(any(feature = "server", feature = "udp"))]
pub(crate) use sockets::request::UNKNOWN_PEER;
#[cfg(feature = "udp")]
pub(crate) use sockets::request::check_peer;
#[cfg(all(feature = "edge-nal", feature = "server"))]
pub(crate) use sockets::request::specified;
pub(crate) use sockets::slot::{Phase, Slot};
pub(crate) use state::Engine;
pub(crate) use statistics::Counters;
pub use statistics::Statistics;
#[cfg(feature = "at-client")]
pub(crate) use user_command::{AtResult, Options};
pub(crate) use wakes::{Queue, WakeSet};
