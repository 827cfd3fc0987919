//! The prefixes of lines.

use super::deserializer::split;
use super::tables::texts;

texts! {
    /// The text before the first colon of a line, for the lines that the engine reads.
    pub(crate) enum Prefix {
        Read "+QIRD",
        Sent "+QISEND",
        EquipmentError "+CME ERROR",
        MessageError "+CMS ERROR",
        LastError "+QIGETERROR",
        Sockets "+QISTATE",
        Contexts "+QIACT",
        Bearers "+CGACT",
        Lte "+CEREG",
        Packet "+CGREG",
        Circuit "+CREG",
        Sim "+CPIN",
        Functionality "+CFUN",
        Indication "+QIURC",
        Opened "+QIOPEN",
        PowerSaving "+QPSMTIMER",
    }
}

impl Prefix {
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        Self::of(split(line, b':')?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_the_first_colon() {
        for (line, prefix) in [
            ("+QIRD: 1,2:3", Prefix::Read),
            ("+QISEND:", Prefix::Sent),
            ("+CME ERROR: SIM: failure", Prefix::EquipmentError),
            ("+CMS ERROR: 1", Prefix::MessageError),
            ("+QIGETERROR: 0", Prefix::LastError),
            ("+QISTATE: 0", Prefix::Sockets),
            ("+QIACT: 1", Prefix::Contexts),
            ("+CGACT: 1,1", Prefix::Bearers),
            ("+CEREG: 1", Prefix::Lte),
            ("+CGREG: 1", Prefix::Packet),
            ("+CREG: 1", Prefix::Circuit),
            ("+CPIN: READY", Prefix::Sim),
            ("+CFUN: 1", Prefix::Functionality),
            ("+QIURC: \"closed\",0", Prefix::Indication),
            ("+QIOPEN: 0,0", Prefix::Opened),
            ("+QPSMTIMER: 1", Prefix::PowerSaving),
        ] {
            assert_eq!(Prefix::of_line(line.as_bytes()), Some(prefix), "{line}");
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
            assert_eq!(Prefix::of_line(line.as_bytes()), None, "{line}");
        }
    }
}
