//! Personalities: what the families of modules do differently from the note, each fact with its origin.

use crate::readings::{Errors, LastError, Prompt};
use crate::settings::Settings;
use core::fmt;
use core::str::FromStr;

/// Where a fact is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A document of the vendor.
    Document,
    /// The transcript or log of a module.
    Transcript,
    /// The code of a driver or simulator.
    Code,
    /// Nowhere: likely, and nobody has seen it.
    Assumed,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mark::Document => "vendor document",
            Mark::Transcript => "seen in a transcript",
            Mark::Code => "driver code",
            Mark::Assumed => "assumed",
        })
    }
}

/// One difference from the note, and how the settings get it.
#[derive(Clone, Copy)]
pub struct Fact {
    /// In words.
    pub what: &'static str,
    /// Where it is from.
    pub mark: Mark,
    apply: fn(&mut Settings),
}

const fn fact(what: &'static str, mark: Mark, apply: fn(&mut Settings)) -> Fact {
    Fact { what, mark, apply }
}

/// A family of modules; the default settings are the note's own module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Model {
    /// EC25, EC21, EC20, EG25-G, EG21-G, EM05.
    Ec25,
    /// EG91, EG95.
    Eg91,
    /// BG96.
    Bg96,
    /// BG95, BG77, BG600L.
    Bg95,
    /// EC200U, EG915U.
    Ec200u,
    /// EC200A, EC200S, EG800K, EC800M.
    Ec200a,
    /// UC200T.
    Uc200t,
    /// BG770A.
    Bg770a,
}

use Mark::{Assumed, Code, Document, Transcript};

const EC25: &[Fact] = &[
    fact("boot: RDY, no APP RDY", Transcript, |_| {}),
    fact("15 s from power to the port", Code, |s| s.boot_ms(15_000)),
    fact("PSM and eDRX are not there", Assumed, |s| {
        s.unknown(&["CPSMS", "CEDRXS", "CEDRXRDP"])
    }),
];

const EG91: &[Fact] = &[
    fact("name EG91", Document, |s| s.identity[1] = "EG91".into()),
    fact("revision EG91EFBR06A05M4G", Assumed, |s| {
        s.revision("EG91EFBR06A05M4G")
    }),
    fact("12 s from power to the port", Code, |s| s.boot_ms(12_000)),
    fact("UDP LISTENER", Document, |s| s.udp_listener = true),
    fact("guard time above 1004 ms", Code, |s| s.guard_ms(1004)),
    fact("PSM and eDRX are not there", Assumed, |s| {
        s.unknown(&["CPSMS", "CEDRXS", "CEDRXRDP"])
    }),
];

const BG96: &[Fact] = &[
    fact("name BG96", Document, |s| s.identity[1] = "BG96".into()),
    fact("revision BG96MAR02A07M1G", Transcript, |s| {
        s.revision("BG96MAR02A07M1G")
    }),
    fact(
        "boot: RDY, +CFUN: 1, APP RDY, +CPIN, +QUSIM, +QIND",
        Transcript,
        |s| {
            s.boots(&[
                "RDY",
                "+CFUN: 1",
                "APP RDY",
                "+CPIN: READY",
                "+QUSIM: 1",
                "+QIND: SMS DONE",
            ])
        },
    ),
    fact("4.9 s from power to the port", Code, |s| s.boot_ms(4900)),
    fact("state 3 of a client", Transcript, |s| {
        s.readings.client_state_3 = true
    }),
    fact("state 4 of a listener", Transcript, |s| {
        s.readings.listener_state_4 = true
    }),
    fact(
        "AT+QIACT of a context that was never configured is OK",
        Transcript,
        |s| s.readings.unconfigured_activates = true,
    ),
    fact("blanks behind commas are accepted", Transcript, |s| {
        s.readings.blanks_accepted = true
    }),
    fact("IPv6 addresses with dots (old firmware)", Transcript, |s| {
        s.readings.ipv6_dotted = true
    }),
    fact("UDP SERVICE on IPv6 binds 0:0:0:0:0:0:0:1", Code, |s| {
        s.readings.service_wants_ipv6 = true
    }),
    fact(
        "AT+CFUN=1,1: POWERED DOWN, a late pdpdeact, RDY",
        Transcript,
        |s| s.readings.reset_is_told = true,
    ),
    fact(
        "\"recvind\", \"tcp/keepalive\", \"udp/readmode\", \"udp/sendmode\", \"tcp/accept\", \"recv/buffersize\" not seen",
        Assumed,
        |s| {
            s.without_keys(&[
                "recvind",
                "tcp/keepalive",
                "udp/readmode",
                "udp/sendmode",
                "tcp/accept",
                "recv/buffersize",
            ])
        },
    ),
    fact("AT+QIGETERROR without blank", Transcript, |s| {
        s.readings.last_error = LastError::WithoutBlank
    }),
];

