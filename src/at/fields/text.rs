//! Text that may stand between the quotes of a command.

use core::fmt;

use serde_at::serde::{Serialize, Serializer};

/// Text of at most `MAX` bytes, 255 or less, that cannot break out of a command.
///
/// Printable ASCII without `"` and `\`: the note gives no way to escape a quote, and a CR would
/// end the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Text<'a, const MAX: usize>(&'a str);

impl<'a, const MAX: usize> Text<'a, MAX> {
    const LONGEST: u8 = {
        assert!(MAX <= u8::MAX as usize, "texts have 255 bytes at most");
        MAX as u8
    };

    /// How many bytes it has at most.
    pub const MAX: usize = MAX;

    /// No text, `""` on the wire.
    pub const EMPTY: Self = Self("");

    /// The text, checked.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] if it is longer than `MAX` bytes or holds a character that is not allowed.
    pub const fn new(text: &'a str) -> Result<Self, InvalidText> {
        match check(text.as_bytes(), Self::LONGEST) {
            Ok(()) => Ok(Self(text)),
            Err(error) => Err(error),
        }
    }

    /// A text that was checked before.
    pub(crate) const fn known(text: &'a str) -> Self {
        Self(text)
    }

    /// The text, without quotes.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// The same for any length: once in flash.
#[inline(never)]
const fn check(text: &[u8], max: u8) -> Result<(), InvalidText> {
    if text.len() > max as usize {
        return Err(InvalidText::TooLong { max });
    }
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        if !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\') {
            let position = (text.len() - rest.len()) as u8;
            return Err(InvalidText::ForbiddenCharacter { position });
        }
        rest = behind;
    }
    Ok(())
}

impl<'a, const MAX: usize> TryFrom<&'a str> for Text<'a, MAX> {
    type Error = InvalidText;

    fn try_from(text: &'a str) -> Result<Self, InvalidText> {
        Self::new(text)
    }
}

impl<const MAX: usize> Serialize for Text<'_, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// Why a text cannot be part of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InvalidText {
    /// Nothing, where something is needed.
    Empty,
    /// Longer than `max` bytes.
    TooLong {
        /// The longest that is allowed, in bytes.
        max: u8,
    },
    /// A quote, a backslash, a control character, or anything that is not ASCII.
    ForbiddenCharacter {
        /// Where it is, in bytes from the start.
        position: u8,
    },
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::TooLong { max } => write!(f, "longer than {max} bytes"),
            Self::ForbiddenCharacter { position } => {
                write!(f, "character at byte {position} not allowed in a command")
            }
        }
    }
}

impl core::error::Error for InvalidText {}
