//! How the fields of an information line are read.

/// What can be read from the fields of a line, or from the next of them.
pub(crate) trait Parse: Sized {
    /// `None` if they are not of its shape. Fields that are left are somebody else's matter.
    fn parse(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Reads a whole line, without its line end: the name of a command and a colon, which may be missing, and fields with
/// commas between them. `None` if the line is no `T`, or more than that.
pub(crate) fn read<T: Parse>(line: &[u8]) -> Option<T> {
    Fields::of_line(line).all(T::parse)
}

/// The fields of a line that have not been read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// None behind the last field.
    rest: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// All fields of a line.
    #[inline(never)]
    pub(crate) fn of_line(line: &'a [u8]) -> Self {
        let line = trim(line);
        let named = matches!(line.first(), Some(b'+' | b'#' | b'$' | b'&' | b'%'));
        let (_, fields) = named
            .then(|| split(line, b':'))
            .flatten()
            .unwrap_or((b"", line));
        Self {
            rest: Some(trim(fields)),
        }
    }

    /// Reads all that is left: `None` if anything is left then.
    pub(super) fn all<T>(mut self, parse: impl FnOnce(&mut Fields<'a>) -> Option<T>) -> Option<T> {
        let value = parse(&mut self)?;
        self.is_at_end().then_some(value)
    }

    /// All that is left as one value.
    pub(crate) fn whole<T: Parse>(self) -> Option<T> {
        self.all(T::parse)
    }

    /// Whether nothing is left, or a text in quotes is next.
    #[cfg(not(feature = "udp"))]
    pub(crate) fn is_quoted(&self) -> bool {
        self.rest.is_none_or(|rest| trim(rest).starts_with(b"\""))
    }

    /// Whether all fields are read.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_none()
    }

    /// `None` if a field is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.is_at_end().then_some(())
    }

    /// The next field, or what it stands for.
    pub(crate) fn next<T: Parse>(&mut self) -> Option<T> {
        T::parse(self)
    }

    /// The last field.
    pub(crate) fn last<T: Parse>(&mut self) -> Option<T> {
        let value = self.next()?;
        self.end().map(|()| value)
    }

    /// The next field, if there is one: up to a comma, without the blanks around it.
    #[inline(never)]
    pub(super) fn field(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (field, behind) = match split(rest, b',') {
            Some((field, behind)) => (field, Some(behind)),
            None => (rest, None),
        };
        self.rest = behind;
        Some(trim(field))
    }

    /// The next field as text, if there is one. There is no comma in it.
    pub(super) fn word(&mut self) -> Option<Word<'a>> {
        self.field().map(Word::new)
    }

    /// The next field as text, if there is one and it is not empty.
    pub(super) fn optional_word(&mut self) -> Option<Word<'a>> {
        self.word()
            .filter(|word| word.quoted || !word.text.is_empty())
    }

    /// The next field as text between quotes, in which there may be commas. Without quotes it is all that is left.
    pub(super) fn quoted(&mut self) -> Option<&'a [u8]> {
        let rest = trim(self.rest.take()?);
        let Some(inner) = rest.strip_prefix(b"\"") else {
            return (!rest.is_empty()).then_some(rest);
        };
        // One in the middle of the text closes nothing.
        for place in (0..inner.len()).filter(|&place| inner.get(place) == Some(&b'"')) {
            let (text, behind) = inner.split_at_checked(place)?;
            match trim(behind.get(1..)?) {
                [] => return Some(text),
                [b',', behind @ ..] => {
                    self.rest = Some(behind);
                    return Some(text);
                }
                _ => {}
            }
        }
        None
    }

    /// The same, if the field is there. One that is empty is not there.
    pub(super) fn optional_quoted(&mut self) -> Option<Option<&'a [u8]>> {
        if self.is_next_empty() {
            self.field();
            Some(None)
        } else {
            self.quoted().map(Some)
        }
    }

    /// All that is left as one text, without quotes around it. Empty if nothing is left.
    pub(crate) fn text(&mut self) -> &'a [u8] {
        Word::new(trim(self.bytes())).text
    }

    /// All that is left, as it is.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        self.rest.take().unwrap_or_default()
    }

    /// The next field as a number, if it is not greater than `max`.
    #[inline(never)]
    pub(super) fn number(&mut self, max: u32) -> Option<u32> {
        let number = self.long_number()?;
        u32::try_from(number).ok().filter(|&number| number <= max)
    }

    /// The next field as a number.
    #[inline(never)]
    fn long_number(&mut self) -> Option<u64> {
        self.field().and_then(digits)
    }

    /// Whether there is nothing in the next field, or no such field.
    #[inline(never)]
    fn is_next_empty(&self) -> bool {
        let rest = trim(self.rest.unwrap_or_default());
        matches!(rest.first(), None | Some(b','))
    }
}

impl Parse for u8 {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.number(Self::MAX.into()).map(|number| number as Self)
    }
}

impl Parse for u16 {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.number(Self::MAX.into()).map(|number| number as Self)
    }
}

impl Parse for u32 {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.number(Self::MAX)
    }
}

impl Parse for u64 {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.long_number()
    }
}

/// A field that need not be there. One that is empty is not there.
impl<T: Parse> Parse for Option<T> {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        if fields.is_next_empty() {
            fields.field();
            Some(None)
        } else {
            T::parse(fields).map(Some)
        }
    }
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Without its quotes.
    pub text: &'a [u8],
    /// Whether it begins with a quote.
    pub quoted: bool,
}

