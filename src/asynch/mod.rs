//! The `embedded-nal-async` face. It translates and decides nothing.

mod dns;
mod handle;
mod listen;
mod tcp;
mod udp;

pub(crate) use dns::Lookup;
pub use listen::{TcpListener, UdpListener};
pub use tcp::{TcpConnection, TcpReader, TcpWriter};
pub use udp::{UdpService, UdpSocket};
