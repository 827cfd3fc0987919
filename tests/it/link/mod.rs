//! Bring-up of the link, its loss, and its return.

mod control;
mod dialogue;
mod modem;
mod sequences;
mod sleep;
