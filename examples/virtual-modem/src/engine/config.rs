//! AT+QICFG, AT+QISDE and AT+QIGETERROR (sections 2.1.15 to 2.1.17).

use super::{Core, Reply, wrong_form};
use crate::code;
use crate::readings::LastError;
use crate::settings::Settings;
use crate::syntax::{Arguments, Form};
use std::collections::BTreeMap;

/// The settings of AT+QICFG.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub packet_size: usize,
    /// In units of 100 ms.
    pub packet_wait: u32,
    /// Sent and received: 1 is hexadecimal.
    pub data_format: (u32, u32),
    pub view_mode: u32,
    retransmission: (u32, u32),
    dns_cache: u32,
    /// Milliseconds; 0 is no limit.
    pub send_timeout: u32,
    /// The host has set it.
    pub send_timeout_set: bool,
    /// 1: the module closes its direction of a connection that the peer has closed.
    pub passive_close: u32,
    pub udp_read_stream: bool,
    udp_send_stream: u32,
    pub accepts: bool,
    keep_alive: Option<(u32, u32, u32)>,
    pub buffer_size: usize,
    pub notice_has_length: bool,
    /// Keys beyond the note's, as they were given.
    pub extra: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            packet_size: 1024,
            packet_wait: 2,
            data_format: (0, 0),
            view_mode: 0,
            retransmission: (12, 600),
            dns_cache: 1,
            send_timeout: 0,
            send_timeout_set: false,
            extra: BTreeMap::new(),
            passive_close: 0,
            udp_read_stream: false,
            udp_send_stream: 0,
            accepts: true,
            keep_alive: None,
            buffer_size: 10_240,
            notice_has_length: false,
        }
    }
}

/// The times of "tcp/keepalive" when it is switched on without any; the note names no defaults.
const KEEP_ALIVE: (u32, u32, u32) = (120, 75, 9);

impl Config {
    /// All settings are kept in NV, except "tcp/retranscfg" (note to section 2.1.15), if the module keeps any.
    pub fn after_power_on(&mut self, settings: &Settings) {
        let fresh = Config::default();
        if settings.readings.settings_are_volatile {
            *self = fresh;
        } else {
            self.retransmission = fresh.retransmission;
        }
        self.view_mode = settings.stored.view_mode;
        self.data_format = settings.stored.data_format;
    }
}

/// Keys and values of AT+QICFG=?; those with limits of the family are filled in.
const TEST: &[(&str, &str)] = &[
    ("transpktsize", "(1-1460)"),
    ("transwaittm", "(0-20)"),
    ("dataformat", "(0,1),(0,1)"),
    ("viewmode", "(0,1)"),
    ("tcp/retranscfg", "(3-{backoffs}),(5-{rto})"),
    ("dns/cache", "(0,1)"),
    ("qisend/timeout", "(0-{prompt})"),
    ("passiveclosed", "(0,1)"),
    ("udp/readmode", "(0,1)"),
    ("udp/sendmode", "(0,1)"),
    ("tcp/accept", "(0,1)"),
    ("tcp/keepalive", "(0,1),(1-{idle}),(25-100),(3-10)"),
    ("recv/buffersize", "(10240-524288)"),
    ("recvind", "(0,1)"),
];

/// Settings that the note does not have, and other families do.
const OF_OTHER_FAMILIES: &[&str] = &[
    "sendinfo",
    "formatcfg",
    "close/mode",
    "send/auto",
    "recv/ignore",
    "pdp/retry",
    "wakeup/data",
    "send/buffersize",
    "tcp/sendmode",
    "tcp/twrecycle",
];

