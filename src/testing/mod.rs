//! Bodies of the fuzz targets, which also run as plain tests, and what tests have in common.

mod digester;
#[cfg_attr(not(test), allow(dead_code))]
mod explore;
mod lookups;
mod operations;
mod parsers;
#[cfg(test)]
mod tests;

pub use digester::digester;
pub(crate) use digester::feed;
pub use explore::walk;
pub use lookups::lookups;
pub use operations::operations;
pub use parsers::parsers;

use std::vec::Vec;

/// The same numbers for the same seed, everywhere (xorshift64*).
pub(crate) struct Random(u64);

#[cfg_attr(not(test), allow(dead_code))]
impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // The seeds of tests are small numbers: spread their bits.
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize * end) >> 32
    }

    /// Fewer than `end` bytes.
    pub(crate) fn bytes(&mut self, end: usize) -> Vec<u8> {
        let length = self.below(end);
        (0..length).map(|_| self.next() as u8).collect()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Names the seed of a run that fails.
#[cfg(test)]
pub(crate) fn seeded(seed: u64, run: impl FnOnce(u64) + std::panic::UnwindSafe) {
    if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
        std::eprintln!("this was seed {seed}");
        std::panic::resume_unwind(panic);
    }
}

/// Input of a fuzzer, taken as a series of choices. Zeros when it is used up.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    /// From 0 to `end - 1`; `end` is 256 at most.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// At most this many bytes, as they are.
    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
