//! The name of a socket inside the stack, and sets of slots.

use core::ops::Range;

/// Names one use of one slot. A slot that is freed and taken again has another generation, so that what belongs to its former
/// use finds no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Key {
    index: u8,
    generation: u16,
}

impl Key {
    /// The first use of a slot.
    pub(crate) const fn first(index: u8) -> Self {
        Self {
            index,
            generation: 0,
        }
    }

    /// A certain use of a slot.
    #[cfg(test)]
    pub(crate) const fn new(index: u8, generation: u16) -> Self {
        Self { index, generation }
    }

    pub(crate) const fn index(self) -> usize {
        self.index as usize
    }

    /// The next use of the same slot.
    pub(crate) const fn next(self) -> Self {
        Self {
            index: self.index,
            generation: self.generation.wrapping_add(1),
        }
    }
}

/// A set of slots, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotSet(u16);

impl SlotSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self(u16::MAX);

    pub(crate) const fn contains(self, key: Key) -> bool {
        self.0 & (1 << key.index) != 0
    }

    pub(crate) const fn insert(&mut self, index: u8) {
        self.0 |= 1 << index;
    }

    /// All slots that are not in the set.
    pub(crate) const fn others(self) -> Self {
        Self(!self.0)
    }

    /// The slots of the set whose indexes are in this range.
    pub(crate) const fn within(self, indexes: Range<usize>) -> Self {
        Self(self.0 & Self::below(indexes.end).0 & !Self::below(indexes.start).0)
    }

    const fn below(index: usize) -> Self {
        if index >= u16::BITS as usize {
            Self::ALL
        } else {
            Self((1 << index) - 1)
        }
    }
}
