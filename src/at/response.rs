//! Responses that do not belong to one command.

use core::ops::Deref;

use heapless::Vec;
use serde_at::serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::atat::AtatResp;
use super::deserializer::{read, remainder, trim};
use super::fields::Clipped;

/// Nothing but the final result code. Information lines in front of it are left unread: URCs can stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoResponse;

impl AtatResp for NoResponse {}

impl<'de> Deserialize<'de> for NoResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |_| Some(Self))
    }
}

/// An answer kept as text: all of its lines, cut off after 256 bytes.
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

impl AtatResp for AnswerText {}

impl<'de> Deserialize<'de> for AnswerText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |lines| Some(Self(Clipped::new(trim(lines)))))
    }
}

/// The answer to a command that is answered by any number of lines, none included.
///
/// Lines that are no `T`, and those after the `N`th, are left out.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lines<T, const N: usize>(pub Vec<T, N>);

impl<T: DeserializeOwned, const N: usize> Lines<T, N> {
    fn of(lines: &[u8]) -> Self {
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

impl<'de, T: DeserializeOwned, const N: usize> Deserialize<'de> for Lines<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |lines| Some(Self::of(lines)))
    }
}
