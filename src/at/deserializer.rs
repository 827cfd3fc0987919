//! Reads information responses and URCs: a cursor over the fields of a line, which is the [`serde::Deserializer`] of the
//! derived types.
//!
//! It tolerates what real modules send: blanks around a field, a text without quotes, commas and quotes in a quoted text,
//! and missing fields at the end. It maps the `deserialize_…` calls of a type as `serde_at` does, so that all types can be read
//! with `serde_at`, too:
//!
//! | a type that calls `deserialize_…` | reads |
//! |---|---|
//! | `u8`, `u16`, `u32`, `u64`, `i64` | the next field, digits and nothing else |
//! | `i16` | the next field, digits, with a minus in front or without |
//! | `bytes`, `str` | the next field as it is, quotes included; nothing after the last field |
//! | `option` | `None` if the next field is empty or missing |
//! | `tuple` | all fields that are left, as one text |
//! | `struct` | its fields one after the other, after the prefix, if there is one |

use core::fmt;

use serde_at::serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_at::serde::forward_to_deserialize_any;

/// Reads a whole line, without its line end. Fields that are left over are an error.
#[inline]
pub(super) fn from_slice<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, Mismatch> {
    let mut fields = Fields::new(line);
    let value = T::deserialize(&mut fields)?;
    fields.end().map(|()| value).ok_or(Mismatch)
}

/// Reads a whole line, without its line end. `None` if the line is no `T`, or more than that.
pub(crate) fn read<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Option<T> {
    from_slice(line).ok()
}

/// The line is not of the shape of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unexpected format")
    }
}

impl core::error::Error for Mismatch {}

/// Without text, which would take flash and is not used.
impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The fields of a line that have not been read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// `None` after the last field.
    rest: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// The fields of a text.
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text) }
    }

    /// The fields of a line, after its prefix and the colon, which can be missing.
    #[inline(never)]
    pub(crate) fn of_line(line: &'a [u8]) -> Self {
        let line = trim(line);
        let has_prefix = matches!(line.first(), Some(b'+' | b'#' | b'$' | b'&' | b'%'));
        let (_, fields) = has_prefix
            .then(|| split(line, b':'))
            .flatten()
            .unwrap_or((b"", line));
        Self::new(trim(fields))
    }

    /// The next value. `None` if the next fields are not of its shape.
    pub(crate) fn next<T: Deserialize<'a>>(&mut self) -> Option<T> {
        T::deserialize(self).ok()
    }

    /// The last value. `None` too if anything is left after it.
    pub(crate) fn last<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let value = self.next()?;
        self.end().map(|()| value)
    }

    /// `None` if a field is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.rest.is_none().then_some(())
    }

    /// The next field, without the blanks around it; empty after the last one.
    #[inline(never)]
    pub(super) fn field(&mut self) -> &'a [u8] {
        let Some(rest) = self.rest else {
            return b"";
        };
        let (field, behind) = match end_of_field(rest).and_then(|end| rest.split_at_checked(end)) {
            Some((field, [_, behind @ ..])) => (field, Some(behind)),
            _ => (rest, None),
        };
        self.rest = behind;
        trim(field)
    }

    /// All that is left, as it is.
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        self.rest.take().unwrap_or_default()
    }

    /// The next field as a number, if it is not greater than `max`.
    #[inline(never)]
    fn number(&mut self, max: u32) -> Result<u32, Mismatch> {
        let number = digits(self.field()).and_then(|number| u32::try_from(number).ok());
        number.filter(|&number| number <= max).ok_or(Mismatch)
    }

    /// Whether there is nothing in the next field, or no such field.
    #[inline(never)]
    fn is_next_empty(&self) -> bool {
        let rest = trim(self.rest.unwrap_or_default());
        matches!(rest.first(), None | Some(b','))
    }
}

/// The position of the comma that ends the first field. `None` if there is no other field.
fn end_of_field(fields: &[u8]) -> Option<usize> {
    if trim(fields).starts_with(b"\"") {
        // The text ends at a quote that is followed by a comma or by nothing. Other quotes and commas are part of the text.
        let mut after_closing_quote = false;
        let mut quotes = 0;
        for (position, byte) in fields.iter().enumerate() {
            match byte {
                b'"' => {
                    quotes += 1;
                    after_closing_quote = quotes > 1;
                }
                b',' if after_closing_quote => return Some(position),
                ..=b' ' => {}
                _ => after_closing_quote = false,
            }
        }
        if after_closing_quote {
            return None;
        }
        // The text has lost a quote.
    }
    fields.iter().position(|&byte| byte == b',')
}

