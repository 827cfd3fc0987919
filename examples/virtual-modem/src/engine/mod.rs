//! The module's inside: pure state over a clock, a network and bytes.
//!
//! [`Core`] does no I/O on its own. The run loop gives it the bytes of the host, lets it look at the
//! network, and takes what it has to say.

mod close;
mod command;
mod config;
mod context;
mod data_mode;
mod dns;
mod faults;
mod general;
mod identity;
mod input;
mod message;
mod open;
mod output;
mod outside;
mod ping;
mod power;
mod profile;
mod radio;
mod receive;
mod send;
mod socket;

use crate::log::{Content, Direction, Entry};
use crate::network::Network;
use crate::readings::Readings;
use crate::settings::Settings;
use crate::syntax::{Command, Form};
use crate::{code, time};
use close::Linger;
use config::Config;
use context::ContextState;
use core::time::Duration;
use data_mode::DataMode;
use faults::Faults;
use profile::Profile;
use send::Pending;
use socket::Socket;
use std::collections::{BTreeMap, VecDeque};

pub use socket::{Service, SocketState};

/// Number of connectIDs.
pub const SOCKETS: usize = 12;

type Action = Box<dyn FnOnce(&mut Core) + Send>;

/// The time so much behind another, both in microseconds.
fn later(time: u64, delay: Duration) -> u64 {
    time.saturating_add(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX))
}

/// A function that sees every entry of the log.
pub type Trace = Box<dyn Fn(&Entry) + Send>;

/// What the bytes of the host mean at the moment.
enum Mode {
    Command,
    /// Behind a `>`.
    Prompt(Pending),
    /// A text message is being written.
    Message(message::Draft),
    /// Transparent access mode.
    Data(DataMode),
    /// A call of ATD.
    Call(profile::Call),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Off,
    Booting,
    On,
}

/// How a command ends.
enum Reply {
    /// These lines, then OK.
    Lines(Vec<String>),
    /// The code is kept for AT+QIGETERROR.
    Fail(u16),
    /// An error of another kind of command, in the numbering of +CME ERROR.
    Equipment(u16),
    /// A correct host never does this.
    Wrong(String),
    /// Another final result.
    Final(&'static str),
    /// The module does not know the command.
    Unknown,
    /// All has been said.
    Said,
    /// Comes later, by [`Core::finish`].
    Later,
}

impl Reply {
    fn ok() -> Self {
        Reply::Lines(Vec::new())
    }

    fn line(line: impl Into<String>) -> Self {
        Reply::Lines(vec![line.into()])
    }
}

/// So that `?` serves for arguments.
impl From<String> for Reply {
    fn from(violation: String) -> Self {
        Reply::Wrong(violation)
    }
}

/// Counts of what has passed; see [`ModemHandle::counters`](crate::ModemHandle::counters).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Bytes that arrived at the module.
    pub bytes_to_module: u64,
    /// Bytes that arrived at the host.
    pub bytes_to_host: u64,
    /// Bytes lost because the host did not read and there was no flow control.
    pub overruns: u64,
    /// Command lines.
    pub commands: u64,
    /// URCs.
    pub urcs: u64,
    /// Payload taken from the host.
    pub payload_sent: u64,
    /// Payload that arrived from peers.
    pub payload_received: u64,
    /// Restarts of the module, asked for or not.
    pub restarts: u64,
    /// Violations of the protocol by the host.
    pub violations: u64,
}

/// How many violations are kept; more are counted.
const VIOLATION_LIMIT: usize = 10_000;
/// How much of a violation's text is kept, in characters.
const VIOLATION_TEXT: usize = 400;
/// How many entries the log keeps, and how many bytes of text in them.
const LOG_LIMIT: usize = 200_000;
const LOG_BYTES: usize = 32 * 1024 * 1024;
/// How many commands are counted by name; others are counted as "OTHERS".
const COMMAND_LIMIT: usize = 1000;

