//! Log messages, through `defmt` or `log`, or not at all.

macro_rules! trace {
    ($($part:tt)*) => { crate::util::log::message!(trace, $($part)*) };
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

pub(crate) use {info, message, trace, warning};
