//! The `embedded-nal-async` face. It translates and decides nothing.

mod at_client;
mod dns;
#[cfg(feature = "edge-nal")]
mod edge_nal;
mod handle;
mod listener;
mod tcp;
mod tools;
mod transparent;
mod udp;

pub(crate) use at_client::Turn;
pub use at_client::{AtClient, AtWriter};
pub(crate) use at_client::{Failure, carry_out};
pub(crate) use dns::{Lookup, all_of, first_of, literal};
pub use listener::{TcpListener, UdpListener};
pub use tcp::{TcpConnection, TcpReader, TcpWriter};
pub use tools::Pinging;
pub use transparent::TransparentConnection;
pub use udp::{UdpService, UdpSocket};
