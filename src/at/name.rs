//! What lines of the module begin with.

use super::field::{place, split};

macro_rules! names {
    ($($name:ident $text:literal,)*) => {
        /// What a line begins with, up to its first colon, of those that the stack acts on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Name {
            $(#[doc = concat!("`", $text, "`.")] $name,)*
        }

        impl Name {
            const TEXTS: &str = concat!($($text, "\n",)*);
            const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

// The more often, the sooner.
names! {
    Read "+QIRD",
    UrcKind "+QIURC",
    Sent "+QISEND",
    Opened "+QIOPEN",
    EquipmentError "+CME ERROR",
    MessageError "+CMS ERROR",
    LastError "+QIGETERROR",
    Sockets "+QISTATE",
    Contexts "+QIACT",
    Lte "+CEREG",
    Packet "+CGREG",
    Circuit "+CREG",
    Sim "+CPIN",
    PowerSaving "+QPSMTIMER",
}

impl Name {
    #[inline(never)]
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        let (name, _) = split(line, b':')?;
        Self::ALL.get(place(Self::TEXTS, name)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_its_text() {
        assert_eq!(Name::TEXTS.lines().count(), Name::ALL.len());
        for (text, name) in Name::TEXTS.lines().zip(Name::ALL) {
            let line = std::format!("{text}: 1,2:3");
            assert_eq!(Name::of_line(line.as_bytes()), Some(*name), "{line}");
        }
    }

    #[test]
    fn all_else_has_none() {
        for line in [
            "",
            ":",
            "OK",
            "+QIRD",
            "QIRD: 1",
            "+QIR: 1",
            "+QIRDX: 1",
            "+QIRD : 1",
        ] {
            assert_eq!(Name::of_line(line.as_bytes()), None, "{line}");
        }
    }
}
