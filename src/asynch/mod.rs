//! The `embedded-nal-async` face. It translates and decides nothing.

mod at;
mod dns;
mod handle;
mod listen;
mod tcp;
mod transparent;
mod udp;

pub(crate) use at::Turn;
pub use at::{AtClient, AtWriter};
pub(crate) use at::{Failure, carry_out};
pub(crate) use dns::{Lookup, all_of, first_of, literal};
pub use listen::{TcpListener, UdpListener};
pub use tcp::{TcpConnection, TcpReader, TcpWriter};
pub use transparent::TransparentConnection;
pub use udp::{UdpService, UdpSocket};
