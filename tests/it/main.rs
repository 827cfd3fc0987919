//! Tests of what the library does. `tests/README.md` says which is where.

mod blocking;
mod cancel;
mod dialogue;
mod docs;
#[cfg(feature = "edge-nal")]
mod edge_nal;
mod faces;
mod faults;
mod link;
mod losses;
mod modes;
mod own_commands;
mod own_urcs;
mod pair;
mod server;
mod soup;
mod udp;
mod wire;
