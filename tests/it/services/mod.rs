//! Services of the module: ping, time, name servers, settings.

mod dialogue;
mod ping;
mod settings;
mod status;
mod time;