macro_rules! numbers {
    ($($method:ident $visit:ident($type:ident);)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            visitor.$visit(self.number($type::MAX.into())? as $type)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Fields<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch)
    }

    numbers! {
        deserialize_u8 visit_u8(u8);
        deserialize_u16 visit_u16(u16);
        deserialize_u32 visit_u32(u32);
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let field = self.field();
        let positive = field.strip_prefix(b"-");
        let number =
            digits(positive.unwrap_or(field)).and_then(|number| i16::try_from(number).ok());
        let sign = if positive.is_some() { -1 } else { 1 };
        visitor.visit_i16(number.ok_or(Mismatch)? * sign)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_u64(digits(self.field()).ok_or(Mismatch)?)
    }

    /// The number of a variant: atat derives an enum that is a number with `i64`.
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_i64(self.number(u32::MAX)?.into())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_borrowed_bytes(self.field())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.is_next_empty() {
            self.field();
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_borrowed_bytes(self.remainder())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        *self = Fields::of_line(self.remainder());
        visitor.visit_seq(self)
    }

    /// An enum that stands for a number, as atat derives it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i32 f32 f64 char string byte_buf unit unit_struct newtype_struct seq tuple_struct map
        identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for &mut Fields<'de> {
    type Error = Mismatch;

    /// Reads a value after the last field, too: whether a field can be missing depends on its type.
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        seed.deserialize(&mut **self).map(Some)
    }
}

impl<'de> EnumAccess<'de> for &mut Fields<'de> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mismatch> {
        Ok((seed.deserialize(&mut *self)?, self))
    }
}

/// The content of a variant of an enum: none.
impl<'de> VariantAccess<'de> for &mut Fields<'de> {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mismatch> {
        Err(Mismatch)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &[&str], _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch)
    }
}

/// For a field type: reads the next field, quotes included.
pub(super) fn one_field<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&[u8]) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_bytes(Bytes(read))
}

/// For a field type that is several fields, or text in which there can be commas: reads all that is left of the line.
pub(super) fn remainder<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&[u8]) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_tuple(1, Bytes(read))
}

/// Implements `Deserialize` for a field type by [`one_field`] or [`remainder`].
macro_rules! deserialize_by {
    ($how:ident, $type:ty, $read:expr) => {
        impl<'de> serde_at::serde::Deserialize<'de> for $type {
            fn deserialize<D: serde_at::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                crate::at::deserializer::$how(deserializer, $read)
            }
        }
    };
}
pub(super) use deserialize_by;

/// A visitor that hands bytes to a function.
struct Bytes<T>(fn(&[u8]) -> Option<T>);

impl<T> Visitor<'_> for Bytes<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of the expected format")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        (self.0)(bytes).ok_or_else(|| E::custom("another shape"))
    }
}

/// For a field type: reads the next field as a text, with its quotes or without. `T::default()` if there is none.
pub(super) fn text<'de, D: Deserializer<'de>, T: Default>(
    deserializer: D,
    read: fn(&[u8]) -> T,
) -> Result<T, D::Error> {
    deserializer.deserialize_option(OptionalText(read))
}

/// A visitor that hands a text to a function.
struct OptionalText<T>(fn(&[u8]) -> T);

