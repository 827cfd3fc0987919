//! How the fields of an information line are read.
//!
//! serde_at reads a bare string to the end of the line, fails on a string that is too long, and
//! reaches `unreachable!()` when it is asked what kind of value comes next. The types here ask for
//! bytes instead: up to the next comma, or all that is left.

use core::{fmt, ops::Deref};

use heapless::String;
use serde_at::serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// Text that came from the module, cut off after `N` bytes.
///
/// Bytes that are not printable ASCII are shown as `?`; of line ends only LF is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clipped<const N: usize>(String<N>);

impl<const N: usize> Clipped<N> {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut text = String::new();
        for &byte in bytes.iter().filter(|&&byte| byte != b'\r').take(N) {
            let shown = if matches!(byte, b' '..=b'~' | b'\n') {
                byte
            } else {
                b'?'
            };
            // Cannot be full: at most N single bytes are taken.
            let _ = text.push(char::from(shown));
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

/// One field without a comma in it, with or without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<const N: usize> {
    pub text: Clipped<N>,
    pub quoted: bool,
}

impl<const N: usize> Word<N> {
    fn new(bytes: &[u8]) -> Self {
        let bytes = bytes.trim_ascii();
        let opened = bytes.strip_prefix(b"\"");
        let inner = opened.unwrap_or(bytes);
        Self {
            text: Clipped::new(inner.strip_suffix(b"\"").unwrap_or(inner)),
            quoted: opened.is_some(),
        }
    }
}

impl<'de, const N: usize> Deserialize<'de> for Word<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Read(Self::new))
    }
}

/// One field in quotes; commas may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quoted<const N: usize>(pub Clipped<N>);

impl<'de, const N: usize> Deserialize<'de> for Quoted<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Read(|bytes: &[u8]| Self(Clipped::new(bytes))))
    }
}

/// All that is left of the line; only the last field can be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest<const N: usize>(pub Clipped<N>);

impl<'de, const N: usize> Deserialize<'de> for Rest<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rest(deserializer, |bytes| Self(Word::new(bytes).text))
    }
}

/// Reads all that is left of the line with `read`. serde_at's tuple is just that.
pub(super) fn rest<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<T, D::Error> {
    deserializer.deserialize_tuple(1, Read(read))
}

/// A visitor that hands the bytes of a field to a function.
struct Read<F>(F);

impl<T, F: FnOnce(&[u8]) -> T> Visitor<'_> for Read<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<T, E> {
        Ok((self.0)(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text.as_bytes()))
    }
}
