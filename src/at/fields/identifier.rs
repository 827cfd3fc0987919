//! Numbers of modules, SIM cards and subscribers.

use core::{fmt, ops::Deref};

use heapless::String;
use serde_at::serde::{Deserialize, Deserializer};

use crate::at::atat::AtatResp;
use crate::at::deserializer::{Fields, remainder, unquoted};

/// The number of a module, a SIM card or a subscriber: `MIN` to `MAX` digits. As a response it is in one of the lines, alone or behind
/// the name of the command; other lines are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Identifier<const MIN: usize, const MAX: usize>(String<MAX>);

impl<const MIN: usize, const MAX: usize> Identifier<MIN, MAX> {
    fn of(lines: &[u8]) -> Option<Self> {
        let lines = lines.split(|byte| matches!(byte, b'\r' | b'\n'));
        lines.filter_map(Self::of_line).next()
    }

    fn of_line(line: &[u8]) -> Option<Self> {
        let mut fields = Fields::of_line(line);
        let text = unquoted(fields.field());
        // An odd number of digits is filled up.
        let text = text.strip_suffix(b"F").unwrap_or(text);
        // Those of some SIM cards contain letters.
        let is_part = |byte: &u8| byte.is_ascii_digit() || (MAX > 16 && byte.is_ascii_hexdigit());
        let fits = (MIN..=MAX).contains(&text.len()) && text.iter().all(is_part);
        let text = core::str::from_utf8(text).ok().filter(|_| fits)?;
        fields.end()?;
        String::try_from(text).ok().map(Self)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Identifier<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Identifier<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> AtatResp for Identifier<MIN, MAX> {}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Identifier<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, Self::of)
    }
}