impl<'de, T: Default> Visitor<'de> for OptionalText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_none<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<T, E> {
        Ok((self.0)(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.visit_bytes(text.as_bytes())
    }
}

/// Without the quotes around it, and without blanks.
#[inline(never)]
pub(super) fn unquoted(field: &[u8]) -> &[u8] {
    let field = trim(field);
    let inner = field.strip_prefix(b"\"").unwrap_or(field);
    inner.strip_suffix(b"\"").unwrap_or(inner)
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

/// A number: digits and nothing else.
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

/// The position of a text in a list, in which a line feed follows each. A `match` would take more flash, 200 bytes for six texts, and so
/// would a slice of texts: 232 bytes with TCP only.
#[inline(never)]
pub(super) fn position(texts: &str, text: &[u8]) -> Option<usize> {
    let mut texts = texts.as_bytes().split(|byte| *byte == b'\n');
    texts.position(|each| each == text)
}

/// The bytes before the first `at`, and those after it.
pub(crate) fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    let (before, behind) = bytes.split_at_checked(place)?;
    Some((before, behind.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use testbench::{Dice, each_seed};

    use super::super::Switch;
    use super::super::atat::{self, AtatResp};
    use super::*;

    /// `+X: <number>`.
    #[derive(Debug, PartialEq, AtatResp)]
    struct One<T: for<'x> Deserialize<'x>> {
        number: T,
    }

    fn one<T: for<'x> Deserialize<'x>>(line: &str) -> Option<T> {
        read::<One<T>>(line.as_bytes()).map(|One { number }| number)
    }

    #[test]
    fn a_field_ends_at_a_comma() {
        let mut fields = Fields::of_line(b"+X: 7 , \"a b\",,c\"\r");
        assert_eq!(fields.next(), Some(7_u8));
        assert_eq!(fields.field(), b"\"a b\"");
        assert_eq!(fields.field(), b"");
        assert_eq!(fields.field(), b"c\"");
        assert_eq!(fields.end(), Some(()));
        assert_eq!(fields.field(), b"");
        assert_eq!(fields.next::<u8>(), None);
    }

    #[test]
    fn a_field_that_need_not_be_there() {
        let mut fields = Fields::of_line(b"1,, ,\"\"");
        assert_eq!(fields.next::<Option<u8>>(), Some(Some(1)));
        assert_eq!(fields.next::<Option<u8>>(), Some(None));
        assert_eq!(fields.field(), b"");
        assert_eq!(fields.field(), b"\"\"");
        assert_eq!(fields.next::<Option<u8>>(), Some(None));
        assert_eq!(Fields::of_line(b"x").next::<Option<u8>>(), None);
    }

    #[test]
    fn commas_between_quotes_separate_nothing() {
        let mut fields = Fields::of_line(b"\"a,b\" ,\"c\"d\",5");
        assert_eq!(unquoted(fields.field()), b"a,b");
        assert_eq!(unquoted(fields.field()), b"c\"d");
        assert_eq!(fields.next(), Some(5_u8));
        assert_eq!(Fields::of_line(b"a,b").field(), b"a");
    }

    #[test]
    fn a_text_that_lost_a_quote_ends_at_a_comma() {
        assert_eq!(unquoted(Fields::of_line(b"\"a,b").field()), b"a");
        assert_eq!(unquoted(Fields::of_line(b"a\",b").field()), b"a");
        assert_eq!(unquoted(Fields::of_line(b"\"").field()), b"");
    }

    #[test]
    fn what_is_left_over_makes_it_another_line() {
        assert_eq!(one::<u8>("+X: 7"), Some(7));
        for line in ["+X: 7,", "+X: 7,8", "+X: 7 8", "+X: ,7", "+X: \"7\"", "+X:"] {
            assert_eq!(one::<u8>(line), None, "{line}");
        }
    }

    #[test]
    fn numbers_have_a_largest() {
        assert_eq!(one::<u8>("255"), Some(255));
        assert_eq!(one::<u8>("256"), None);
        assert_eq!(one::<u32>("4294967295"), Some(u32::MAX));
        assert_eq!(one::<u32>("4294967296"), None);
        assert_eq!(one::<u64>("4294967296"), Some(1 << 32));
        assert_eq!(one::<u64>("99999999999999999999"), None);
        assert_eq!(one::<Switch>("1"), Some(Switch::On));
        assert_eq!(one::<Switch>("2"), None);
        assert_eq!(one::<Switch>("257"), None);
    }

    /// With 256 seeds.
    fn at_random(test: impl Fn(&Dice)) {
        each_seed("FIELDS", 0..256, |seed| test(&Dice::new(seed)));
    }

    #[test]
    fn numbers_are_read_back() {
        at_random(|dice| {
            let numbers = dice.several(1..8, || dice.roll(1 << 32) as u32);
            let texts: Vec<String> = numbers.iter().map(|number| format!("{number}")).collect();
            let line = format!("+X: {}", texts.join(","));
            let mut fields = Fields::of_line(line.as_bytes());
            for number in numbers {
                assert_eq!(fields.next(), Some(number));
            }
            assert!(fields.end().is_some());
        });
    }

    #[test]
    fn texts_are_read_back() {
        // All of ASCII that can be printed, but for the quote.
        let characters: Vec<u8> = (b' '..=b'~').filter(|each| *each != b'"').collect();
        at_random(|dice| {
            let text = || dice.several(0..21, || *dice.pick(&characters));
            let quoted = dice.several(1..5, || [b"\"", &text()[..], b"\""].concat());
            let line = quoted.join(&b","[..]);
            let mut fields = Fields::of_line(&line);
            for text in quoted {
                assert_eq!(fields.field(), text);
            }
            assert!(fields.end().is_some());
        });
    }

    #[test]
    fn any_bytes_come_to_an_end() {
        at_random(|dice| {
            let line = dice.several(0..64, || dice.byte());
            let mut fields = Fields::of_line(&line);
            for _ in 0..65 {
                match dice.roll(4) {
                    0 => drop(fields.next::<u8>()),
                    1 => drop(fields.next::<Option<u64>>()),
                    2 => drop(fields.next::<Switch>()),
                    _ => drop(unquoted(fields.field())),
                }
            }
            fields.remainder();
            assert!(fields.end().is_some());
        });
    }
}
