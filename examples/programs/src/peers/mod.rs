//! Servers in this program, on the loopback interface.

pub mod broker;
pub mod demo;
pub mod tls;
