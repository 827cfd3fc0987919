//! Replaces what identifies a person or a card: serial numbers, addresses, names that the user gave.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// This many digits or more are an IMEI, an IMSI, the number of a SIM card or of a telephone.
const LONG_NUMBER: usize = 10;

/// The texts to replace. The same text is always replaced by the same one.
#[derive(Debug, Default)]
pub struct Mask {
    named: Vec<(String, String)>,
    addresses: BTreeMap<String, usize>,
}

impl Mask {
    /// Replaces this text, wherever it stands, by a name in angle brackets.
    pub fn hide(&mut self, text: &str, name: &str) {
        // A very short text would be found everywhere.
        if text.len() > 2 && !self.named.iter().any(|(known, _)| known == text) {
            self.named.push((text.into(), format!("<{name}>")));
            self.named
                .sort_by_key(|(known, _)| usize::MAX - known.len());
        }
    }

    /// The text without what is to be hidden.
    pub fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, name) in &self.named {
            text = text.replace(known, name);
        }
        let mut masked = String::new();
        let mut rest = &text[..];
        while let Some(first) = rest.chars().next() {
            let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if end == 0 {
                masked.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            masked += &self.word(&rest[..end]);
            rest = &rest[end..];
        }
        masked
    }

    /// A run of digits, dots and colons.
    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_matches(':');
        // An address may have a port behind it, or end a sentence.
        let (host, _) = bare.split_once(':').unwrap_or((bare, ""));
        let host = host.trim_end_matches('.');
        let quads: Vec<_> = host.split('.').collect();
        let is_dotted = (quads.len() == 4 || quads.len() == 16)
            && quads.iter().all(|quad| quad.parse::<u8>().is_ok());
        // Of the module itself or of nobody.
        let is_harmless = host.starts_with("127.") || host == "0.0.0.0";
        let is_v6 = word.matches(':').count() > 2 && word.parse::<Ipv6Addr>().is_ok();
        if (is_dotted && !is_harmless) || is_v6 {
            let address = if is_v6 { word } else { host };
            let next = self.addresses.len() + 1;
            let number = *self.addresses.entry(address.into()).or_insert(next);
            return word.replace(address, &format!("<address {number}>"));
        }
        let digits = bare.bytes().all(|byte| byte.is_ascii_digit());
        if digits && bare.len() >= LONG_NUMBER {
            return word.replace(bare, &format!("<{} digits>", bare.len()));
        }
        word.into()
    }
}
