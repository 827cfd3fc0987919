//! Name lookups, ping, time, and the keys of AT+QICFG.

use anyhow::{Context, Result};
use embassy_time::Duration;
use embedded_io_async::{Read, Write};

use super::sockets::NO_NAME;
use super::{CONTEXT, Check, LONG, SHORT};

/// Keys of all families.
const KEYS: &[&str] = &[
    "transpktsize",
    "transwaittm",
    "dataformat",
    "viewmode",
    "tcp/retranscfg",
    "tcp/keepalive",
    "dns/cache",
    "qisend/timeout",
    "passiveclosed",
    "udp/readmode",
    "udp/sendmode",
    "tcp/accept",
    "recv/buffersize",
    "recvind",
    "sendinfo",
    "formatcfg",
    "close/mode",
    "send/auto",
    "recv/ignore",
    "pdp/retry",
    "send/buffersize",
    "TCP/SendMode",
    "wakeup/data",
    "window/scale",
];

impl<R: Read, W: Write> Check<'_, R, W> {
    /// Which keys of AT+QICFG there are, and their values.
    pub(super) async fn settings(&mut self) -> Result<()> {
        let mut known = Vec::new();
        for key in KEYS {
            let command = format!("AT+QICFG=\"{key}\"");
            let answer = self.console.command(&command, SHORT).await?;
            if let (true, Some(line)) = (answer.is_ok(), answer.first()) {
                known.push(line.trim_start_matches("+QICFG: ").to_owned());
            }
        }
        let count = format!("{} of {} keys", known.len(), KEYS.len());
        self.report.find("settings", count, known.join("; "));
        Ok(())
    }

    pub(super) async fn lookups(&mut self) -> Result<()> {
        let command = format!("AT+QIDNSGIP={CONTEXT},\"{NO_NAME}\"");
        let answer = self.console.command(&command, LONG).await?;
        let urc = match answer.is_ok() {
            true => {
                self.console
                    .urc("+QIURC: \"dnsgip\"", Duration::from_secs(70))
                    .await?
            }
            false => None,
        };
        let (reading, evidence) = match urc {
            Some(line) if line.split(',').count() == 2 => ("the code alone", line),
            Some(line) => ("the code and two zeros", line),
            None if answer.is_ok() => ("no URC at all", "OK, then nothing".into()),
            None => ("ERROR at once", self.evidence(answer.result()).await?),
        };
        self.report.find("failed name lookup", reading, evidence);
        Ok(())
    }

    pub(super) async fn ping_and_time(&mut self) -> Result<()> {
        let host = match &self.options.peer {
            Some((host, _)) => host.clone(),
            None => self.options.time_server.clone(),
        };
        let ping = format!("AT+QPING={CONTEXT},\"{host}\",4,2");
        let answer = self.console.command(&ping, LONG).await?;
        let mut lines = Vec::new();
        if answer.is_ok() {
            for _ in 0..3 {
                lines.extend(self.console.urc("+QPING:", Duration::from_secs(15)).await?);
            }
        }
        let reading = match lines.len() {
            0 => answer.result().to_owned(),
            count => format!("{count} lines"),
        };
        self.report.find("ping", reading, lines.join(" / "));

        let server = &self.options.time_server;
        let time = format!("AT+QNTP={CONTEXT},\"{server}\"");
        let answer = self.console.command(&time, LONG).await?;
        let line = match answer.is_ok() {
            true => self.console.urc("+QNTP:", Duration::from_secs(125)).await?,
            false => None,
        };
        let line = line.context(format!("no time: {}", answer.result()))?;
        let time = line.split('"').nth(1).unwrap_or_default();
        let reading = match time.split('/').next().map(str::len) {
            Some(4) => "year of four digits",
            Some(2) => "year of two digits",
            _ => "no time",
        };
        self.report.find("time", reading, line);
        Ok(())
    }
}