impl<'a> Word<'a> {
    #[inline(never)]
    fn new(field: &'a [u8]) -> Self {
        let opened = field.strip_prefix(b"\"");
        let inner = opened.unwrap_or(field);
        Self {
            text: inner.strip_suffix(b"\"").unwrap_or(inner),
            quoted: opened.is_some(),
        }
    }
}

/// Without the blanks, line ends and other control characters around it.
#[inline(never)]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut inner = bytes;
    while let [..=b' ', rest @ ..] = inner {
        inner = rest;
    }
    while let [rest @ .., ..=b' '] = inner {
        inner = rest;
    }
    inner
}

/// A whole number: digits and nothing else.
#[inline(never)]
pub(crate) fn digits(bytes: &[u8]) -> Option<u64> {
    // 19 digits always fit.
    if bytes.is_empty() || bytes.len() > 19 {
        return None;
    }
    bytes.iter().try_fold(0, |number: u64, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

/// Which word of a list this one is. A line feed ends each: none is in a line of the module.
#[inline(never)]
pub(crate) fn place(words: &str, word: &[u8]) -> Option<usize> {
    let mut words = words.as_bytes();
    let mut place = 0;
    while !matches!(words.strip_prefix(word), Some([b'\n', ..])) {
        (_, words) = split(words, b'\n')?;
        place += 1;
    }
    Some(place)
}

/// What is before and behind the first of these bytes.
pub(crate) fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    let (before, behind) = bytes.split_at_checked(place)?;
    Some((before, behind.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn word<'a>(text: &'a str, quoted: bool) -> Option<Word<'a>> {
        Some(Word {
            text: text.as_bytes(),
            quoted,
        })
    }

    #[test]
    fn a_field_ends_at_a_comma() {
        let mut fields = Fields::of_line(b"+X: 7 , \"a b\",,c\"\r");
        assert_eq!(fields.next(), Some(7_u8));
        assert_eq!(fields.word(), word("a b", true));
        assert_eq!(fields.word(), word("", false));
        assert_eq!(fields.word(), word("c", false));
        assert!(fields.is_at_end());
        assert_eq!(fields.word(), None);
    }

    #[test]
    fn a_field_that_need_not_be_there() {
        let mut fields = Fields::of_line(b"1,, ,\"\"");
        assert_eq!(fields.next::<Option<u8>>(), Some(Some(1)));
        assert_eq!(fields.next::<Option<u8>>(), Some(None));
        assert_eq!(fields.optional_word(), None);
        assert_eq!(fields.optional_word(), word("", true));
        assert_eq!(fields.next::<Option<u8>>(), Some(None));
        assert_eq!(Fields::of_line(b"x").next::<Option<u8>>(), None);
    }

    #[test]
    fn commas_between_quotes_separate_nothing() {
        let mut fields = Fields::of_line(b"\"a,b\" ,\"c\"d\",5");
        assert_eq!(fields.quoted(), Some(&b"a,b"[..]));
        assert_eq!(fields.quoted(), Some(&b"c\"d"[..]));
        assert_eq!(fields.next(), Some(5_u8));
        assert_eq!(Fields::of_line(b"\"a,b").quoted(), None);
        assert_eq!(Fields::of_line(b"a,b").quoted(), Some(&b"a,b"[..]));
    }

    #[test]
    fn what_is_left_over_makes_it_another_line() {
        assert_eq!(read::<u8>(b"+X: 7"), Some(7));
        for line in ["+X: 7,", "+X: 7,8", "+X: 7 8", "+X: ,7", "+X: \"7\"", "+X:"] {
            assert_eq!(read::<u8>(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn numbers_have_a_largest() {
        assert_eq!(read::<u8>(b"255"), Some(255));
        assert_eq!(read::<u8>(b"256"), None);
        assert_eq!(read::<u32>(b"4294967295"), Some(u32::MAX));
        assert_eq!(read::<u32>(b"4294967296"), None);
        assert_eq!(read::<u64>(b"4294967296"), Some(1 << 32));
        assert_eq!(read::<u64>(b"99999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(numbers in vec(any::<u32>(), 1..8)) {
            let texts: Vec<String> = numbers.iter().map(|number| format!("{number}")).collect();
            let line = format!("+X: {}", texts.join(","));
            let mut fields = Fields::of_line(line.as_bytes());
            for number in numbers {
                prop_assert_eq!(fields.next(), Some(number));
            }
            prop_assert!(fields.is_at_end());
        }

        #[test]
        fn texts_are_read_back(texts in vec("[ -!#-~]{0,20}", 1..5)) {
            let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
            let line = quoted.join(",");
            let mut fields = Fields::of_line(line.as_bytes());
            for text in texts {
                prop_assert_eq!(fields.quoted(), Some(text.as_bytes()));
            }
            prop_assert!(fields.is_at_end());
        }

        #[test]
        fn any_bytes_come_to_an_end(line in vec(any::<u8>(), 0..64), kinds in vec(0..6, 65)) {
            let mut fields = Fields::of_line(&line);
            for kind in kinds {
                match kind {
                    0 => drop(fields.next::<u8>()),
                    1 => drop(fields.next::<Option<u64>>()),
                    2 => drop(fields.quoted()),
                    3 => drop(fields.optional_quoted()),
                    4 => drop(fields.address()),
                    _ => drop(fields.optional_word()),
                }
            }
            fields.bytes();
            prop_assert!(fields.is_at_end());
        }
    }
}
