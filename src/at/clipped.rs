//! Text from the module that is kept.

use core::{fmt, ops::Deref};

use heapless::{String, string::StringView};

use super::field::{Fields, Parse};

/// Text that came from the module, cut off after `N` bytes.
///
/// Bytes that are not printable ASCII are shown as `?`; of line ends only LF is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clipped<const N: usize>(String<N>);

impl<const N: usize> Clipped<N> {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut text = String::new();
        clip(bytes, text.as_mut_view());
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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

/// One field.
impl<const N: usize> Parse for Clipped<N> {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.word().map(|word| Self::new(word.text))
    }
}
