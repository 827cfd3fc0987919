//! Faults of a module, by name.

use crate::serial::Chop;
use core::str::FromStr;
use core::time::Duration;

/// A fault, to be given to [`ModemHandle::inject`](crate::ModemHandle::inject).
///
/// Each can be read from text as `name=argument,argument`, as the binary does; durations are in
/// milliseconds, probabilities between 0 and 1. The names are given with each variant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// `chop=BYTES` or `chop=random,SEED,MAX`: the host's reads return small chunks.
    Chop(Chop),
    /// `foreign-urcs=PROBABILITY[,SEED]`: URCs that have nothing to do with sockets, wherever a URC may be.
    ForeignUrcs {
        /// At each such place.
        probability: f64,
        /// Start of the generator.
        seed: u64,
    },
    /// `late-recv=MS`: `recv` URCs are delayed.
    LateRecv(Duration),
    /// `lost-recv[=COUNT]`: the next `recv` URCs are not sent.
    LostRecv(u32),
    /// `lost-closed[=COUNT]`: the next `closed` URCs are not sent.
    LostClosed(u32),
    /// `send-fail=COUNT[,taken]`: the next sends end in SEND FAIL.
    SendFail {
        /// So many.
        count: u32,
        /// The data was sent all the same.
        taken: bool,
    },
    /// `send-fail-rate=PROBABILITY[,taken]`: sends end in SEND FAIL.
    SendFailRate {
        /// Of each send.
        probability: f64,
        /// The data was sent all the same.
        taken: bool,
    },
    /// `send-error=COUNT`: the next sends end in ERROR after the payload.
    SendError(u32),
    /// `late-send-ok=MS`: the result of a send is delayed.
    LateSendOk(Duration),
    /// `lost-send-ok[=COUNT]`: the results of the next sends are not sent.
    LostSendOk(u32),
    /// `refuse-open=CODE[,COUNT]`: the next opens fail.
    RefuseOpen {
        /// A code of the note's chapter 4.
        code: u16,
        /// So many.
        count: u32,
    },
    /// `hang-open[=COUNT]`: the next opens have no result and no connection.
    HangOpen(u32),
    /// `lost-open-result[=COUNT]`: the next opens succeed, but `+QIOPEN` is not sent.
    LostOpenResult(u32),
    /// `pdpdeact=CONTEXT[,BYTES]`: the network deactivates the context, now or after this many bytes of payload.
    PdpDeact {
        /// Which.
        context: u8,
        /// Payload in both directions, counted from now.
        after: u64,
    },
    /// `restart[=BYTES]`: the module restarts, now or after this many bytes of payload.
    Restart {
        /// Payload in both directions, counted from now.
        after: u64,
    },
    /// `silent[=MS]`: the module ignores all input and sends nothing, for a time or forever.
    Silent(Option<Duration>),
    /// `left-open=ID`: this connectID is already in use by a socket of an earlier program.
    LeftOpen(u8),
    /// `echo-stays`: ATE0 has no effect.
    EchoStays,
    /// `payload-echo`: AT+QISDE has no effect; payload is echoed.
    PayloadEcho,
    /// `viewmode`: "viewmode" is 1, as if stored long ago.
    ViewMode,
    /// `hex`: "dataformat" is hex in both directions, as if stored long ago.
    HexData,
    /// `short-reads=BYTES`: AT+QIRD returns at most this many bytes.
    ShortReads(usize),
    /// `peer-closes=BYTES`: a peer closes after it has sent this many bytes, whether they were read or not.
    PeerCloses(u64),
    /// `closed-after-close`: a close by the host is followed by a `closed` URC.
    ClosedAfterClose,
    /// `cme-errors[=text]`: errors of socket commands are sent as `+CME ERROR`.
    CmeErrors {
        /// With text instead of the number.
        text: bool,
    },
    /// `dns-fails[=COUNT]`: the next lookups fail with 565.
    DnsFails(u32),
    /// `dns-silent[=COUNT]`: the next lookups are never answered.
    DnsSilent(u32),
    /// `dns-late=MS`: lookups take this long in addition.
    DnsLate(Duration),
    /// `line-loss=PROBABILITY[,SEED]`: whole lines from the module are lost.
    LineLoss {
        /// Of each line.
        probability: f64,
        /// Start of the generator.
        seed: u64,
    },
    /// `read-loss[=COUNT]`: the next +QIRD lines are lost, together with their data.
    ReadLoss(u32),
    /// `slow=COMMAND,MS`: this command takes this time.
    Slow {
        /// By name, such as QICLOSE.
        command: String,
        /// Instead of the latency of the settings.
        delay: Duration,
    },
    /// `prompt-error[=COUNT]`: ERROR instead of the prompt.
    PromptError(u32),
    /// `reading=NAME`: another reading of the note, see [`Readings::flip`](crate::Readings::flip).
    Reading(String),
}

