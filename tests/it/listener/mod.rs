//! Listeners: peers connect to the module.

mod dialogue;
mod modem;
