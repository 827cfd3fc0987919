//! The name of a socket inside the stack.

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