const BG95: &[Fact] = &[
    fact("name BG95-M3", Document, |s| {
        s.identity[1] = "BG95-M3".into()
    }),
    fact("revision BG95M3LAR02A04", Assumed, |s| {
        s.revision("BG95M3LAR02A04")
    }),
    fact("boot: RDY, APP RDY", Transcript, |s| {
        s.boots(&["RDY", "APP RDY"])
    }),
    fact("2.5 s from power to the port", Code, |s| s.boot_ms(2500)),
    fact("local port 0 in AT+QISTATE", Transcript, |s| {
        s.readings.local_port_zero = true
    }),
    fact("recv with a length in buffer mode", Document, |s| {
        s.readings.notice_has_length = true
    }),
    fact("prompt > without blank", Document, |s| {
        s.readings.prompt = Prompt::Bare
    }),
    fact("a failed lookup has the code alone", Transcript, |s| {
        s.readings.failed_lookup_short = true
    }),
    fact("AT+QICLOSE of a free id is an error", Code, |s| {
        s.readings.close_unused_is_ok = false
    }),
    fact("port cmux1 under the multiplexer", Code, |s| {
        s.port = "cmux1".into()
    }),
    fact(
        "\"dns/cache\", \"qisend/timeout\", \"passiveclosed\", \"udp/readmode\", \"udp/sendmode\", \"tcp/accept\", \"recv/buffersize\" not there",
        Document,
        |s| {
            s.without_keys(&[
                "dns/cache",
                "qisend/timeout",
                "passiveclosed",
                "udp/readmode",
                "udp/sendmode",
                "tcp/accept",
                "recv/buffersize",
            ])
        },
    ),
];

/// Of the families with chips of Unisoc and ASR.
const KEEP_ALIVE_IN_SECONDS: Fact =
    fact("\"tcp/keepalive\" in seconds, up to 1800", Document, |s| {
        s.limits.keep_alive_idle = 1800
    });

/// Of the families with chips of Unisoc and ASR.
const WITHOUT_CACHE_AND_BUFFER_SIZE: Fact = fact(
    "\"dns/cache\", \"recv/buffersize\" not there",
    Document,
    |s| s.without_keys(&["dns/cache", "recv/buffersize"]),
);

const EC200U: &[Fact] = &[
    fact("name EC200U", Document, |s| s.identity[1] = "EC200U".into()),
    fact("revision EC200UCNAAR03A15M08", Transcript, |s| {
        s.revision("EC200UCNAAR03A15M08")
    }),
    fact("boot: RDY", Assumed, |s| s.boots(&["RDY"])),
    fact("contexts 1-7, seven at once", Document, |s| {
        (s.limits.contexts, s.limits.active) = (7, 7)
    }),
    fact("authentication 0-2", Document, |s| {
        s.limits.authentication = 2
    }),
    fact(
        "the prompt is left after 5 s, \"qisend/timeout\" in seconds up to 120",
        Document,
        |s| s.prompt_seconds = Some(5),
    ),
    KEEP_ALIVE_IN_SECONDS,
    fact("\"tcp/retranscfg\" 3-12, 5-60 s", Document, |s| {
        s.limits.retransmission = (12, 60)
    }),
    fact(
        "\"sendinfo\", \"formatcfg\", \"close/mode\", \"send/auto\", \"recv/ignore\", \"pdp/retry\"",
        Document,
        |s| {
            s.with_keys(&[
                "sendinfo",
                "formatcfg",
                "close/mode",
                "send/auto",
                "recv/ignore",
                "pdp/retry",
            ])
        },
    ),
    WITHOUT_CACHE_AND_BUFFER_SIZE,
    fact("\"tcp/twrecycle\"", Document, |s| {
        s.with_keys(&["tcp/twrecycle"])
    }),
    fact("URC ports uart2, uart3, usbnmea too", Document, |s| {
        for port in ["uart2", "uart3", "usbnmea"] {
            s.urc_ports.insert(port.into());
        }
    }),
    fact("no setting of AT+QICFG is kept", Document, |s| {
        s.readings.settings_are_volatile = true
    }),
    fact(
        "AT+QICSGP is refused while the context is up",
        Document,
        |s| s.readings.active_context_is_fixed = true,
    ),
];

