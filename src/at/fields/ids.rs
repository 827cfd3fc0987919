//! The numbers of sockets and of PDP contexts.

use serde_at::serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// connectID: the number of a socket of the module, 0 to 11 (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectId(u8);

impl ConnectId {
    /// The number of connectIDs.
    pub const COUNT: usize = 12;
    /// The lowest connectID, 0.
    pub const FIRST: Self = Self(0);

    /// The connectID with this number. `None` if it is not 0 to 11.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if (id as usize) < Self::COUNT {
            Some(Self(id))
        } else {
            None
        }
    }

    /// The number, 0 to 11.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// All connectIDs in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..12).map(Self)
    }
}

/// contextID: the number of a PDP context, 1 to 16 (2.1.1).
///
/// Some families have fewer contexts, and answer ERROR for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContextId(u8);

impl ContextId {
    /// The number of contexts that can be active at the same time (2.1.2).
    pub const MAX_ACTIVE: usize = 3;
    /// The lowest contextID, 1. Modules use it by default.
    pub const FIRST: Self = Self(1);

    /// The contextID with this number. `None` if it is not 1 to 16.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if id >= 1 && id <= 16 {
            Some(Self(id))
        } else {
            None
        }
    }

    /// The number, 1 to 16.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

macro_rules! numbers_on_the_wire {
    ($($type:ident)*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_u8(self.0)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Self::new(u8::deserialize(deserializer)?).ok_or(D::Error::custom("out of range"))
                }
            }
        )*
    };
}

numbers_on_the_wire!(ConnectId ContextId);
