//! The rules of access modes.

mod push;
#[cfg(feature = "transparent")]
mod transparent;