pub(crate) struct Core {
    /// Those without faults.
    first_readings: Readings,
    pub settings: Settings,
    pub network: Box<dyn Network>,
    pub counters: Counters,
    pub commands: BTreeMap<String, usize>,
    pub violations: Vec<String>,
    pub log: VecDeque<Entry>,
    log_bytes: usize,
    pub trace: Option<Trace>,
    /// Bytes for the host that the run loop has not taken yet.
    pub output: Vec<u8>,
    /// Bytes that the line has not carried yet, kept current by the run loop.
    pub backlog: usize,
    /// A change of the line's chopping, for the run loop.
    pub chop: Option<crate::serial::Chop>,
    started: bool,
    /// What was asked for before the module ran for the first time.
    early: Vec<Action>,
    power: Power,
    on_since: u64,
    silent_until: Option<u64>,
    now: u64,
    events: BTreeMap<(u64, u64), Action>,
    event_count: u64,
    generation: u64,
    held: VecDeque<output::Held>,
    line: Vec<u8>,
    /// For A/.
    last_line: Vec<u8>,
    /// The commands behind the one in flight, on the same line.
    rest: VecDeque<Command>,
    /// Bytes that the run loop has taken, and the place where the last answer ends among them.
    pub handed: u64,
    answer_end: u64,
    /// Bytes that the host has not read yet, kept current by the run loop.
    pub unread: usize,
    mode: Mode,
    /// The command that has no final result yet.
    busy: Option<Command>,
    busy_since: u64,
    intruded: bool,
    /// An answer that goes out in front of the next one.
    withheld: Option<Vec<u8>>,
    /// An answer that goes out in place of the next one.
    behind: Option<Vec<u8>>,
    /// What is put on the line during a pause; it goes out behind it.
    stalled: Option<Vec<u8>>,
    /// The rest of what is put is lost, up to the end of the answer.
    cut: bool,
    multiplexed: bool,
    profile: Profile,
    stored_profile: Option<Profile>,
    payload_echo: bool,
    equipment_errors: u32,
    last_error: u16,
    data_terminal_ready: bool,
    config: Config,
    urc_port: String,
    contexts: [ContextState; 16],
    sockets: [Option<Socket>; SOCKETS],
    /// The host may not know that these ids are closed.
    excused: [bool; SOCKETS],
    lingering: Vec<Linger>,
    resumable: Option<u8>,
    dns_running: bool,
    ntp_running: Option<(String, u32)>,
    clock_set: Option<String>,
    /// Text messages sent, and to whom.
    pub messages: Vec<(String, Vec<u8>)>,
    message_reference: u8,
    pin_given: bool,
    pin_failures: u32,
    attached: bool,
    has_call: bool,
    rate: u32,
    /// A new rate of the UART, for the run loop.
    pub new_rate: Option<u32>,
    operator_mode: u32,
    operator_format: u32,
    registers: BTreeMap<u8, u32>,
    /// Values of commands that only keep them.
    kept: BTreeMap<String, String>,
    message_format: u32,
    inbox: Vec<Option<message::Message>>,
    fresh_line: bool,
    functionality: u32,
    network_up: bool,
    /// The module has slept, and loses the next command line.
    has_slept: bool,
    /// The DTR line as somebody outside holds it.
    pub held_ready: bool,
    report_registration: BTreeMap<String, u32>,
    faults: Faults,
}

impl Core {
    pub fn new(settings: Settings, network: Box<dyn Network>) -> Self {
        let seed = settings.seed;
        let mut core = Core {
            network,
            counters: Counters::default(),
            commands: BTreeMap::new(),
            violations: Vec::new(),
            log: VecDeque::new(),
            log_bytes: 0,
            trace: None,
            output: Vec::new(),
            backlog: 0,
            chop: None,
            started: false,
            early: Vec::new(),
            power: Power::Off,
            on_since: 0,
            silent_until: None,
            now: 0,
            events: BTreeMap::new(),
            event_count: 0,
            generation: 0,
            held: VecDeque::new(),
            line: Vec::new(),
            last_line: Vec::new(),
            rest: VecDeque::new(),
            handed: 0,
            answer_end: 0,
            unread: 0,
            mode: Mode::Command,
            busy: None,
            busy_since: 0,
            intruded: false,
            withheld: None,
            behind: None,
            stalled: None,
            cut: false,
            multiplexed: false,
            profile: Profile {
                echo: settings.echo,
                ..Profile::default()
            },
            stored_profile: None,
            payload_echo: true,
            equipment_errors: 1,
            last_error: code::SUCCESS,
            data_terminal_ready: true,
            config: Config::default(),
            urc_port: settings.stored.urc_port.clone(),
            contexts: Default::default(),
            sockets: Default::default(),
            excused: [false; SOCKETS],
            lingering: Vec::new(),
            resumable: None,
            dns_running: false,
            ntp_running: None,
            clock_set: None,
            messages: Vec::new(),
            message_reference: 0,
            pin_given: false,
            pin_failures: 0,
            attached: true,
            has_call: false,
            rate: settings.rate.unwrap_or(115_200),
            new_rate: settings.rate,
            operator_mode: 0,
            operator_format: 0,
            registers: BTreeMap::new(),
            kept: BTreeMap::new(),
            message_format: 1,
            inbox: message::stored(&settings.inbox),
            fresh_line: false,
            functionality: settings.functionality.into(),
            network_up: true,
            has_slept: false,
            held_ready: true,
            report_registration: BTreeMap::new(),
            faults: Faults::new(seed),
            first_readings: settings.readings.clone(),
            settings,
        };
        core.forget();
        // A module that runs already has whatever an earlier host set.
        core.profile.echo = core.settings.echo;
        core
    }

