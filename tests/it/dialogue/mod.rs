//! Exact conversations: every line that goes out, every line that comes in.

mod access_modes;
mod services;
mod sockets;
