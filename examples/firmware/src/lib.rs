//! What the firmwares share, on any board: a checksum, the end of an HTTP head, and the panic handler.

#![no_std]

use core::fmt::Write as _;

use board::report::{self, Output};

/// The CRC-32 of Ethernet and zip over received bytes, to compare with what the server has sent.
#[derive(Debug, Clone, Copy)]
pub struct Checksum {
    remainder: u32,
    length: usize,
}

impl Default for Checksum {
    fn default() -> Self {
        Self {
            remainder: u32::MAX,
            length: 0,
        }
    }
}

impl Checksum {
    /// Adds these bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        for byte in bytes {
            self.remainder ^= u32::from(*byte);
            for _ in 0..8 {
                let carry = self.remainder & 1;
                self.remainder = (self.remainder >> 1) ^ (carry.wrapping_neg() & 0xedb8_8320);
            }
        }
    }
}

impl core::fmt::Display for Checksum {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { remainder, length } = *self;
        write!(f, "{length} bytes, checksum {:08x}", !remainder)
    }
}

/// Returns the index at which the body of an HTTP response begins. `seen` counts the bytes of the blank line before it that earlier calls
/// have found.
pub fn end_of_head(bytes: &[u8], seen: &mut usize) -> usize {
    const BLANK_LINE: &[u8] = b"\r\n\r\n";
    for (index, byte) in bytes.iter().enumerate() {
        match BLANK_LINE.get(*seen) {
            None => return index,
            Some(wanted) if wanted == byte => *seen += 1,
            Some(_) => *seen = usize::from(*byte == b'\r'),
        }
    }
    bytes.len()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Output, "{info}");
    report::exit(101)
}
