//! The board: all that has to be written anew for another one.
//!
//! An application asks for three things, of which a HAL brings the first two ready-made:
//!
//! * [`uart::Rx`] and [`uart::Tx`], `embedded_io_async::{Read, Write}` over the UART that leads to the module. The receiver
//!   is filled by an interrupt, so that nothing is lost while the program does something else.
//! * A clock for `embassy-time`. It is linked by its being there; there is nothing to call ([`clock`]).
//! * A way to say how it went. A board has a log for that; here it is QEMU's semihosting ([`report`]).
//!
//! There are two boards to choose from: QEMU's `lm3s6965evb`, and with the feature `mps2` its `mps2-an385`, which has more memory.
//! They differ in one file each.

#![no_std]

pub mod clock;
#[cfg_attr(feature = "mps2", path = "mps2.rs")]
#[cfg_attr(not(feature = "mps2"), path = "lm3s6965.rs")]
mod part;
pub mod report;
pub mod uart;

/// Starts the clock and the UART, once.
pub fn start() -> (uart::Rx, uart::Tx) {
    clock::start();
    uart::start()
}
