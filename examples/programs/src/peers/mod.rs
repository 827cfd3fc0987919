//! Servers in this program, on the loopback interface.

pub mod broker;
pub mod demo;
pub mod http;
pub mod tls;
