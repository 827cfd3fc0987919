//! Text arguments of commands.

use core::fmt;

use serde_at::serde::{Serialize, Serializer};

/// Text of at most `MAX` bytes that cannot end the argument or the command. `MAX` is at most 255.
///
/// Printable ASCII without `"` and `\`: the note has no escape for a quote, and a CR would end the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Text<'a, const MAX: usize>(&'a str);

impl<'a, const MAX: usize> Text<'a, MAX> {
    const LONGEST: u8 = {
        assert!(MAX <= u8::MAX as usize, "texts have 255 bytes at most");
        MAX as u8
    };

    /// The maximum length in bytes.
    pub const MAX: usize = MAX;

    /// The empty text, `""` on the wire.
    pub const EMPTY: Self = Self("");

    /// Checks the text.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] if it is longer than `MAX` bytes or contains a character that is not allowed.
    pub const fn new(text: &'a str) -> Result<Self, InvalidText> {
        match check(text.as_bytes(), Self::LONGEST) {
            Ok(()) => Ok(Self(text)),
            Err(error) => Err(error),
        }
    }

    /// A text that has been checked before.
    pub(crate) const fn known(text: &'a str) -> Self {
        Self(text)
    }

    /// The text, without quotes.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// Not generic, so that it is in flash once.
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
    /// The text is empty where it must not be.
    Empty,
    /// Longer than `max` bytes.
    TooLong {
        /// The maximum length in bytes.
        max: u8,
    },
    /// A quote, a backslash, a control character, or a character that is not ASCII.
    ForbiddenCharacter {
        /// The position of the character, in bytes from 0.
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
