//! The rules of sockets.

#[cfg(feature = "udp")]
mod announced;
mod close;
#[cfg(feature = "udp")]
mod datagram;
mod in_place;
mod keep_alive;
#[cfg(feature = "server")]
mod listener;
mod open;
mod receive;
mod recheck;
mod send;
#[cfg(feature = "server")]
mod slots;
