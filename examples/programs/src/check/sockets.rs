//! Opening and closing: AT+QIOPEN, AT+QICLOSE, AT+QISTATE.

use anyhow::{Context, Result, bail, ensure};
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::{Read, Write};

use super::console::numbers;
use super::{CONTEXT, Check, LONG, SHORT};

/// A name that nobody has (RFC 2606).
pub const NO_NAME: &str = "no-such-host.invalid";

impl<R: Read, W: Write> Check<'_, R, W> {
    /// The module's name for this port, which AT+QISTATE shows for each socket. URCs have to go there.
    pub(super) async fn port_in_use(&mut self) -> Result<()> {
        const ID: u8 = 11;
        let open = format!("AT+QIOPEN={CONTEXT},{ID},\"UDP SERVICE\",\"127.0.0.1\",0,20776,0");
        self.must(&open, LONG).await?;
        // It may go elsewhere still.
        let result = format!("+QIOPEN: {ID},");
        self.console.urc(&result, Duration::from_secs(5)).await?;
        let listed = self.must(&format!("AT+QISTATE=1,{ID}"), SHORT).await?;
        self.close(ID).await?;
        let line = listed.first().context("the socket is not listed")?;
        let name = line.rsplit(',').next().unwrap_or_default();
        let set = format!("AT+QURCCFG=\"urcport\",{name}");
        let is_settable = self.optional(&set).await?;
        let reading = name.trim_matches('"').to_owned();
        let evidence = format!(
            "{line}; URCs can be sent there: {}",
            super::yes(is_settable)
        );
        self.report.find("port in use", reading, evidence);
        Ok(())
    }

    pub(super) async fn failed_open(&mut self) -> Result<()> {
        let id = self.next_id();
        let fields = format!("\"TCP\",\"{NO_NAME}\",7,0,0");
        let opening = self.open_as(id, &fields).await?;
        ensure!(
            opening.code != Some(0),
            "a name that does not exist was reached"
        );
        let (reading, evidence) = match opening.late {
            Some(line) => ("OK, then the result", line),
            None if opening.answer.is_ok() => bail!("OK, then no result"),
            None => (
                "ERROR at once",
                self.evidence(opening.answer.result()).await?,
            ),
        };
        self.report.find("QIOPEN, failure", reading, evidence);

        // If the id is taken, that is said before the name is looked up.
        let again = self.open_as(opening.id, &fields).await?;
        let evidence = match again.late {
            Some(line) => line,
            None => self.last_error_or(again.answer.result()).await?,
        };
        let is_taken = numbers(&evidence).contains(&563);
        let reading = if is_taken {
            "still taken until QICLOSE"
        } else {
            "free"
        };
        self.report
            .find("a connectID after a failed open", reading, evidence);
        self.close(id).await?;
        Ok(())
    }

    async fn last_error_or(&mut self, result: &str) -> Result<String> {
        let line = self.last_error().await?;
        // A module that always says 0 may still tell the number in the result.
        Ok(match numbers(&line).first() {
            Some(0) | None => result.to_owned(),
            Some(_) => line,
        })
    }

    pub(super) async fn close_unused(&mut self) -> Result<()> {
        let answer = self.console.command("AT+QICLOSE=11", SHORT).await?;
        let evidence = self.evidence(answer.result()).await?;
        let reading = if answer.is_ok() { "OK" } else { "ERROR" };
        self.report
            .find("QICLOSE of an unused id", reading, evidence);
        Ok(())
    }

    /// What AT+QISTATE shows of the open sockets.
    pub(super) async fn list(&mut self) -> Result<()> {
        // A URC may stand between two lines; then they are asked for again.
        for _ in 0..5 {
            let answer = self.must("AT+QISTATE?", SHORT).await?;
            let [first, second, ..] = &answer.lines[..] else {
                bail!(
                    "{} lines from AT+QISTATE for two sockets",
                    answer.lines.len()
                );
            };
            let fields: Vec<&str> = first.text.split(',').collect();
            ensure!(fields.len() == 10, "{} fields in +QISTATE", fields.len());
            let port = if fields[4] == "0" { "0" } else { "shown" };
            let state = fields[5].to_owned();
            let reading = match second.gap.len() {
                2 => "share one leading CR LF",
                4 => "each with its own",
                _ => continue,
            };
            let evidence = super::shown(&second.gap);
            let port = port.to_owned();
            self.report.find("lines of one response", reading, evidence);
            let line = first.text.clone();
            self.report
                .find("state of a connected client", state, line.clone());
            self.report.find("local port in QISTATE", port, line);
            return Ok(());
        }
        bail!("neither one nor two line ends between two lines")
    }

    /// A peer that keeps its direction open.
    pub(super) async fn slow_close(&mut self) -> Result<()> {
        let id = self.open("TCP", 0).await?;
        self.send(id, b"hold\n").await?;
        let command = format!("AT+QICLOSE={id}");
        let answer = self
            .console
            .command(&command, Duration::from_secs(130))
            .await?;
        let time = answer.time.as_millis();
        let reading = match time {
            ..3000 => "closes at once",
            3000..=12_000 => "waits up to 10 s for the peer's FIN",
            _ => "waits for longer than 10 s",
        };
        let evidence = format!("{} after {time} ms", answer.result());
        self.report
            .find("QICLOSE without timeout", reading, evidence);
        Ok(())
    }

    /// Does AT+QICLOSE=id,0 throw away what was accepted?
    pub(super) async fn forced_close(&mut self) -> Result<()> {
        const PARTS: usize = 8;
        const PART: usize = 1460;
        let id = self.open("TCP", 0).await?;
        let tag = Instant::now().as_ticks();
        self.send(id, format!("stall {tag}\n").as_bytes()).await?;
        for _ in 0..PARTS {
            self.send(id, &[b'x'; PART]).await?;
        }
        let command = format!("AT+QICLOSE={id},0");
        let answer = self
            .console
            .command(&command, Duration::from_secs(130))
            .await?;
        ensure!(answer.is_ok(), "{command}: {}", answer.result());
        Timer::after(Duration::from_secs(6)).await;
        let id = self.open("TCP", 0).await?;
        self.send(id, format!("told {tag}\n").as_bytes()).await?;
        self.notice(id).await?;
        let data = self.console.read(id, 100).await?;
        self.close(id).await?;
        let text = String::from_utf8_lossy(&data.bytes).trim().to_owned();
        let count: usize = text.parse().context("the peer does not know")?;
        let reading = match count == PARTS * PART {
            true => "still delivers it",
            false => "discards it",
        };
        let evidence = format!("{count} bytes of {} arrived", PARTS * PART);
        self.report
            .find("QICLOSE=id,0 with unsent data", reading, evidence);
        Ok(())
    }

    /// "passiveclosed" 1: is the id free when the peer has closed and all is read?
    pub(super) async fn passive_close(&mut self) -> Result<()> {
        const KEY: &str = "AT+QICFG=\"passiveclosed\"";
        let before = self.must(KEY, SHORT).await?;
        let before = before.first().map(numbers).unwrap_or_default();
        let before = before.last().copied().unwrap_or(0);
        self.must(&format!("{KEY},1"), SHORT).await?;
        let outcome = self.closed_by_the_peer().await;
        self.console
            .command(&format!("{KEY},{before}"), SHORT)
            .await?;
        let (is_listed, evidence) = outcome?;
        let reading = if is_listed {
            "needs QICLOSE"
        } else {
            "the id frees itself"
        };
        self.report.find("passiveclosed", reading, evidence);
        Ok(())
    }

    async fn closed_by_the_peer(&mut self) -> Result<(bool, String)> {
        let id = self.open("TCP", 0).await?;
        self.send(id, b"close\n").await?;
        let head = format!("+QIURC: \"closed\",{id}");
        let closed = self.console.urc(&head, Duration::from_secs(15)).await?;
        closed.context("no closed URC")?;
        Timer::after(Duration::from_secs(1)).await;
        let listed = self
            .console
            .command(&format!("AT+QISTATE=1,{id}"), SHORT)
            .await?;
        let evidence = listed.first().unwrap_or("not listed").to_owned();
        self.close(id).await?;
        Ok((!listed.lines.is_empty(), evidence))
    }

    /// The access mode of a connection that a listener in direct push mode has accepted.
    pub(super) async fn incoming(&mut self) -> Result<()> {
        const PORT: u16 = 20_777;
        let listener = self.next_id();
        let fields = format!("\"TCP LISTENER\",\"127.0.0.1\",0,{PORT},1");
        let opening = self.open_as(listener, &fields).await?;
        let result = opening.late.unwrap_or(opening.answer.result().to_owned());
        ensure!(opening.code == Some(0), "cannot listen: {result}");
        let outcome = self.be_visited(PORT).await;
        self.close(listener).await?;
        outcome
    }

    async fn be_visited(&mut self, port: u16) -> Result<()> {
        let asking = self.open("TCP", 0).await?;
        self.send(asking, format!("back {port}\n").as_bytes())
            .await?;
        let incoming = self
            .console
            .urc("+QIURC: \"incoming\",", Duration::from_secs(10))
            .await?;
        self.close(asking).await?;
        let incoming =
            incoming.context("the peer cannot reach the module: the operator does not let it")?;
        let id = numbers(&incoming)[0] as u8;
        let listed = self.must(&format!("AT+QISTATE=1,{id}"), SHORT).await?;
        let line = listed
            .first()
            .context("the connection is not listed")?
            .to_owned();
        self.close(id).await?;
        let reading = match line.split(',').nth(8) {
            Some("1") => "the listener's",
            Some("0") => "always buffer mode",
            _ => bail!("unclear: {line}"),
        };
        self.report.find("TCP INCOMING access mode", reading, line);
        ensure!(
            self.console
                .command(&format!("AT+QISTATE=0,{CONTEXT}"), SHORT)
                .await?
                .is_ok()
        );
        Ok(())
    }
}
