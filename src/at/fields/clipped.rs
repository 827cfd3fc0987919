//! Text fields of answers.

use core::{fmt, ops::Deref};

use heapless::{String, string::StringView};
use serde_at::serde::{Deserialize, Deserializer};

use crate::at::deserializer::{deserialize_by, remainder, text, unquoted};

/// A text field of an answer: at most `N` bytes, the rest is cut off. Empty if the field is missing.
///
/// Bytes that are not printable ASCII are replaced by `?`. A CR is removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clipped<const N: usize>(String<N>);

impl<const N: usize> Clipped<N> {
    pub(in crate::at) const EMPTY: Self = Self(String::new());

    pub(in crate::at) fn new(bytes: &[u8]) -> Self {
        let mut text = String::new();
        clip(bytes, text.as_mut_view());
        Self(text)
    }

    /// The text, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[inline(never)] // Once in flash for all lengths.
fn clip(bytes: &[u8], into: &mut StringView) {
    for &byte in bytes.iter().filter(|&&byte| byte != b'\r') {
        let shown = if matches!(byte, b' '..=b'~' | b'\n') {
            byte
        } else {
            b'?'
        };
        if into.push(char::from(shown)).is_err() {
            break;
        }
    }
}

impl<const N: usize> Deref for Clipped<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Clipped<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Clipped<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, |field| Self::new(unquoted(field)))
    }
}

/// The text at the end of an answer: all that is left of the line, at most `N` bytes, the rest is cut off. Some modules send
/// it without quotes, although it contains commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LastText<const N: usize>(Clipped<N>);

impl<const N: usize> Deref for LastText<N> {
    type Target = Clipped<N>;

    fn deref(&self) -> &Clipped<N> {
        &self.0
    }
}

impl<'de, const N: usize> Deserialize<'de> for LastText<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |text| {
            Some(Self(Clipped::new(unquoted(text))))
        })
    }
}

/// A field that is skipped. It can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ignored;

deserialize_by!(one_field, Ignored, |_| Some(Self));
