//! The `embedded-nal-async` and `edge-nal` traits, and the methods of [`Stack`](crate::Stack) that open sockets or send
//! commands. Everything in here translates calls to operations of the engine.

#[cfg(feature = "at-client")]
mod at_client;
mod byte_stream;
#[cfg(feature = "at-client")]
mod command_slot;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "edge-nal")]
mod edge_nal;
#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
mod host;
mod inherent;
#[cfg(feature = "link-control")]
mod link;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "at-client")]
mod module;
mod socket;
mod tcp;
mod timed;
#[cfg(feature = "udp")]
mod udp;

#[cfg(feature = "at-client")]
pub use at_client::{AtClient, AtWriter};
#[cfg(feature = "dns")]
pub(crate) use dns::first_of;
#[cfg(feature = "dns")]
pub(crate) use host::literal;
#[cfg(feature = "link-control")]
pub use link::LinkChanges;
#[cfg(feature = "server")]
pub use listener::TcpListener;
#[cfg(all(feature = "server", feature = "udp"))]
pub use listener::UdpListener;
#[cfg(feature = "at-client")]
pub use module::Module;
#[cfg(feature = "ping")]
pub use module::ping::Pinging;
pub(crate) use socket::Socket;
pub use socket::SocketPhase;
pub use tcp::{TcpConnection, TcpReader, TcpWriter};
pub use timed::Timed;
#[cfg(feature = "udp")]
pub use udp::{UdpService, UdpSocket};

#[cfg(all(
    test,
    feature = "udp",
    feature = "server",
    feature = "dns",
    feature = "ping",
    feature = "ntp"
))]
mod tests;
