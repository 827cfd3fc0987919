//! A number for a state: equal for two states that behave alike from now on.

use core::fmt::{self, Debug, Write};
use core::hash::Hasher;
use std::hash::DefaultHasher;

use embassy_time::Instant;

/// Numbers and texts that say nothing about what happens next.
const IRRELEVANT: [&str; 3] = ["Counters", "Config", "Waker"];

/// Hashes what `Debug` writes. Instants count from now on, those that have passed are all the same, except where something
/// began; counters and the configuration are left out.
pub(super) struct Fingerprint {
    hasher: DefaultHasher,
    now: u64,
    depth: usize,
    /// The depth at which something irrelevant began.
    skipped_from: Option<usize>,
    /// The name that was written last, and that of the field before an instant.
    is_instant: bool,
    is_ticks: bool,
    is_beginning: bool,
    is_epoch: bool,
}

impl Fingerprint {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            hasher: DefaultHasher::new(),
            now: now.as_ticks(),
            depth: 0,
            skipped_from: None,
            is_instant: false,
            is_ticks: false,
            is_beginning: false,
            is_epoch: false,
        }
    }

    pub(super) fn add(&mut self, state: &impl Debug) {
        write!(self, "{state:?}").expect("a hasher takes everything");
    }

    pub(super) fn finish(&self) -> u64 {
        self.hasher.finish()
    }

    /// The time from now on, or none.
    fn relative(&self, ticks: u64) -> u64 {
        match ticks.checked_sub(self.now) {
            _ if ticks == u64::MAX => ticks,
            Some(later) => later,
            None if self.is_beginning && ticks > 0 => u64::MAX - (self.now - ticks),
            None => 0,
        }
    }
}

impl Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text {
            " { " | "(" | "[" | "{" => self.depth += 1,
            " }" | ")" | "]" | "}" => {
                self.depth -= 1;
                if self.skipped_from == Some(self.depth) {
                    self.skipped_from = None;
                }
            }
            _ if self.skipped_from.is_some() => {}
            _ if IRRELEVANT.contains(&text) => self.skipped_from = Some(self.depth),
            "Instant" | "Duration" => self.is_instant = text == "Instant",
            "ticks" => self.is_ticks = self.is_instant,
            "since" | "started" | "stalled_at" | "begun" => self.is_beginning = true,
            "epoch" => self.is_epoch = true,
            ": " => return Ok(()),
            _ => {
                let ticks = text.parse::<u64>().ok();
                if core::mem::take(&mut self.is_epoch) {
                    return Ok(());
                }
                if let (true, Some(ticks)) = (core::mem::take(&mut self.is_ticks), ticks) {
                    let relative = self.relative(ticks);
                    self.is_beginning = false;
                    self.hasher.write_u64(relative);
                    return Ok(());
                }
            }
        }
        if self.skipped_from.is_none() {
            self.hasher.write(text.as_bytes());
        }
        Ok(())
    }
}
