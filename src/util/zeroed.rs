//! Room for something that is there later.

/// As an `Option`; but without a value it is all zeros, so that a static with it takes no flash.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Zeroed<T> {
    Empty = 0,
    Full(T) = 1,
}

impl<T> Zeroed<T> {
    /// Puts a value there. A place is filled once: what was there before needs no drop, which would be some hundred bytes
    /// of flash.
    pub(crate) fn fill(&mut self, value: T) -> &T {
        core::mem::forget(core::mem::replace(self, Self::Full(value)));
        self.filled()
    }

    /// The value, which is put there when it is wanted for the first time.
    pub(crate) fn get_or_fill(&mut self, value: fn() -> T) -> &mut T {
        if let Self::Empty = self {
            *self = Self::Full(value());
        }
        self.filled()
    }

    fn filled(&mut self) -> &mut T {
        match self {
            Self::Full(value) => value,
            // It was filled a moment ago: the compiler knows.
            Self::Empty => loop {
                core::hint::spin_loop();
            },
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