impl Fault {
    /// How each fault is written.
    pub const FORMS: &'static [&'static str] = &[
        "chop=BYTES",
        "chop=random,SEED,MAX",
        "foreign-urcs=PROBABILITY[,SEED]",
        "late-recv=MS",
        "lost-recv[=COUNT]",
        "lost-closed[=COUNT]",
        "send-fail[=COUNT[,taken]]",
        "send-fail-rate=PROBABILITY[,taken]",
        "send-error[=COUNT]",
        "late-send-ok=MS",
        "lost-send-ok[=COUNT]",
        "refuse-open[=CODE[,COUNT]]",
        "hang-open[=COUNT]",
        "lost-open-result[=COUNT]",
        "pdpdeact[=CONTEXT[,BYTES]]",
        "restart[=BYTES]",
        "silent[=MS]",
        "left-open=ID",
        "echo-stays",
        "payload-echo",
        "viewmode",
        "hex",
        "short-reads=BYTES",
        "peer-closes=BYTES",
        "closed-after-close",
        "cme-errors[=text]",
        "dns-fails[=COUNT]",
        "dns-silent[=COUNT]",
        "dns-late=MS",
        "line-loss=PROBABILITY[,SEED]",
        "read-loss[=COUNT]",
        "slow=COMMAND,MS",
        "prompt-error[=COUNT]",
        "reading=NAME",
    ];
}

struct Arguments<'a>(Vec<&'a str>);

impl Arguments<'_> {
    fn text(&self, index: usize) -> Option<&str> {
        self.0.get(index).copied()
    }

    fn need(&self, index: usize) -> Result<&str, String> {
        self.text(index)
            .ok_or_else(|| "an argument is missing".into())
    }

    fn number<T: FromStr>(&self, index: usize, default: Option<T>) -> Result<T, String> {
        match (self.text(index), default) {
            (Some(text), _) => text
                .parse()
                .map_err(|_| format!("not a number of the right kind: {text}")),
            (None, Some(default)) => Ok(default),
            (None, None) => Err("a number is missing".into()),
        }
    }

    fn count(&self, index: usize) -> Result<u32, String> {
        self.number(index, Some(1))
    }

    fn duration(&self, index: usize) -> Result<Duration, String> {
        self.number(index, None).map(Duration::from_millis)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').unwrap_or((text, ""));
        let arguments = Arguments(
            rest.split(',')
                .map(str::trim)
                .filter(|argument| !argument.is_empty())
                .collect(),
        );
        let a = &arguments;
        let fault = match name {
            "chop" if a.text(0) == Some("random") => Fault::Chop(Chop::Random {
                seed: a.number(1, Some(1))?,
                max: a.number(2, Some(16))?,
            }),
            "chop" => Fault::Chop(Chop::Bytes(a.number(0, Some(1))?)),
            "foreign-urcs" => Fault::ForeignUrcs {
                probability: a.number(0, None)?,
                seed: a.number(1, Some(1))?,
            },
            "late-recv" => Fault::LateRecv(a.duration(0)?),
            "lost-recv" => Fault::LostRecv(a.count(0)?),
            "lost-closed" => Fault::LostClosed(a.count(0)?),
            "send-fail" => Fault::SendFail {
                count: a.count(0)?,
                taken: a.text(1) == Some("taken"),
            },
            "send-fail-rate" => Fault::SendFailRate {
                probability: a.number(0, None)?,
                taken: a.text(1) == Some("taken"),
            },
            "send-error" => Fault::SendError(a.count(0)?),
            "late-send-ok" => Fault::LateSendOk(a.duration(0)?),
            "lost-send-ok" => Fault::LostSendOk(a.count(0)?),
            "refuse-open" => Fault::RefuseOpen {
                code: a.number(0, Some(566))?,
                count: a.count(1)?,
            },
            "hang-open" => Fault::HangOpen(a.count(0)?),
            "lost-open-result" => Fault::LostOpenResult(a.count(0)?),
            "pdpdeact" => Fault::PdpDeact {
                context: a.number(0, Some(1))?,
                after: a.number(1, Some(0))?,
            },
            "restart" => Fault::Restart {
                after: a.number(0, Some(0))?,
            },
            "silent" => Fault::Silent(a.text(0).map(|_| a.duration(0)).transpose()?),
            "left-open" => Fault::LeftOpen(a.number(0, None)?),
            "echo-stays" => Fault::EchoStays,
            "payload-echo" => Fault::PayloadEcho,
            "viewmode" => Fault::ViewMode,
            "hex" => Fault::HexData,
            "short-reads" => Fault::ShortReads(a.number(0, Some(1))?),
            "peer-closes" => Fault::PeerCloses(a.number(0, None)?),
            "closed-after-close" => Fault::ClosedAfterClose,
            "cme-errors" => Fault::CmeErrors {
                text: a.text(0) == Some("text"),
            },
            "dns-fails" => Fault::DnsFails(a.count(0)?),
            "dns-silent" => Fault::DnsSilent(a.count(0)?),
            "dns-late" => Fault::DnsLate(a.duration(0)?),
            "line-loss" => Fault::LineLoss {
                probability: a.number(0, None)?,
                seed: a.number(1, Some(1))?,
            },
            "read-loss" => Fault::ReadLoss(a.count(0)?),
            "slow" => Fault::Slow {
                command: a.need(0)?.to_ascii_uppercase(),
                delay: a.duration(1)?,
            },
            "prompt-error" => Fault::PromptError(a.count(0)?),
            "reading" => {
                let name = a.need(0)?;
                crate::Readings::default().flip(name)?;
                Fault::Reading(name.into())
            }
            _ => {
                return Err(format!(
                    "no fault is called {name}; there are {}",
                    Fault::FORMS.join(", ")
                ));
            }
        };
        Ok(fault)
    }
}
