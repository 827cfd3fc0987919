//! Faults from text. Arguments that are wrong, out of range or too many are refused.

use super::{Fault, NoAddress, When};
use crate::serial::Chop;
use core::cell::Cell;
use core::fmt::Display;
use core::ops::RangeInclusive;
use core::str::FromStr;
use core::time::Duration;

/// Codes of the note's chapter 4.
const CODES: RangeInclusive<u16> = 550..=574;
const CONTEXTS: RangeInclusive<u8> = 1..=16;
const COUNTS: RangeInclusive<u32> = 0..=u32::MAX;
const SIZES: RangeInclusive<usize> = 0..=usize::MAX;

/// The arguments of a fault, and how far they have been looked at.
struct Arguments<'a> {
    all: Vec<&'a str>,
    seen: Cell<usize>,
}

impl Arguments<'_> {
    fn text(&self, index: usize) -> Option<&str> {
        self.seen.set(self.seen.get().max(index + 1));
        self.all.get(index).copied()
    }

    fn value<T: FromStr>(&self, index: usize, default: Option<T>) -> Result<T, String> {
        match (self.text(index), default) {
            (Some(text), _) => text
                .parse()
                .map_err(|_| format!("not of the right kind: {text}")),
            (None, Some(default)) => Ok(default),
            (None, None) => Err("an argument is missing".into()),
        }
    }

    fn number<T: FromStr + PartialOrd + Display + Copy>(
        &self,
        index: usize,
        range: RangeInclusive<T>,
        default: Option<T>,
    ) -> Result<T, String> {
        let value = self.value(index, default)?;
        if range.contains(&value) {
            Ok(value)
        } else {
            let (start, end) = (range.start(), range.end());
            Err(format!("{value} is outside {start} to {end}"))
        }
    }

    fn count(&self, index: usize) -> Result<u32, String> {
        self.number(index, COUNTS, Some(1))
    }

    fn size(&self, index: usize, least: usize) -> Result<usize, String> {
        self.number(index, least..=*SIZES.end(), None)
    }

    fn duration(&self, index: usize) -> Result<Duration, String> {
        // A day is longer than any test, and far from an overflow.
        self.number(index, 0..=86_400_000, None)
            .map(Duration::from_millis)
    }

    fn probability(&self) -> Result<f64, String> {
        self.number(0, 0.0..=1.0, None)
    }

    fn seed(&self, index: usize) -> Result<u64, String> {
        self.value(index, Some(1))
    }

    /// Whether a word is there.
    fn flag(&self, index: usize, word: &str) -> Result<bool, String> {
        match self.text(index) {
            None => Ok(false),
            Some(text) if text == word => Ok(true),
            Some(text) => Err(format!("{text} stands where only {word} may")),
        }
    }

    /// The name of a command, without the letters AT if it is an extended one.
    fn command(&self) -> Result<String, String> {
        let name = self.value::<String>(0, None)?.to_ascii_uppercase();
        let name = name.strip_prefix("AT+").unwrap_or(&name);
        let right = |c: char| c.is_ascii_alphanumeric() || c == '&';
        if name.chars().all(right) {
            Ok(name.into())
        } else {
            Err(format!("no command is called {name}"))
        }
    }

    fn end(&self, name: &str) -> Result<(), String> {
        match self.all.get(self.seen.get()) {
            None => Ok(()),
            Some(text) => Err(format!("{name} has no argument {text}")),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = match text.split_once('=') {
            Some((_, "")) => return Err("nothing stands behind =".into()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let mut all: Vec<&str> = match rest {
            "" => Vec::new(),
            rest => rest.split(',').map(str::trim).collect(),
        };
        if all.iter().any(|argument| argument.is_empty()) {
            return Err(format!("{name}: an argument is empty"));
        }
        let when = all.last().and_then(|last| last.split_once('='));
        let when = match when {
            Some(("every", number)) => Some(When::Every(occasion(number)?)),
            Some(("at", number)) => Some(When::At(occasion(number)?)),
            _ => None,
        };
        if when.is_some() {
            all.pop();
        }
        let arguments = Arguments {
            all,
            seen: Cell::new(0),
        };
        let fault = parse(name, &arguments)?;
        arguments.end(name)?;
        match when {
            None => Ok(fault),
            Some(when) if fault.counts() => Ok(Fault::Scheduled {
                fault: Box::new(fault),
                when,
            }),
            Some(_) => Err(format!("{name} has no occasions to count")),
        }
    }
}

fn occasion(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("not a number of occasions: {text}"))
}

fn parse(name: &str, a: &Arguments<'_>) -> Result<Fault, String> {
    Ok(match name {
        "chop" if a.all.first() == Some(&"random") => Fault::Chop(Chop::Random {
            seed: a.seed(1)?,
            max: a.number(2, 1..=*SIZES.end(), Some(16))?,
        }),
        "chop" => Fault::Chop(Chop::Bytes(a.size(0, 1)?)),
        "foreign-urcs" => Fault::ForeignUrcs {
            probability: a.probability()?,
            seed: a.seed(1)?,
        },
        "unknown-urcs" => Fault::UnknownUrcs {
            probability: a.probability()?,
            seed: a.seed(1)?,
        },
        "sms-lines" => Fault::SmsLines {
            probability: a.probability()?,
            seed: a.seed(1)?,
        },
        "late-recv" => Fault::LateRecv(a.duration(0)?),
        "lost-recv" => Fault::LostRecv(a.count(0)?),
        "lost-closed" => Fault::LostClosed(a.count(0)?),
        "send-fail" => Fault::SendFail {
            count: a.count(0)?,
            taken: a.flag(1, "taken")?,
        },
        "send-fail-rate" => Fault::SendFailRate {
            probability: a.probability()?,
            taken: a.flag(1, "taken")?,
        },
        "send-error" => Fault::SendError(a.count(0)?),
        "late-send-ok" => Fault::LateSendOk(a.duration(0)?),
        "lost-send-ok" => Fault::LostSendOk(a.count(0)?),
        "send-ok-behind" => Fault::SendOkBehind(a.count(0)?),
        "prompt-error" => Fault::PromptError(a.count(0)?),
        "lost-prompt" => Fault::LostPrompt(a.count(0)?),
        "refuse-peer" => Fault::RefusePeer {
            address: a.value(0, None)?,
            code: a.number(1, CODES, Some(552))?,
        },
        "refuse-open" => Fault::RefuseOpen {
            code: a.number(0, CODES, Some(566))?,
            count: a.count(1)?,
        },
        "hang-open" => Fault::HangOpen(a.count(0)?),
        "lost-open-result" => Fault::LostOpenResult(a.count(0)?),
        "result-first" => Fault::ResultFirst(a.count(0)?),
        "pdpdeact" => Fault::PdpDeact {
            context: a.number(0, CONTEXTS, Some(1))?,
            after: a.value(1, Some(0))?,
        },
        "pdpdeact-only" => Fault::PdpDeactOnly(a.number(0, CONTEXTS, Some(1))?),
        "context-dropped" => Fault::ContextDropped {
            context: a.number(0, CONTEXTS, Some(1))?,
            listed: a.flag(1, "listed")?,
        },
        "context-drifts" => Fault::ContextDrifts(a.number(0, CONTEXTS, Some(1))?),
        "late-address" => Fault::LateAddress {
            delay: a.duration(0)?,
            shows: match a.text(1) {
                None | Some("empty") => NoAddress::Empty,
                Some("zero") => NoAddress::Zero,
                Some("absent") => NoAddress::Absent,
                Some(other) => return Err(format!("no address is shown as {other}")),
            },
        },
        "deact-fails" => Fault::DeactFails(a.count(0)?),
        "cfun" => match a.number(0, 0..=4, None)? {
            level @ (0 | 1 | 4) => Fault::Functionality(level),
            level => return Err(format!("there is no functionality {level}")),
        },
        "restart" => Fault::Restart {
            after: a.value(0, Some(0))?,
        },
        "restart-inside" => Fault::RestartInside {
            command: a.command()?,
            bytes: a.size(1, 0)?,
            count: a.count(2)?,
        },
        "silent" => Fault::Silent(a.text(0).map(|_| a.duration(0)).transpose()?),
        "mute" => Fault::Mute {
            command: a.command()?,
            count: a.count(1)?,
        },
        "swallow" => Fault::Swallow {
            command: a.command()?,
            count: a.count(1)?,
        },
        "refuse" => Fault::Refuse {
            command: a.command()?,
            code: a.number(1, 0..=*CODES.end(), None)?,
            count: a.count(2)?,
        },
        "slow" => Fault::Slow {
            command: a.command()?,
            delay: a.duration(1)?,
        },
        "one-behind" => Fault::OneBehind,
        "left-open" => Fault::LeftOpen(a.number(0, 0..=11, None)?),
        "echo-stays" => Fault::EchoStays,
        "payload-echo" => Fault::PayloadEcho,
        "viewmode" => Fault::ViewMode,
        "hex" => Fault::HexData,
        "multiplexer" => Fault::Multiplexer,
        "short-reads" => Fault::ShortReads(a.size(0, 1)?),
        "read-loss" => Fault::ReadLoss(a.count(0)?),
        "lose-data" => Fault::LoseData {
            bytes: a.size(0, 1)?,
            offset: a.text(1).map(|_| a.size(1, 0)).transpose()?,
            count: a.count(2)?,
        },
        "cut-data" => Fault::CutData {
            bytes: a.size(0, 0)?,
            count: a.count(1)?,
        },
        "pause-data" => Fault::PauseData {
            time: a.duration(0)?,
            offset: a.number(1, SIZES, Some(0))?,
            count: a.count(2)?,
        },
        "counters-lag" => Fault::CountersLag(a.value(0, None)?),
        "peer-closes" => Fault::PeerCloses(a.value(0, None)?),
        "black-hole" => Fault::BlackHole,
        "closed-after-close" => Fault::ClosedAfterClose,
        "resume-fails" => Fault::ResumeFails(a.count(0)?),
        "cme-errors" => Fault::CmeErrors {
            text: a.flag(0, "text")?,
        },
        "dns-fails" => Fault::DnsFails(a.count(0)?),
        "dns-silent" => Fault::DnsSilent(a.count(0)?),
        "dns-late" => Fault::DnsLate(a.duration(0)?),
        "ping-loss" => Fault::PingLoss {
            probability: a.probability()?,
            seed: a.seed(1)?,
        },
        "ntp-fails" => Fault::NtpFails {
            code: a.number(0, CODES, Some(565))?,
            count: a.count(1)?,
        },
        "ntp-late" => Fault::NtpLate(a.duration(0)?),
        "line-loss" => Fault::LineLoss {
            probability: a.probability()?,
            seed: a.seed(1)?,
        },
        "reading" => {
            let name: String = a.value(0, None)?;
            crate::Readings::default().flip(&name)?;
            Fault::Reading(name)
        }
        _ => {
            return Err(format!("no fault is called {name}"));
        }
    })
}

impl Fault {
    /// Whether the fault counts its occasions, so that `every=N` and `at=N` mean something.
    fn counts(&self) -> bool {
        use Fault::*;
        matches!(
            self,
            LostRecv(_)
                | LostClosed(_)
                | SendFail { .. }
                | SendError(_)
                | LostSendOk(_)
                | SendOkBehind(_)
                | PromptError(_)
                | LostPrompt(_)
                | RefuseOpen { .. }
                | HangOpen(_)
                | LostOpenResult(_)
                | ResultFirst(_)
                | DeactFails(_)
                | RestartInside { .. }
                | Mute { .. }
                | Swallow { .. }
                | Refuse { .. }
                | ReadLoss(_)
                | LoseData { .. }
                | CutData { .. }
                | PauseData { .. }
                | ResumeFails(_)
                | DnsFails(_)
                | DnsSilent(_)
                | NtpFails { .. }
        )
    }
}
