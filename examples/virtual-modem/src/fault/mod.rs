//! Faults of a module, by name.

mod parse;
mod table;

use crate::serial::Chop;
use core::time::Duration;
use std::net::IpAddr;

/// When a fault that counts its occasions strikes; written `every=N` or `at=N` behind the other arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At every N-th occasion, counted from now.
    Every(u32),
    /// At the N-th occasion only.
    At(u32),
}

/// What AT+QIACT? has in place of an address that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// `""`
    Empty,
    /// `"0.0.0.0"`
    Zero,
    /// No line for the context.
    Absent,
}

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
    /// `unknown-urcs=PROBABILITY[,SEED]`: URCs that no document has, wherever a URC may be.
    UnknownUrcs {
        /// At each such place.
        probability: f64,
        /// Start of the generator.
        seed: u64,
    },
    /// `sms-lines=PROBABILITY[,SEED]`: text messages as lines, wherever a URC may be.
    SmsLines {
        /// At each such place.
        probability: f64,
        /// Start of the generator.
        seed: u64,
    },
    /// `send-ok-behind[=COUNT]`: the result of a send comes in front of the answer to the command after it.
    SendOkBehind(u32),
    /// `lost-prompt[=COUNT]`: the prompt is not sent, and the module waits for payload.
    LostPrompt(u32),
    /// `refuse-peer=ADDRESS[,CODE]`: AT+QISEND of a UDP SERVICE to this address fails.
    RefusePeer {
        /// Of the peer.
        address: IpAddr,
        /// A code of the note's chapter 4.
        code: u16,
    },
    /// `result-first[=COUNT]`: the result of AT+QIOPEN or AT+QIDNSGIP comes in front of its OK.
    ResultFirst(u32),
    /// `pdpdeact-only[=CONTEXT]`: the URC alone, while the context stays as it is.
    PdpDeactOnly(u8),
    /// `context-dropped[=CONTEXT[,listed]]`: the network has dropped the context without a word; 570 until
    /// AT+QIDEACT.
    ContextDropped {
        /// Which.
        context: u8,
        /// AT+QIACT? still shows it.
        listed: bool,
    },
    /// `context-drifts[=CONTEXT]`: the bearer moves to context 9, and no connection succeeds.
    ContextDrifts(u8),
    /// `late-address=MS[,empty|zero|absent]`: AT+QIACT? has no address for a time behind AT+QIACT.
    LateAddress {
        /// So long.
        delay: Duration,
        /// What stands in its place.
        shows: NoAddress,
    },
    /// `deact-fails[=COUNT]`: AT+QIDEACT fails with 562.
    DeactFails(u32),
    /// `cfun=LEVEL`: the module is in this functionality, and boots into it.
    Functionality(u8),
    /// `restart-inside=COMMAND,BYTES[,COUNT]`: the module restarts inside an answer.
    RestartInside {
        /// By name; PUSH is a pushed frame.
        command: String,
        /// Bytes of the answer that are still sent.
        bytes: usize,
        /// So many times.
        count: u32,
    },
    /// `mute=COMMAND[,COUNT]`: the command is carried out, and its answer not sent.
    Mute {
        /// By name; ALL is every command.
        command: String,
        /// So many times.
        count: u32,
    },
    /// `swallow=COMMAND[,COUNT]`: the command line does not reach the module.
    Swallow {
        /// By name; ALL is every command.
        command: String,
        /// So many times.
        count: u32,
    },
    /// `refuse=COMMAND,CODE[,COUNT]`: the command fails.
    Refuse {
        /// By name.
        command: String,
        /// From 550 on as socket commands fail, below as `+CME ERROR`, 0 as a bare ERROR.
        code: u16,
        /// So many times.
        count: u32,
    },
    /// `one-behind`: every answer comes only behind the next command.
    OneBehind,
    /// `multiplexer`: an earlier program left the multiplexer (3GPP TS 27.010) on.
    Multiplexer,
    /// `lose-data=BYTES[,OFFSET[,COUNT]]`: bytes are lost from data that is read or pushed.
    LoseData {
        /// So many.
        bytes: usize,
        /// From here on; `None` is from the end.
        offset: Option<usize>,
        /// From so many reads or frames.
        count: u32,
    },
    /// `cut-data=BYTES[,COUNT]`: data that is read or pushed ends early, and nothing follows.
    CutData {
        /// Behind so many bytes.
        bytes: usize,
        /// So many reads or frames.
        count: u32,
    },
    /// `pause-data=MS[,OFFSET[,COUNT]]`: a pause inside data that is read or pushed.
    PauseData {
        /// Its length.
        time: Duration,
        /// Behind so many bytes.
        offset: usize,
        /// In so many reads or frames.
        count: u32,
    },
    /// `counters-lag=BYTES`: AT+QIRD=id,0 shows a "have read" that lags.
    CountersLag(u64),
    /// `black-hole`: nothing arrives at peers or comes from them.
    BlackHole,
    /// `resume-fails[=COUNT]`: ATO answers NO CARRIER although the connection lives.
    ResumeFails(u32),
    /// `ping-loss=PROBABILITY[,SEED]`: echo requests of AT+QPING get no answer.
    PingLoss {
        /// Of each request.
        probability: f64,
        /// Start of the generator.
        seed: u64,
    },
    /// `ntp-fails[=CODE[,COUNT]]`: AT+QNTP fails.
    NtpFails {
        /// A code of the note's chapter 4.
        code: u16,
        /// So many times.
        count: u32,
    },
    /// `ntp-late=MS`: AT+QNTP takes this much longer.
    NtpLate(Duration),
    /// `NAME=...,every=N` or `NAME=...,at=N`: a fault that counts its occasions, at some of them only.
    Scheduled {
        /// Which; its own count is not looked at.
        fault: Box<Fault>,
        /// At which occasions.
        when: When,
    },
    /// `reading=NAME`: another reading of the note or shape of the wire, see [`Readings::flip`](crate::Readings::flip).
    Reading(String),
}

impl Fault {
    /// How each fault is written, and what it does.
    pub const TABLE: &'static [(&'static str, &'static str)] = table::TABLE;
}
