//! The wire language: commands, responses and URCs as bytes.

mod answers;
mod commands;
pub mod forms;
mod random;
mod stock_client;
mod urcs;
