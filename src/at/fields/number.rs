//! Numbers that are within a range of the note.

use core::fmt;

use serde_at::serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Within<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Within<MIN, MAX> {
    /// The smallest value.
    pub const MIN: Self = Self(MIN);
    /// The largest value.
    pub const MAX: Self = Self(MAX);

    /// Checks the number.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if it is not within the range.
    pub const fn new(value: u32) -> Result<Self, OutOfRange> {
        if value >= MIN && value <= MAX {
            Ok(Self(value))
        } else {
            Err(OutOfRange {
                value,
                min: MIN,
                max: MAX,
            })
        }
    }

    /// The number within the range that is nearest to `value`.
    #[must_use]
    pub const fn nearest(value: u32) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Within<MIN, MAX> {
    type Error = OutOfRange;

    fn try_from(value: u32) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl<const MIN: u32, const MAX: u32> Serialize for Within<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A number is out of the range that a command allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OutOfRange {
    /// The number.
    pub value: u32,
    /// The smallest allowed number.
    pub min: u32,
    /// The largest allowed number.
    pub max: u32,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not within {} to {}",
            self.value, self.min, self.max
        )
    }
}

impl core::error::Error for OutOfRange {}
