//! Writes commands: the [`serde::Serializer`] of the derived commands.
//!
//! What it does is in methods that are not generic: the code of a command is a call for its name and one for each argument.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU32;

use serde_at::serde::ser::{self, Impossible, Serialize, SerializeStruct, Serializer};

const DECIMAL: NonZeroU32 = NonZeroU32::new(10).unwrap();
const HEXADECIMAL: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// What atat's derive passes besides the name and the arguments of a command.
pub(super) struct SerializeOptions<'a> {
    /// Whether `=` stands between the name and the first argument.
    pub(super) value_sep: bool,
    /// `AT`.
    pub(super) cmd_prefix: &'a str,
    /// What ends the command: a carriage return, before which there can be an argument that is always the same.
    pub(super) termination: &'a str,
    /// Not used: the texts of commands contain nothing that has to be escaped, see [`Text`](super::Text).
    #[allow(dead_code)]
    pub(super) escape_strings: bool,
}

/// Writes a command with its arguments and its CR, and returns the length in bytes.
///
/// If the length is more than that of the buffer, the command in the buffer is not complete.
#[inline]
pub(super) fn to_slice<T: Serialize + ?Sized>(
    command: &T,
    name: &str,
    buffer: &mut [u8],
    options: SerializeOptions<'_>,
) -> Result<usize, Never> {
    debug_assert_eq!(options.cmd_prefix, "AT");
    if size_of_val(command) == 0 {
        // Without fields: 30 bytes of flash less for each such command.
        return Ok(write_bare(buffer, name));
    }
    let mut writer = Writer::command(buffer, name, options.value_sep);
    command.serialize(&mut writer)?;
    Ok(match options.termination {
        "\r" => writer.end(),
        other => {
            writer.bytes(other.as_bytes());
            writer.length
        }
    })
}

/// A command without arguments.
#[inline(never)]
fn write_bare(buffer: &mut [u8], name: &str) -> usize {
    let mut writer = Writer::command(buffer, name, false);
    writer.end()
}

/// Appends the bytes of a command to a buffer. Bytes without room in the buffer are only counted.
pub(super) struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
    /// The byte before the next argument.
    separator: Option<u8>,
    /// The number of omitted arguments since the last one.
    left_out: u8,
}

impl<'b> Writer<'b> {
    pub(super) const fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            separator: None,
            left_out: 0,
        }
    }

    #[inline(never)]
    fn command(buffer: &'b mut [u8], name: &str, value_sep: bool) -> Self {
        let mut writer = Self::new(buffer);
        writer.bytes(b"AT");
        writer.bytes(name.as_bytes());
        writer.separator = value_sep.then_some(b'=');
        writer
    }

    /// The bytes that are written.
    pub(super) fn written(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        if let Some(free) = self.buffer.get_mut(self.length) {
            *free = byte;
        }
        self.length += 1;
    }

    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    /// The carriage return. Returns the length of the whole command.
    #[inline(never)]
    fn end(&mut self) -> usize {
        self.byte(b'\r');
        self.length
    }

    /// The commas before an argument.
    #[inline(never)]
    fn begin_argument(&mut self) {
        if let Some(separator) = self.separator.replace(b',') {
            self.byte(separator);
        }
        for _ in 0..core::mem::take(&mut self.left_out) {
            self.byte(b',');
        }
    }

    #[inline(never)]
    fn number_argument(&mut self, number: u32) {
        self.begin_argument();
        self.number(number, DECIMAL);
    }

    /// Digits without leading zeros.
    #[inline(never)]
    fn number(&mut self, number: u32, base: NonZeroU32) {
        let mut digits = [0; 10];
        let mut rest = number;
        let mut count = 0;
        for digit in &mut digits {
            *digit = match (rest % base) as u8 {
                value @ 0..=9 => b'0' + value,
                value => b'a' - 10 + value,
            };
            count += 1;
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        for &digit in digits.iter().take(count).rev() {
            self.byte(digit);
        }
    }

    /// An address in quotes.
    pub(super) fn quoted_address(&mut self, address: &IpAddr) {
        self.byte(b'"');
        self.address(address);
        self.byte(b'"');
    }

    /// IPv4 with dots; IPv6 as eight groups, because some modules refuse `::` and brackets.
    #[inline(never)]
    pub(super) fn address(&mut self, address: &IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.numbers(&address.octets().map(u16::from), DECIMAL, b'.');
            }
            IpAddr::V6(address) => {
                self.numbers(&address.segments(), HEXADECIMAL, b':');
            }
        }
    }

    fn numbers(&mut self, numbers: &[u16], base: NonZeroU32, separator: u8) {
        for (position, &number) in numbers.iter().enumerate() {
            if position > 0 {
                self.byte(separator);
            }
            self.number(number.into(), base);
        }
    }
}