const EC200A: &[Fact] = &[
    fact("name EG800K", Document, |s| s.identity[1] = "EG800K".into()),
    fact("revision EG800KEULCR07A07M04", Assumed, |s| {
        s.revision("EG800KEULCR07A07M04")
    }),
    fact(
        "boot: RDY, +QIND: SMS DONE, +QIND: PB DONE",
        Transcript,
        |s| s.boots(&["RDY", "+QIND: SMS DONE", "+QIND: PB DONE"]),
    ),
    fact("10 s from power to the port", Code, |s| s.boot_ms(10_000)),
    fact("contexts 1-8", Transcript, |s| s.limits.contexts = 8),
    fact("URCs on usbat until AT+QURCCFG", Document, |s| {
        s.stored.urc_port = "usbat".into()
    }),
    fact("+CME ERROR: 3 in place of the prompt", Code, |s| {
        s.readings.prompt_error_is_cme = true
    }),
    fact("errors of socket commands as +CME ERROR", Code, |s| {
        s.readings.errors = Errors::Numeric
    }),
    fact("one line end behind the data of AT+QIRD", Code, |s| {
        s.readings.read_ends_with_blank_line = false
    }),
    fact("AT+QIGETERROR without blank", Transcript, |s| {
        s.readings.last_error = LastError::WithoutBlank
    }),
    KEEP_ALIVE_IN_SECONDS,
    fact(
        "\"sendinfo\", \"formatcfg\", \"close/mode\", \"send/auto\", \"recv/ignore\", \"pdp/retry\", \"wakeup/data\"",
        Document,
        |s| {
            s.with_keys(&[
                "sendinfo",
                "formatcfg",
                "close/mode",
                "send/auto",
                "recv/ignore",
                "pdp/retry",
                "wakeup/data",
            ])
        },
    ),
    fact("\"send/buffersize\", \"TCP/SendMode\"", Document, |s| {
        s.with_keys(&["send/buffersize", "tcp/sendmode"])
    }),
    WITHOUT_CACHE_AND_BUFFER_SIZE,
];

const UC200T: &[Fact] = &[
    fact("name UC200T", Document, |s| s.identity[1] = "UC200T".into()),
    fact("revision UC200TEMAAR01A03M1G", Assumed, |s| {
        s.revision("UC200TEMAAR01A03M1G")
    }),
    fact(
        "registered by CREG and CGREG, never by CEREG",
        Assumed,
        |s| {
            s.registration_told.insert("CEREG".into(), 0);
        },
    ),
    fact("port uart1", Transcript, |s| s.port("uart1")),
];

const BG770A: &[Fact] = &[
    fact("name BG770A-GL", Document, |s| {
        s.identity[1] = "BG770A-GL".into()
    }),
    fact("revision BG770AGLAAR02A05", Assumed, |s| {
        s.revision("BG770AGLAAR02A05")
    }),
    fact("contexts 1-5", Transcript, |s| s.limits.contexts = 5),
    fact("authentication 0-2", Transcript, |s| {
        s.limits.authentication = 2
    }),
    fact("errors as +CME ERROR: text", Transcript, |s| {
        s.readings.errors = Errors::Text
    }),
    fact("AT+QIGETERROR without blank", Transcript, |s| {
        s.readings.last_error = LastError::WithoutBlank
    }),
    fact("a successful lookup without time to live", Code, |s| {
        s.readings.lookup_without_ttl = true
    }),
];

impl Model {
    /// All of them.
    pub const ALL: &'static [Model] = &[
        Model::Ec25,
        Model::Eg91,
        Model::Bg96,
        Model::Bg95,
        Model::Ec200u,
        Model::Ec200a,
        Model::Uc200t,
        Model::Bg770a,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Model::Ec25 => "ec25",
            Model::Eg91 => "eg91",
            Model::Bg96 => "bg96",
            Model::Bg95 => "bg95",
            Model::Ec200u => "ec200u",
            Model::Ec200a => "ec200a",
            Model::Uc200t => "uc200t",
            Model::Bg770a => "bg770a",
        }
    }

    /// What differs from the default settings.
    pub fn facts(self) -> &'static [Fact] {
        match self {
            Model::Ec25 => EC25,
            Model::Eg91 => EG91,
            Model::Bg96 => BG96,
            Model::Bg95 => BG95,
            Model::Ec200u => EC200U,
            Model::Ec200a => EC200A,
            Model::Uc200t => UC200T,
            Model::Bg770a => BG770A,
        }
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let found = Model::ALL.iter().find(|model| model.name() == name);
        found
            .copied()
            .ok_or_else(|| format!("no model is called {text}"))
    }
}

impl Settings {
    /// Takes on the personality of a family, on top of what is set already.
    pub fn model(mut self, model: Model) -> Self {
        for fact in model.facts() {
            (fact.apply)(&mut self);
        }
        self
    }

    fn boots(&mut self, lines: &[&str]) {
        self.boot_messages = lines.iter().map(ToString::to_string).collect();
    }

    fn revision(&mut self, text: &str) {
        self.identity[2] = text.into();
    }

    fn boot_ms(&mut self, milliseconds: u64) {
        self.boot_time = core::time::Duration::from_millis(milliseconds);
    }

    fn guard_ms(&mut self, milliseconds: u64) {
        self.guard_time = core::time::Duration::from_millis(milliseconds);
    }

    fn unknown(&mut self, commands: &[&str]) {
        let commands = commands.iter().map(ToString::to_string);
        self.unknown_commands.extend(commands);
    }

    fn port(&mut self, name: &str) {
        self.port = name.into();
        self.stored.urc_port = name.into();
    }

    fn with_keys(&mut self, keys: &[&str]) {
        let keys = keys.iter().map(ToString::to_string);
        self.extra_keys.extend(keys);
    }

    fn without_keys(&mut self, keys: &[&str]) {
        let keys = keys.iter().map(ToString::to_string);
        self.missing_keys.extend(keys);
    }
}
