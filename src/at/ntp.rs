//! The time of an NTP server: AT+QNTP (2.1.12); the module's clock: AT+CCLK? (3GPP TS 27.007).

use core::num::NonZeroU16;

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{Fields, deserialize_by, unquoted};
use super::errors::ErrorCode;
use super::fields::{Clipped, ContextId, Host, Switch};
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;

bare_commands! {
    /// `AT+QNTP=?`: lists the supported contexts and ports (2.1.12).
    TestSynchronizeTime "+QNTP=?" -> AnswerText, 60_000;
    /// `AT+QNTP?`: returns the server of the query in progress (2.1.12). An error or no line if there is none.
    QueryTimeServer "+QNTP?" -> TimeServer, 60_000;
    /// `AT+CCLK?`: returns the time of the module's clock (3GPP TS 27.007).
    QueryClock "+CCLK?" -> Clock, 5_000;
}

/// `+QNTP: <server>,<port>` (2.1.12).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TimeServer {
    /// The name or address of the server.
    pub server: Clipped<128>,
    /// The port of the server.
    pub port: u16,
}

/// `AT+QNTP=<contextID>,<server>[,<port>[,<autosettime>]]`: queries an NTP server (2.1.12).
///
/// The result is [`Urc::TimeSynchronized`](super::Urc::TimeSynchronized), at most 125 s later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QNTP", NoResponse, timeout_ms = 125_000)]
pub struct SynchronizeTime<'a> {
    #[at_arg(position = 0)]
    context: ContextId,
    #[at_arg(position = 1)]
    server: Host<'a>,
    #[at_arg(position = 2)]
    port: Option<NonZeroU16>,
    #[at_arg(position = 3)]
    set_clock: Option<Switch>,
}

impl<'a> SynchronizeTime<'a> {
    const NTP_PORT: NonZeroU16 = NonZeroU16::new(123).unwrap();

    /// A query to port 123 of `server`.
    #[must_use]
    pub const fn new(context: ContextId, server: Host<'a>) -> Self {
        Self {
            context,
            server,
            port: None,
            set_clock: None,
        }
    }

    /// Sets the port, 1 to 65535. Default 123.
    #[must_use]
    pub const fn port(mut self, port: NonZeroU16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets whether the module sets its own clock by the result.
    #[must_use]
    pub const fn set_clock(mut self, set: Switch) -> Self {
        self.set_clock = Some(set);
        if self.port.is_none() {
            self.port = Some(Self::NTP_PORT);
        }
        self
    }
}

/// `+QNTP: <err>[,<time>]`: the late result of [`SynchronizeTime`] (2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TimeSynchronized {
    /// Whether the server has answered.
    pub result: Result<(), ErrorCode>,
    /// The time. `None` if the field is missing or cannot be read.
    pub time: Option<DateTime>,
}

// A whole line.
deserialize_by!(remainder, TimeSynchronized, |line| {
    let mut fields = Fields::of_line(line);
    Some(Self {
        result: ErrorCode::check(fields.next()?),
        time: DateTime::of(fields.remainder()),
    })
});

/// Date and time, `YYYY/MM/DD,hh:mm:ss±zz` (2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DateTime {
    /// Year. Two digits on the wire are 2000 to 2099.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 60.
    pub second: u8,
    /// Time zone in quarters of an hour east of UTC, -48 to 56; `None` if the module does not send it. Some modules send the
    /// time in UTC with the local zone.
    pub zone: Option<i8>,
}

impl DateTime {
    fn of(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(unquoted(text)).ok()?;
        Self::parse(text)
    }

    /// Reads a text of the module, without quotes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let mut signs = text.bytes().filter(|byte| !byte.is_ascii_digit());
        if !b"//,::".iter().all(|&sign| signs.next() == Some(sign)) {
            return None;
        }
        let mut numbers = text.split(|character: char| !character.is_ascii_digit());
        let mut next = |min, max| number(numbers.next()?, min, max);
        Some(Self {
            year: match text.find('/')? {
                2 => 2000 + next(0, 99)?,
                4 => next(0, 9_999)?,
                _ => return None,
            },
            month: next(1, 12)? as u8,
            day: next(1, 31)? as u8,
            hour: next(0, 23)? as u8,
            minute: next(0, 59)? as u8,
            second: next(0, 60)? as u8,
            zone: match (signs.next(), signs.next()) {
                (None, _) => None,
                (Some(b'+'), None) => Some(next(0, 56)? as i8),
                (Some(b'-'), None) => Some(-(next(0, 48)? as i8)),
                _ => return None,
            },
        })
    }
}

/// At most four digits, within a range.
fn number(digits: &str, min: u16, max: u16) -> Option<u16> {
    let number = digits.parse().ok().filter(|_| digits.len() <= 4)?;
    (min..=max).contains(&number).then_some(number)
}

// All that is left of the line: the text contains a comma, and some modules omit the quotes.
deserialize_by!(remainder, DateTime, Self::of);

/// `+CCLK: <time>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    /// The time.
    pub time: DateTime,
}