/// The error type of writing, which cannot fail.
#[derive(Debug)]
pub(super) enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl core::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        unreachable!("no argument of a command refuses to be written")
    }
}

macro_rules! not_in_commands {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $method(self $(, _: $argument)*) -> Result<$result, Never> {
            unreachable!("no command has such an argument")
        })*
    };
}

macro_rules! numbers {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, number: $type) -> Result<(), Never> {
            self.number_argument(number.into());
            Ok(())
        })*
    };
}

type No = Impossible<(), Never>;

impl<'w, 'b> Serializer for &'w mut Writer<'b> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = &'w mut Writer<'b>;
    type SerializeStructVariant = No;

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        self.begin_argument();
        self.byte(b'"');
        self.bytes(text.as_bytes());
        self.byte(b'"');
        Ok(())
    }

    /// An argument that has its quotes already.
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Never> {
        self.begin_argument();
        self.bytes(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Never> {
        self.left_out += 1;
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }

    /// The command itself, or an argument that is several: their fields follow each other.
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Never> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &str, _: &T) -> Result<(), Never> {
        unreachable!("no command has such an argument")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: &T,
    ) -> Result<(), Never> {
        unreachable!("no command has such an argument")
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Never> {
        unreachable!("no command has such an argument")
    }

    numbers!(serialize_u8(u8) serialize_u16(u16) serialize_u32(u32));
    not_in_commands! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}

impl SerializeStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = Never;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec};

    use testbench::{Dice, each_seed};

    use super::super::atat::{self, AtatCmd};
    use super::super::{NoResponse, Text};

    #[derive(AtatCmd)]
    #[at_cmd("", NoResponse)]
    struct Bare;

    #[derive(AtatCmd)]
    #[at_cmd("+X", NoResponse)]
    struct Command {
        first: Option<u8>,
        second: Option<Text<'static, 8>>,
        third: Option<u32>,
    }

    #[derive(AtatCmd)]
    #[at_cmd("+X=1,", NoResponse, value_sep = false)]
    struct WithFixedStart {
        number: u32,
    }

    fn written(command: &impl AtatCmd) -> String {
        let mut buffer = [0; 128];
        let length = command.write(&mut buffer);
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn arguments_left_out_at_the_end_leave_no_comma() {
        let text = Text::new("a").ok();
        let command = |first, second, third| {
            written(&Command {
                first,
                second,
                third,
            })
        };
        assert_eq!(written(&Bare), "AT\r");
        assert_eq!(command(None, None, None), "AT+X\r");
        assert_eq!(command(Some(0), None, None), "AT+X=0\r");
        assert_eq!(command(Some(7), text, None), "AT+X=7,\"a\"\r");
        assert_eq!(written(&WithFixedStart { number: 2 }), "AT+X=1,2\r");
    }

    #[test]
    fn an_argument_left_out_in_the_middle_leaves_its_comma() {
        let command = |first, third| {
            written(&Command {
                first,
                second: None,
                third,
            })
        };
        assert_eq!(command(Some(1), Some(2)), "AT+X=1,,2\r");
        assert_eq!(command(None, Some(2)), "AT+X=,,2\r");
    }

    /// With any number.
    fn at_random(test: impl Fn(&Dice, u32)) {
        each_seed("NUMBERS", 0..256, |seed| {
            let dice = Dice::new(seed);
            let number = dice.roll(1 << 32) as u32;
            test(&dice, number);
        });
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        at_random(|_, number| {
            let command = WithFixedStart { number };
            assert_eq!(written(&command), format!("AT+X=1,{number}\r"));
        });
    }

    #[test]
    fn a_buffer_that_is_too_small_is_told_what_it_lacks() {
        at_random(|dice, number| {
            let command = Command {
                first: None,
                second: Text::new("internet").ok(),
                third: Some(number),
            };
            let whole = written(&command);
            let mut buffer = vec![b'-'; dice.roll(40) as usize];
            assert_eq!(command.write(&mut buffer), whole.len());
            let kept = buffer.len().min(whole.len());
            assert_eq!(&buffer[..kept], &whole.as_bytes()[..kept]);
        });
    }
}
