//! Responses of several commands.

use core::ops::Deref;

use heapless::Vec;
use serde_at::serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::atat::AtatResp;
use super::deserializer::{deserialize_by, read, remainder, trim};
use super::fields::Clipped;

/// The response of a command that is answered by a final result code only. Lines before it are ignored: they are URCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoResponse;

impl AtatResp for NoResponse {}

deserialize_by!(remainder, NoResponse, |_| Some(Self));

/// A response as text: all of its lines, at most 256 bytes. The rest is cut off.
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

deserialize_by!(remainder, AnswerText, |lines| Some(Self(Clipped::new(
    trim(lines)
))));

/// The response of a command that is answered by any number of lines, including none.
///
/// Lines that cannot be read as a `T`, and lines after `N` of them, are ignored.
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
