//! Bodies of fuzz targets on the public faces: what users do, how the module misbehaves and what peers send is taken from the
//! input. All of them run under virtual time. The tests in `tests/it/faults/fuzzed.rs` run them with fixed seeds.
//!
//! What holds in each of them: delivered bytes are those that were sent, in order, and an end of stream is no early one; a
//! datagram is one that was sent, whole; every call ends; no task is woken all the time.

mod blocking;
mod choices;
mod runner;
mod sockets;

pub use blocking::blocking;
pub use runner::runner;
pub use sockets::{commands, datagrams, listeners, push, streams, transparent};
