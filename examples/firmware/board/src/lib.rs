//! The board: everything that another board needs in a version of its own.
//!
//! An application needs three things. A HAL has the first two:
//!
//! * [`uart::Rx`] and [`uart::Tx`], which implement `embedded_io_async::{Read, Write}` on the UART that is connected to the module. An
//!   interrupt stores received bytes, so that none is lost while the program does something else.
//! * A time driver for `embassy-time` ([`clock`]). The linker finds it; the program does not call it.
//! * An output for messages ([`report`]). Here that is QEMU's semihosting; a product has a logger.
//!
//! There are two boards, QEMU's `lm3s6965evb` and, with the feature `mps2`, its `mps2-an385`, which has more memory. Each is one file.

#![no_std]
#![cfg_attr(not(feature = "clock"), allow(dead_code))]

#[cfg(feature = "clock")]
pub mod clock;
pub mod module;
#[cfg_attr(feature = "mps2", path = "mps2.rs")]
#[cfg_attr(not(feature = "mps2"), path = "lm3s6965.rs")]
mod part;
#[cfg(not(feature = "mps2"))]
pub mod pins;
pub mod report;
pub mod uart;

/// Starts the clock and the UART, once.
#[cfg(feature = "clock")]
pub fn start() -> (uart::Rx, uart::Tx) {
    clock::start();
    #[cfg(not(feature = "mps2"))]
    pins::start();
    uart::start()
}
