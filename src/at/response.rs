//! Responses that do not belong to one command, and what all have in common.

use core::{fmt, ops::Deref};

use atat::{AtatResp, Error, InternalError};
use heapless::Vec;
use serde_at::serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
};

use super::{
    clipped::Clipped,
    field::{Parse, trim},
};

/// What the information lines of a command can be read as.
pub(super) trait Answer: Sized {
    fn from_lines(lines: &[u8]) -> Option<Self>;
}

/// An answer of one line.
impl<T: Parse> Answer for T {
    fn from_lines(line: &[u8]) -> Option<Self> {
        super::field::read(line)
    }
}

/// The answer of a command, as atat hands it over.
pub(super) fn parse<T: Answer>(answer: Result<&[u8], InternalError>) -> Result<T, Error> {
    T::from_lines(answer?).ok_or(Error::Parse)
}

/// Makes types answers to atat: to the commands here, and to those that a user has atat derive, which are read through
/// serde.
macro_rules! answers {
    ($($name:ident),+) => {$(
        impl atat::AtatResp for $name {}

        impl<'de> serde_at::serde::Deserialize<'de> for $name {
            fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
            where
                D: serde_at::serde::Deserializer<'de>,
            {
                $crate::at::response::deserialize(deserializer)
            }
        }
    )+};
}
pub(super) use answers;

pub(super) fn deserialize<'de, T: Answer, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    rest(deserializer, T::from_lines)
}

/// Reads all that is left of an answer. serde_at's tuple is just that.
fn rest<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&[u8]) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_tuple(1, Read(read))
}

/// A visitor that hands bytes to a function.
struct Read<T>(fn(&[u8]) -> Option<T>);

impl<T> Visitor<'_> for Read<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        (self.0)(bytes).ok_or_else(|| E::custom("another answer"))
    }
}

/// Nothing but the final result. Lines that came with it are left unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoResponse;

answers!(NoResponse, AnswerText);

impl Answer for NoResponse {
    fn from_lines(_: &[u8]) -> Option<Self> {
        Some(Self)
    }
}

/// An answer kept as text: one line, cut off after 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AnswerText(pub Clipped<256>);

impl AnswerText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Answer for AnswerText {
    fn from_lines(lines: &[u8]) -> Option<Self> {
        Some(Self(Clipped::new(trim(lines))))
    }
}

/// The answer to a command that is answered by any number of lines, none included.
///
/// Lines that are no `T`, and those after the `N`th, are left out.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lines<T, const N: usize>(pub Vec<T, N>);

impl<T, const N: usize> Lines<T, N> {
    fn of(lines: &[u8], read: fn(&[u8]) -> Option<T>) -> Self {
        let lines = lines.split(|byte| matches!(byte, b'\r' | b'\n'));
        let mut kept = Vec::new();
        for line in lines.filter(|line| !line.is_empty()).filter_map(read) {
            if kept.push(line).is_err() {
                break;
            }
        }
        Self(kept)
    }
}

impl<T, const N: usize> AtatResp for Lines<T, N> {}

impl<T, const N: usize> Deref for Lines<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Answer, const N: usize> Answer for Lines<T, N> {
    fn from_lines(lines: &[u8]) -> Option<Self> {
        Some(Self::of(lines, T::from_lines))
    }
}

/// Lines of whatever atat can read.
impl<'de, T: DeserializeOwned, const N: usize> Deserialize<'de> for Lines<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rest(deserializer, |lines| {
            Some(Self::of(lines, |line| serde_at::from_slice(line).ok()))
        })
    }
}
