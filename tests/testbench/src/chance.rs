//! Tests at random, each with a seed that a failure prints.

use core::cell::Cell;
use core::ops::Range;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A small generator of its own, so that a seed means the same for ever.
pub struct Dice(Cell<u64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// From 0 to `sides - 1`.
    pub fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        (state >> 16) % sides
    }

    pub fn byte(&self) -> u8 {
        self.roll(256) as u8
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }

    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.roll(choices.len() as u64) as usize]
    }

    /// As many as the range says.
    pub fn several<T>(&self, count: Range<u64>, each: impl Fn() -> T) -> Vec<T> {
        let count = count.start + self.roll(count.end - count.start);
        (0..count).map(|_| each()).collect()
    }

    pub fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most))
    }

    pub fn percent(&self, most: u64) -> f64 {
        self.roll(most) as f64 / 100.0
    }
}

/// Runs a test with each of the usual seeds, or with those that this variable of the environment names as `from..to`.
pub fn each_seed(variable: &str, usual: Range<u64>, test: impl Fn(u64)) {
    let seeds = match std::env::var(variable) {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("from..to");
            from.parse().unwrap()..to.parse().unwrap()
        }
        Err(_) => usual,
    };
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            eprintln!("this was seed {seed}: {variable}={seed}..{}", seed + 1);
            resume_unwind(panic);
        }
    }
}
