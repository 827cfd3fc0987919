//! The numbers of sockets and of PDP contexts.

use serde_at::serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// connectID: the number of a socket service, 0 to 11 (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectId(u8);

impl ConnectId {
    /// How many there are.
    pub const COUNT: usize = 12;
    /// 0, the lowest.
    pub const FIRST: Self = Self(0);

    /// The id, if `id` is 0 to 11.
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

    /// All ids, lowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..12).map(Self)
    }
}

/// contextID: the number of a PDP context, 1 to 16 (2.1.1).
///
/// Some families know fewer contexts; they answer ERROR to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContextId(u8);

impl ContextId {
    /// How many contexts the module can have active at once (2.1.2).
    pub const MAX_ACTIVE: usize = 3;
    /// 1, the one that modules come up with.
    pub const FIRST: Self = Self(1);

    /// The id, if `id` is 1 to 16.
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

impl Serialize for ConnectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).ok_or(D::Error::custom("not a connectID"))
    }
}

impl Serialize for ContextId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for ContextId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).ok_or(D::Error::custom("not a contextID"))
    }
}
