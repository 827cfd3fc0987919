//! Tests of what the library does. `tests/README.md` says which is where.

mod access_mode;
mod blocking;
mod cancel;
mod dns;
mod docs;
#[cfg(feature = "edge-nal")]
mod edge_nal;
mod faults;
mod link;
mod listener;
mod losses;
mod services;
mod slots;
mod tcp;
mod threads;
mod udp;
mod user_command;
mod user_urc;
mod wire;
