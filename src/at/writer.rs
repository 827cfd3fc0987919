//! How a command is put into a buffer.

use core::net::IpAddr;
use core::num::{NonZeroU16, NonZeroU32};

const DECIMAL: NonZeroU32 = NonZeroU32::new(10).unwrap();
const HEXADECIMAL: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// The most arguments that a command has.
const MAX_ARGUMENTS: usize = 7;

/// The arguments of a command. What is not given is absent.
pub(crate) type Arguments<'a> = [Value<'a>; MAX_ARGUMENTS];

/// No arguments.
pub(crate) const NO_ARGUMENTS: Arguments<'static> = [Value::Absent; MAX_ARGUMENTS];

/// A command of the crate's own.
pub(crate) trait Command<'a> {
    /// Its text up to the arguments.
    const NAME: &'static str;

    /// Puts its arguments where there are none, and says its name.
    fn fill(self, arguments: &mut Arguments<'a>) -> &'static str;
}

/// Writes a command of the crate's own.
pub(super) fn write<'a>(command: impl Command<'a>, buffer: &mut [u8]) -> usize {
    let mut arguments = NO_ARGUMENTS;
    let name = command.fill(&mut arguments);
    write_command(buffer, name, &arguments)
}

/// Writes a command with its arguments and the CR that ends it, and says how many bytes it has.
///
/// If that is more than the buffer holds, what is in the buffer is not all of it.
pub(crate) fn write_command(buffer: &mut [u8], name: &str, arguments: &[Value<'_>]) -> usize {
    let mut writer = Writer::new(buffer);
    writer.text(name);
    let mut separator = None;
    for argument in arguments {
        if *argument == Value::Absent {
            continue;
        }
        if let Some(separator) = separator {
            writer.byte(separator);
        }
        separator = Some(b',');
        writer.argument(argument);
    }
    writer.byte(b'\r');
    writer.length
}

/// An argument as it stands in a command.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u32)] // A word is stored with a shorter instruction than a byte.
pub(crate) enum Value<'a> {
    /// Not given. Only the last ones can be.
    Absent,
    Number(u32),
    /// In quotes.
    Text(&'a str),
    /// In quotes.
    Address(IpAddr),
}

/// What can be an argument of a command.
pub(super) trait Argument<'a> {
    fn value(self) -> Value<'a>;
}

impl Argument<'_> for u16 {
    fn value(self) -> Value<'static> {
        Value::Number(self.into())
    }
}

impl Argument<'_> for NonZeroU16 {
    fn value(self) -> Value<'static> {
        Value::Number(self.get().into())
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Option<T> {
    fn value(self) -> Value<'a> {
        self.map_or(Value::Absent, T::value)
    }
}

/// Bytes of a command, one after the other.
///
/// One that has no room any more is counted all the same.
pub(super) struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Writer<'b> {
    pub(super) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// What is written.
    pub(super) fn written(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.buffer.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
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

    fn argument(&mut self, argument: &Value<'_>) {
        match argument {
            Value::Absent => {}
            Value::Number(number) => self.number(*number, DECIMAL),
            Value::Text(text) => {
                self.byte(b'"');
                self.text(text);
                self.byte(b'"');
            }
            Value::Address(address) => {
                self.byte(b'"');
                self.address(address);
                self.byte(b'"');
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

/// Implements [`atat::AtatCmd`] for a command: its text up to the arguments, the fields that are its arguments, the type
/// of its answer, and how long that may take.
///
/// `serde_at`, which atat's own macro goes through, takes some hundred bytes of flash for each command.
macro_rules! command {
    ($command:ty = $name:literal $([$($field:ident),+])? -> $answer:ty, $timeout:literal ms) => {
        impl<'a> $crate::at::writer::Command<'a> for $command {
            const NAME: &'static str = $name;

            #[allow(unused_mut, unused_variables)] // Without arguments.
            fn fill(self, arguments: &mut $crate::at::writer::Arguments<'a>) -> &'static str {
                let mut places = arguments.iter_mut();
                $($(if let Some(place) = places.next() {
                    *place = $crate::at::writer::Argument::value(self.$field);
                })+)?
                <Self as $crate::at::writer::Command<'a>>::NAME
            }
        }

        impl<'a> atat::AtatCmd for $command {
            type Response = $answer;

            const MAX_TIMEOUT_MS: u32 = $timeout;

            fn write(&self, buffer: &mut [u8]) -> usize {
                $crate::at::writer::write(*self, buffer)
            }

            fn parse(
                &self,
                answer: Result<&[u8], atat::InternalError>,
            ) -> Result<$answer, atat::Error> {
                $crate::at::response::parse(answer)
            }
        }
    };
}
pub(super) use command;

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec};

    use proptest::prelude::*;

    use super::*;

    fn written(name: &str, arguments: &[Value<'_>]) -> String {
        let mut buffer = [0; 128];
        let length = write_command(&mut buffer, name, arguments);
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn arguments_that_are_not_given_leave_no_comma() {
        use Value::{Absent, Number, Text};
        assert_eq!(written("AT", &[]), "AT\r");
        assert_eq!(written("AT+X=", &[Number(0), Absent]), "AT+X=0\r");
        assert_eq!(
            written("AT+X=", &[Number(7), Text("a"), Absent, Absent]),
            "AT+X=7,\"a\"\r"
        );
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_they_are_read(number: u32) {
            prop_assert_eq!(written("AT+X=", &[Value::Number(number)]), format!("AT+X={number}\r"));
        }

        #[test]
        fn a_buffer_that_is_too_small_is_told_what_it_lacks(size in 0_usize..40, number: u32) {
            let arguments = [Value::Number(number), Value::Text("internet")];
            let whole = written("AT+X=", &arguments);
            let mut buffer = vec![b'-'; size];
            prop_assert_eq!(write_command(&mut buffer, "AT+X=", &arguments), whole.len());
            let kept = size.min(whole.len());
            prop_assert_eq!(&buffer[..kept], &whole.as_bytes()[..kept]);
        }
    }
}