    /// Called by the run loop before anything else of a round.
    pub fn begin(&mut self) {
        self.now = time::micros();
        if !self.started {
            self.started = true;
            if self.settings.cold {
                self.boot();
            } else {
                self.power = Power::On;
                self.on_since = self.now;
                self.take_up_what_was_left();
            }
            for action in core::mem::take(&mut self.early) {
                action(self);
            }
        }
    }

    /// Acts from outside: now, or once the module runs, whose clock is then known.
    pub fn act(&mut self, action: impl FnOnce(&mut Core) + Send + 'static) {
        if self.started {
            self.now = time::micros();
            action(self);
        } else {
            self.early.push(Box::new(action));
        }
    }

    /// Does what is due. True if anything was.
    pub fn fire(&mut self) -> bool {
        self.now = time::micros();
        let mut fired = false;
        if self.silent_until.is_some_and(|until| until <= self.now) {
            self.silent_until = None;
            self.remark("no longer silent");
            fired = true;
        }
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let action = entry.remove();
            action(self);
            fired = true;
        }
        fired
    }

    /// The next time at which [`Core::fire`] has something to do.
    pub fn deadline(&self) -> Option<u64> {
        let event = self.events.keys().next().map(|(at, _)| *at);
        let silent = self.silent_until.filter(|until| *until != u64::MAX);
        event.into_iter().chain(silent).min()
    }

    fn after(&mut self, delay: Duration, action: impl FnOnce(&mut Core) + Send + 'static) {
        self.event_count += 1;
        let at = later(self.now, delay);
        self.events.insert((at, self.event_count), Box::new(action));
    }

    fn is_deaf(&self) -> bool {
        self.power != Power::On || self.silent_until.is_some()
    }

    fn record(&mut self, direction: Direction, content: Content) {
        let entry = Entry {
            time: Duration::from_micros(self.now),
            direction,
            content,
        };
        if let Some(trace) = &self.trace {
            trace(&entry);
        }
        self.log_bytes += entry.content.kept();
        self.log.push_back(entry);
        while self.log.len() > LOG_LIMIT || self.log_bytes > LOG_BYTES {
            let Some(oldest) = self.log.pop_front() else {
                break;
            };
            self.log_bytes -= oldest.content.kept();
        }
    }

    pub fn clear_log(&mut self) {
        self.log.clear();
        self.log_bytes = 0;
    }

    fn record_payload(&mut self, direction: Direction, bytes: &[u8]) {
        let start = bytes[..bytes.len().min(Content::EXCERPT)].to_vec();
        self.record(
            direction,
            Content::Payload {
                length: bytes.len(),
                start,
            },
        );
    }

    pub fn remark(&mut self, text: impl Into<String>) {
        self.now = time::micros();
        self.record(Direction::Remark, Content::Line(text.into()));
    }

    fn violation(&mut self, text: impl Into<String>) {
        let text: String = text.into().chars().take(VIOLATION_TEXT).collect();
        self.remark(format!("violation: {text}"));
        self.counters.violations += 1;
        if self.violations.len() == VIOLATION_LIMIT {
            return;
        }
        self.violations
            .push(format!("{:?}: {text}", Duration::from_micros(self.now)));
    }
}

/// A form that the command does not have.
fn wrong_form(form: &Form) -> Reply {
    Reply::Wrong(format!("no such form: {form:?}"))
}
