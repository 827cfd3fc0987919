//! The lines that are a fixed text and nothing else.

use super::deserializer::position;

macro_rules! result_codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// A line that is one of these texts: final result codes of a command, and what the module reports about itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ResultCode {
            $($(#[$doc])* $name,)*
        }

        impl ResultCode {
            const ALL: &[Self] = &[$(Self::$name,)*];
            const TEXTS: &[&str] = &[$($text,)*];
        }
    };
}

result_codes! {
    /// The command was carried out, or has begun.
    Ok "OK",
    /// The command failed.
    Error "ERROR",
    /// The module has taken the data of a send.
    SendOk "SEND OK",
    /// The module has not taken the data, because its own buffer is full.
    SendFail "SEND FAIL",
    /// The end of transparent access mode.
    NoCarrier "NO CARRIER",
    /// The module has started.
    Ready "RDY",
    /// Its applications have started.
    ApplicationReady "APP RDY",
    /// The module goes off.
    PoweredDown "POWERED DOWN",
    /// A call comes in.
    Ring "RING",
}

impl ResultCode {
    /// Recognises a whole line, without its line end and without blanks around it.
    #[inline(never)]
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        Self::ALL.get(position(Self::TEXTS, line)?).copied()
    }

    /// The line, without its line end.
    #[cfg(feature = "transparent")]
    pub(crate) fn text(self) -> &'static str {
        Self::TEXTS.get(self as usize).copied().unwrap_or_default()
    }

    /// Whether the module reports this about itself, and it belongs to no command.
    #[cfg(feature = "at-client")]
    pub(crate) const fn is_unsolicited(self) -> bool {
        matches!(
            self,
            Self::Ready | Self::ApplicationReady | Self::PoweredDown | Self::Ring
        )
    }
}
