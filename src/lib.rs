//! The TCP/IP stack inside Quectel LTE modules as a drop-in network stack.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod command;
