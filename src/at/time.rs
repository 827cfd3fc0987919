//! Time of day: AT+QNTP (2.1.12), AT+CCLK? (3GPP TS 27.007).

use core::num::NonZeroU16;

use super::{
    address::Host,
    clipped::Clipped,
    error_code::ErrorCode,
    field::{Fields, Parse},
    ids::ContextId,
    parameters::Switch,
    response::{AnswerText, NoResponse, answers},
    writer::command,
};

answers!(TimeServer, Clock);

/// `AT+QNTP=?`: which contexts and ports there are (2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestSynchronizeTime;

command!(TestSynchronizeTime = "AT+QNTP=?" -> AnswerText, 60_000 ms);

/// `AT+QNTP?`: the server that is being asked (2.1.12). An error or no line if none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryTimeServer;

command!(QueryTimeServer = "AT+QNTP?" -> TimeServer, 60_000 ms);

/// `+QNTP: <server>,<port>` (2.1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TimeServer {
    /// Name or address.
    pub server: Clipped<128>,
    /// Port.
    pub port: u16,
}

impl Parse for TimeServer {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            server: fields.next()?,
            port: fields.next()?,
        })
    }
}

/// `AT+QNTP=<contextID>,<server>[,<port>[,<autosettime>]]`: asks an NTP server for the time
/// (2.1.12).
///
/// The result is [`Urc::TimeSynchronized`](super::Urc::TimeSynchronized), at most 125 s later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynchronizeTime<'a> {
    context: ContextId,
    server: Host<'a>,
    port: Option<NonZeroU16>,
    set_clock: Option<Switch>,
}

command!(SynchronizeTime<'a> = "AT+QNTP=" [context, server, port, set_clock]
    -> NoResponse, 125_000 ms);

impl<'a> SynchronizeTime<'a> {
    const NTP_PORT: NonZeroU16 = NonZeroU16::new(123).unwrap();

    /// Asks `server` at its usual port.
    #[must_use]
    pub const fn new(context: ContextId, server: Host<'a>) -> Self {
        Self {
            context,
            server,
            port: None,
            set_clock: None,
        }
    }

    /// Asks at this port, 1 to 65535.
    #[must_use]
    pub const fn port(mut self, port: NonZeroU16) -> Self {
        self.port = Some(port);
        self
    }

    /// Says whether the module sets its own clock too.
    #[must_use]
    pub const fn set_clock(mut self, set: Switch) -> Self {
        self.set_clock = Some(set);
        if self.port.is_none() {
            self.port = Some(Self::NTP_PORT);
        }
        self
    }
}

/// `+QNTP: <err>[,<time>]`, see [`Urc::TimeSynchronized`](super::Urc::TimeSynchronized).
pub(crate) struct Synchronized {
    pub(crate) result: Result<(), ErrorCode>,
    pub(crate) time: Option<DateTime>,
}

impl Parse for Synchronized {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            result: ErrorCode::check(fields.next()?),
            time: fields.optional_quoted()?.and_then(DateTime::of),
        })
    }
}

/// A moment as the module tells it, `YYYY/MM/DD,hh:mm:ss±zz` (2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DateTime {
    /// Year. Of two digits those of 2000 to 2099 are made.
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
    /// Time zone in quarters of an hour east of UTC, -48 to 56, if the module tells. Modules have
    /// been seen to give the time of UTC next to the local zone.
    pub zone: Option<i8>,
}

impl DateTime {
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        core::str::from_utf8(text).ok().and_then(Self::parse)
    }

    /// The moment in a text from the module, without quotes.
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

/// Digits only, at most four, within a range.
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

impl Parse for DateTime {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.quoted().and_then(Self::of)
    }
}

/// `AT+CCLK?`: the module's clock (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryClock;

command!(QueryClock = "AT+CCLK?" -> Clock, 5_000 ms);

/// `+CCLK: <time>` (3GPP TS 27.007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    /// The time.
    pub time: DateTime,
}

impl Parse for Clock {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            time: fields.next()?,
        })
    }
}
