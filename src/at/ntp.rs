//! The time of an NTP server: AT+QNTP (2.1.12); the module's clock: AT+CCLK? (3GPP TS 27.007).

use core::num::NonZeroU16;

use serde_at::serde::{Deserialize, Deserializer};

use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{Fields, remainder, unquoted};
use super::errors::ErrorCode;
use super::fields::{Clipped, ContextId, Host, Switch};
use super::response::{AnswerText, NoResponse};

/// `AT+QNTP=?`: lists the supported contexts and ports (2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QNTP=?", AnswerText, timeout_ms = 60_000)]
pub struct TestSynchronizeTime;

/// `AT+QNTP?`: returns the server of the query in progress (2.1.12). An error or no line if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QNTP?", TimeServer, timeout_ms = 60_000)]
pub struct QueryTimeServer;

/// `+QNTP: <server>,<port>` (2.1.12).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TimeServer {
    /// The name or address of the server.
    #[at_arg(position = 0)]
    pub server: Clipped<128>,
    /// The port of the server.
    #[at_arg(position = 1)]
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

/// A whole line.
impl<'de> Deserialize<'de> for TimeSynchronized {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, |line| {
            let mut fields = Fields::of_line(line);
            Some(Self {
                result: ErrorCode::check(fields.next()?),
                time: DateTime::of(fields.remainder()),
            })
        })
    }
}

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
        let (date, time) = text.trim_ascii().split_once(',')?;
        let mut date = date.splitn(3, '/');
        let year = date.next()?;
        let century = match year.len() {
            2 => 2000,
            4 => 0,
            _ => return None,
        };
        let (time, zone) = match time.find(['+', '-']) {
            Some(sign) => {
                let (time, zone) = time.split_at_checked(sign)?;
                (time, Some(parse_zone(zone)?))
            }
            None => (time, None),
        };
        let mut time = time.splitn(3, ':');
        Some(Self {
            year: century + number(year, 0, 9_999)?,
            month: number(date.next()?, 1, 12)? as u8,
            day: number(date.next()?, 1, 31)? as u8,
            hour: number(time.next()?, 0, 23)? as u8,
            minute: number(time.next()?, 0, 59)? as u8,
            second: number(time.next()?, 0, 60)? as u8,
            zone,
        })
    }
}

/// At most four digits, within a range.
fn number(digits: &str, min: u16, max: u16) -> Option<u16> {
    if digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    (min..=max).contains(&number).then_some(number)
}

fn parse_zone(text: &str) -> Option<i8> {
    let (sign, digits) = text.split_at_checked(1)?;
    Some(if sign == "-" {
        -(number(digits, 0, 48)? as i8)
    } else {
        number(digits, 0, 56)? as i8
    })
}

/// All that is left of the line: the text contains a comma, and some modules omit the quotes.
impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        remainder(deserializer, Self::of)
    }
}

/// `AT+CCLK?`: returns the time of the module's clock (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CCLK?", Clock, timeout_ms = 5_000)]
pub struct QueryClock;

/// `+CCLK: <time>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    /// The time.
    #[at_arg(position = 0)]
    pub time: DateTime,
}
