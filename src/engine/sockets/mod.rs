//! The sockets of the stack.

mod claim;
pub(crate) mod datagram;
pub(crate) mod listener;
pub(crate) mod request;
pub(crate) mod slot;
mod transfer;
pub(crate) mod turn;
