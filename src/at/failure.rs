//! The final results that say no.

use super::field::{Fields, digits, trim};
use super::name::Name;

/// A final result that says that a command failed: `ERROR`, `+CME ERROR: …` or `+CMS ERROR: …`.
///
/// Socket commands mostly give the plain one and leave the reason to
/// [`QueryLastError`](super::QueryLastError); others give a number or, after
/// [`SetErrorFormat`](super::SetErrorFormat) with [`Text`](super::ErrorFormat::Text), words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure<'a> {
    /// `ERROR`: no reason given.
    Plain,
    /// `+CME ERROR: 10`: the equipment's number.
    Equipment(u16),
    /// `+CME ERROR: SIM not inserted`: the equipment's words.
    EquipmentText(&'a str),
    /// `+CMS ERROR: 300`: the message service's number.
    Message(u16),
    /// `+CMS ERROR: ME failure`: the message service's words.
    MessageText(&'a str),
}

impl<'a> Failure<'a> {
    /// Recognises a whole line, without its line end.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = trim(line);
        if line == b"ERROR" {
            return Some(Self::Plain);
        }
        let reason = Fields::of_line(line).bytes();
        match Name::of_line(line)? {
            Name::EquipmentError => Self::with_reason(reason, Self::Equipment, Self::EquipmentText),
            Name::MessageError => Self::with_reason(reason, Self::Message, Self::MessageText),
            _ => None,
        }
    }

    fn with_reason(
        reason: &'a [u8],
        number: fn(u16) -> Self,
        text: fn(&'a str) -> Self,
    ) -> Option<Self> {
        match digits(reason).and_then(|number| number.try_into().ok()) {
            Some(value) => Some(number(value)),
            None => core::str::from_utf8(reason).ok().map(text),
        }
    }
}
