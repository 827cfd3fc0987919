//! Room for something that is there later.

/// As an `Option`; but without a value it is all zeros, so that a static with it takes no flash.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Zeroed<T> {
    Empty = 0,
    Full(T) = 1,
}

impl<T> Zeroed<T> {
    /// Puts a value into a place that was empty.
    pub(crate) fn fill(&mut self, value: T) -> &mut T {
        // A place is filled once. To drop what was there before would take some hundred bytes of flash.
        core::mem::forget(core::mem::replace(self, Self::Full(value)));
        match self {
            Self::Full(value) => value,
            Self::Empty => unreachable!("filled in the line above"),
        }
    }

    pub(crate) const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Empty => None,
            Self::Full(value) => Some(value),
        }
    }

    pub(crate) const fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Empty => None,
            Self::Full(value) => Some(value),
        }
    }
}
