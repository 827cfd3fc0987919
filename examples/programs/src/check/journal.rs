//! All bytes that pass, with their times.

use embassy_time::Instant;

/// The two directions of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToModule,
    FromModule,
}

/// Bytes of one direction. What the module sends is cut at line ends only, so that no number is split.
#[derive(Debug)]
pub struct Entry {
    /// Milliseconds from the start to the first byte.
    pub at: u64,
    pub direction: Direction,
    pub bytes: Vec<u8>,
}

/// What has passed so far.
#[derive(Debug)]
pub struct Journal {
    start: Instant,
    last: Instant,
    pub entries: Vec<Entry>,
}

/// A pause of this length, in milliseconds, begins a new entry.
const PAUSE: u64 = 20;
/// The longest entry, about.
const LONGEST: usize = 2048;

impl Journal {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            last: now,
            entries: Vec::new(),
        }
    }

    pub fn add(&mut self, direction: Direction, bytes: &[u8]) {
        let now = Instant::now();
        let pause = (now - self.last).as_millis();
        self.last = now;
        if let Some(entry) = self.entries.last_mut() {
            let is_cut = entry.bytes.ends_with(b"\n") && pause >= PAUSE;
            let goes_on = direction == Direction::FromModule && !is_cut;
            if entry.direction == direction && goes_on && entry.bytes.len() < LONGEST {
                entry.bytes.extend(bytes);
                return;
            }
        }
        self.entries.push(Entry {
            at: (now - self.start).as_millis(),
            direction,
            bytes: bytes.into(),
        });
    }
}
