//! The `embedded-nal-async` face. It translates and decides nothing.

mod dns;
mod tcp;

pub(crate) use dns::Lookup;
pub use tcp::{TcpConnection, TcpReader, TcpWriter};
