//! Which occasions a fault strikes at.

use crate::fault::When;

/// Counts the occasions of a fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strikes {
    /// So many of the next occasions.
    next: u32,
    when: Option<When>,
    seen: u32,
}

impl Strikes {
    /// The next `count` occasions, or those of `when`.
    pub fn new(count: u32, when: Option<When>) -> Self {
        Strikes {
            next: if when.is_none() { count } else { 0 },
            when,
            seen: 0,
        }
    }

    /// Whether it never strikes again.
    pub fn is_spent(&self) -> bool {
        let over = match self.when {
            None => true,
            Some(When::At(number)) => self.seen >= number,
            Some(When::Every(_)) => false,
        };
        self.next == 0 && over
    }

    /// An occasion: whether the fault strikes.
    pub fn strikes(&mut self) -> bool {
        self.seen = self.seen.wrapping_add(1);
        if self.next > 0 {
            self.next -= 1;
            return true;
        }
        match self.when {
            None => false,
            Some(When::Every(number)) => self.seen.is_multiple_of(number),
            Some(When::At(number)) => self.seen == number,
        }
    }
}

/// What a fault does to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The line does not arrive.
    Swallow,
    /// It fails with this code.
    Refuse(u16),
    /// The answer is not sent.
    Mute,
    /// The module restarts behind so many bytes of the answer.
    RestartInside(usize),
}

/// A fault of single commands.
#[derive(Clone, Debug)]
pub struct OfCommand {
    pub command: String,
    pub reaction: Reaction,
    pub strikes: Strikes,
}

impl OfCommand {
    pub fn is_for(&self, command: &str) -> bool {
        self.command == command || self.command == "ALL"
    }
}

/// What a fault does to data that is read or pushed.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// These bytes are lost; without an offset those at the end.
    Lose(usize, Option<usize>),
    /// Nothing follows behind so many bytes.
    Cut(usize),
    /// A pause of so many microseconds behind so many bytes.
    Pause(u64, usize),
}
