//! Bring-up of the link, its loss, and its return.

mod dialogue;
mod modem;
