//! Responses that do not belong to one command.

use core::ops::Deref;

use atat::{AtatResp, Error, InternalError};
use heapless::Vec;
use serde_at::serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::field::{Clipped, rest};

/// Nothing but the final result. Lines that came with it are left unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoResponse;

impl AtatResp for NoResponse {}

impl<'de> Deserialize<'de> for NoResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rest(deserializer, |_| Self)
    }
}

/// What atat's own macro makes of an answer.
pub(super) fn parse<T: DeserializeOwned>(answer: Result<&[u8], InternalError>) -> Result<T, Error> {
    serde_at::from_slice(answer?).map_err(|_| Error::Parse)
}

/// An answer kept as text: one line, cut off after 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AnswerText(pub Clipped<256>);

impl AtatResp for AnswerText {}

impl AnswerText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for AnswerText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rest(deserializer, |bytes| Self(Clipped::new(bytes)))
    }
}

/// The answer to a command that is answered by any number of lines, none included.
///
/// Lines that are no `T`, and those after the `N`th, are left out.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lines<T, const N: usize>(pub Vec<T, N>);

impl<T, const N: usize> AtatResp for Lines<T, N> {}

impl<T, const N: usize> Deref for Lines<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: DeserializeOwned, const N: usize> Deserialize<'de> for Lines<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rest(deserializer, |bytes| {
            Self(
                bytes
                    .split(|byte| matches!(byte, b'\r' | b'\n'))
                    .filter(|line| !line.is_empty())
                    .filter_map(|line| serde_at::from_slice(line).ok())
                    .take(N)
                    .collect(),
            )
        })
    }
}