impl Core {
    pub(super) fn configure(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(Reply::Lines(self.config_ranges())),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=5)?;
        let key = arguments.string(0)?.to_ascii_lowercase();
        if self.settings.extra_keys.contains(&key) {
            return Ok(self.configure_extra(key, &arguments));
        }
        let missing = self.settings.missing_keys.contains(&key);
        if missing || OF_OTHER_FAMILIES.contains(&key.as_str()) {
            // A host that serves the whole family asks for them, and takes the refusal.
            return Err(Reply::Fail(code::INVALID_PARAMETERS));
        }
        if arguments.has(1) {
            self.set_config(&key, &arguments)?;
            Ok(Reply::ok())
        } else {
            Ok(Reply::line(format!(
                "+QICFG: \"{key}\",{}",
                self.config_values(&key)?
            )))
        }
    }

    /// The lines of AT+QICFG=?.
    fn config_ranges(&self) -> Vec<String> {
        let (settings, limits) = (&self.settings, &self.settings.limits);
        let rows = TEST
            .iter()
            .filter(|(key, _)| !settings.missing_keys.contains(*key));
        let rows = rows.map(|(key, values)| {
            let values = values
                .replace("{backoffs}", &limits.retransmission.0.to_string())
                .replace("{rto}", &limits.retransmission.1.to_string())
                .replace("{idle}", &limits.keep_alive_idle.to_string())
                .replace("{prompt}", &self.longest_prompt().to_string());
            format!("+QICFG: \"{key}\",{values}")
        });
        rows.collect()
    }

    /// "qisend/timeout": as it was set, or the family's.
    pub(super) fn prompt_time(&self) -> u32 {
        let default = self.settings.prompt_seconds;
        default
            .filter(|_| !self.config.send_timeout_set)
            .unwrap_or(self.config.send_timeout)
    }

    /// Largest value of "qisend/timeout".
    fn longest_prompt(&self) -> u32 {
        match self.settings.prompt_seconds {
            Some(_) => 120,
            None => 3600,
        }
    }

    /// Keys of other families: kept; "formatcfg", "sendinfo" and "close/mode" have their effect.
    fn configure_extra(&mut self, key: String, arguments: &Arguments<'_>) -> Reply {
        if !arguments.has(1) {
            let value = self.config.extra.get(&key).map_or("0", String::as_str);
            let shown = if key == "tcp/sendmode" {
                "TCP/SendMode"
            } else {
                &key
            };
            return Reply::line(format!("+QICFG: \"{shown}\",{value}"));
        }
        let values = arguments.0[1..].iter().map(ToString::to_string);
        let values = values.collect::<Vec<_>>().join(",");
        self.config.extra.insert(key, values);
        Reply::ok()
    }

    /// Whether a key of another family is 1.
    pub(super) fn has_extra(&self, key: &str) -> bool {
        self.config.extra.get(key).is_some_and(|value| value == "1")
    }

    fn config_values(&self, key: &str) -> Result<String, String> {
        let config = &self.config;
        Ok(match key {
            "transpktsize" => config.packet_size.to_string(),
            "transwaittm" => config.packet_wait.to_string(),
            "dataformat" => format!("{},{}", config.data_format.0, config.data_format.1),
            "viewmode" => config.view_mode.to_string(),
            "tcp/retranscfg" => format!("{},{}", config.retransmission.0, config.retransmission.1),
            "dns/cache" => config.dns_cache.to_string(),
            "qisend/timeout" => self.prompt_time().to_string(),
            "passiveclosed" => config.passive_close.to_string(),
            "udp/readmode" => u32::from(config.udp_read_stream).to_string(),
            "udp/sendmode" => config.udp_send_stream.to_string(),
            "tcp/accept" => u32::from(config.accepts).to_string(),
            "tcp/keepalive" => match config.keep_alive {
                None => "0".into(),
                Some((idle, interval, probes)) => format!("1,{idle},{interval},{probes}"),
            },
            "recv/buffersize" => config.buffer_size.to_string(),
            "recvind" => u32::from(config.notice_has_length).to_string(),
            _ => return Err(format!("no setting is called {key}")),
        })
    }

    fn set_config(&mut self, key: &str, arguments: &Arguments<'_>) -> Result<(), Reply> {
        let values = arguments.0.len() - 1;
        let right = match key {
            "dataformat" | "tcp/retranscfg" => values == 2,
            "tcp/keepalive" => values == 1 || values == 4,
            _ => values == 1,
        };
        if !right {
            return Err(format!("{values} values for {key}").into());
        }
        let flag = || arguments.number(1, 0..=1);
        let longest_prompt = self.longest_prompt();
        let config = &mut self.config;
        match key {
            "transpktsize" => config.packet_size = arguments.number(1, 1..=1460)? as usize,
            "transwaittm" => config.packet_wait = arguments.number(1, 0..=20)?,
            "dataformat" => {
                config.data_format = (flag()?, arguments.number(2, 0..=1)?);
                self.settings.stored.data_format = config.data_format;
            }
            "viewmode" => {
                config.view_mode = flag()?;
                self.settings.stored.view_mode = config.view_mode;
            }
            "tcp/retranscfg" => {
                let values = (arguments.number(1, 3..=20)?, arguments.number(2, 5..=1000)?);
                let (backoffs, rto) = self.settings.limits.retransmission;
                if values.0 > backoffs || values.1 > rto {
                    return Err(Reply::Fail(code::INVALID_PARAMETERS));
                }
                config.retransmission = values;
            }
            "dns/cache" => config.dns_cache = flag()?,
            "qisend/timeout" => {
                config.send_timeout = arguments.number(1, 0..=longest_prompt)?;
                config.send_timeout_set = true;
            }
            "passiveclosed" => config.passive_close = flag()?,
            "udp/readmode" => config.udp_read_stream = flag()? == 1,
            "udp/sendmode" => config.udp_send_stream = flag()?,
            "tcp/accept" => config.accepts = flag()? == 1,
            "tcp/keepalive" => {
                let on = flag()? == 1;
                if values == 4 {
                    let times = (
                        arguments.number(2, 1..=self.settings.limits.keep_alive_idle)?,
                        arguments.number(3, 25..=100)?,
                        arguments.number(4, 3..=10)?,
                    );
                    config.keep_alive = on.then_some(times);
                } else {
                    let times = config.keep_alive.unwrap_or(KEEP_ALIVE);
                    config.keep_alive = on.then_some(times);
                }
            }
            "recv/buffersize" => {
                config.buffer_size = arguments.number(1, 10_240..=524_288)? as usize
            }
            "recvind" => config.notice_has_length = flag()? == 1,
            _ => return Err(format!("no setting is called {key}").into()),
        }
        Ok(())
    }

    pub(super) fn switch_payload_echo(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => Ok(Reply::line("+QISDE: (0,1)")),
            Form::Read => Ok(Reply::line(format!(
                "+QISDE: {}",
                u32::from(self.payload_echo)
            ))),
            Form::Write(arguments) => {
                let arguments = Arguments(arguments);
                arguments.count(1..=1)?;
                self.payload_echo = arguments.number(0, 0..=1)? == 1;
                Ok(Reply::ok())
            }
            Form::Execute => Err(wrong_form(form)),
        }
    }

    pub(super) fn query_error(&mut self, form: &Form) -> Result<Reply, Reply> {
        match form {
            Form::Test => return Ok(Reply::ok()),
            Form::Execute => {}
            _ => return Err(wrong_form(form)),
        }
        let last = self.last_error;
        Ok(Reply::line(match self.settings.readings.last_error {
            LastError::WithBlank => format!("+QIGETERROR: {last}, {}", code::meaning(last)),
            LastError::WithoutBlank => format!("+QIGETERROR: {last},{}", code::meaning(last)),
            LastError::OtherText => format!("+QIGETERROR: {last},\"see the manual, please\""),
            LastError::Stale => format!("+QIGETERROR: 0,{}", code::meaning(0)),
        }))
    }
}
