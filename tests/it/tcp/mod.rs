//! TCP connections in buffer access mode.

mod dialogue;
mod transfers;
