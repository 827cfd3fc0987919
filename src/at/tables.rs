//! Tables. Enums: one row for each variant, with what stands for it on the wire. Commands without arguments: one row for each.

/// An enum whose variants are texts.
macro_rules! texts {
    (
        $(#[$meta:meta])*
        $vis:vis enum $type:ident {
            $($(#[$doc:meta])* $name:ident $text:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        $vis enum $type {
            $($(#[$doc])* $name,)*
        }

        impl $type {
            /// All variants.
            $vis const ALL: &[Self] = &[$(Self::$name,)*];
            /// The texts, a line feed after each.
            #[allow(dead_code)] // Not every table is read.
            const TEXTS: &str = concat!($($text, "\n",)*);

            /// The text on the wire, without the quotes around it.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The variant with exactly this text.
            #[allow(dead_code)]
            #[inline(never)] // Many callers.
            pub(crate) fn of(text: &[u8]) -> Option<Self> {
                let position = crate::at::deserializer::position(Self::TEXTS, text)?;
                Self::ALL.get(position).copied()
            }
        }

        impl serde_at::serde::Serialize for $type {
            fn serialize<S: serde_at::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

/// An enum whose variants are numbers, and that can be any other number, too.
macro_rules! open_numbers {
    (
        $(#[$meta:meta])*
        $vis:vis enum $type:ident {
            $($(#[$doc:meta])* $name:ident $number:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        $vis enum $type {
            $($(#[$doc])* $name,)*
            /// Another number.
            Unknown(u8),
        }

        impl From<u8> for $type {
            fn from(number: u8) -> Self {
                match number {
                    $($number => Self::$name,)*
                    _ => Self::Unknown(number),
                }
            }
        }
    };
}

/// Commands without arguments: name, command after `AT`, response, and the maximum time to the final result code in milliseconds.
macro_rules! bare_commands {
    ($($(#[$doc:meta])* $name:ident $command:literal -> $response:ty, $timeout:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, crate::at::atat::AtatCmd)]
            #[at_cmd($command, $response, timeout_ms = $timeout)]
            pub struct $name;
        )*
    };
}

pub(super) use {bare_commands, open_numbers, texts};
