//! The final results that say no.

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
        let line = core::str::from_utf8(line).ok()?.trim_ascii();
        if line == "ERROR" {
            Some(Self::Plain)
        } else if let Some(reason) = line.strip_prefix("+CME ERROR:") {
            let reason = reason.trim_ascii();
            Some(number(reason).map_or(Self::EquipmentText(reason), Self::Equipment))
        } else {
            let reason = line.strip_prefix("+CMS ERROR:")?.trim_ascii();
            Some(number(reason).map_or(Self::MessageText(reason), Self::Message))
        }
    }
}

fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
