//! Log messages, through `defmt` or `log`, or not at all.

macro_rules! trace {
    ($($part:tt)*) => { crate::util::log::message!(trace, $($part)*) };
}

macro_rules! debug {
    ($($part:tt)*) => { crate::util::log::message!(debug, $($part)*) };
}

macro_rules! info {
    ($($part:tt)*) => { crate::util::log::message!(info, $($part)*) };
}

macro_rules! warning {
    ($($part:tt)*) => { crate::util::log::message!(warn, $($part)*) };
}

macro_rules! message {
    ($level:ident, $text:literal $(, $value:expr)*) => {{
        #[cfg(feature = "defmt")]
        defmt::$level!($text $(, $value)*);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        log::$level!($text $(, $value)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        {
            $(let _ = &$value;)*
        }
    }};
}

pub(crate) use {debug, info, message, trace, warning};

/// Bytes of the UART, readable.
pub(crate) struct Ascii<'a>(pub(crate) &'a [u8]);

impl core::fmt::Debug for Ascii<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Ascii<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.0);
    }
}
