//! Sending: the prompt, the result, the payload's echo.

use anyhow::{Result, bail};
use embassy_time::Duration;
use embedded_io_async::{Read, Write};

use super::{Check, LONG, SHORT, shown, yes};

impl<R: Read, W: Write> Check<'_, R, W> {
    /// Two open sockets: how they are opened, listed and sent on.
    pub(super) async fn send_and_list(&mut self) -> Result<()> {
        let first = self.opened_in_order().await?;
        let second = self.open("TCP", 0).await?;
        self.list().await?;

        let (prompt, results) = self.send(first, b"noop\n").await?;
        let reading = match &prompt[..] {
            b"> " => "CR LF > blank",
            b">" => "CR LF >",
            b">\r\n" | b"> \r\n" => "CR LF > CR LF",
            _ => bail!("an unknown prompt: {}", shown(&prompt)),
        };
        self.report.find("prompt", reading, shown(&prompt));

        let results: Vec<_> = results
            .into_iter()
            .filter(|line| matches!(&**line, "OK" | "SEND OK"))
            .collect();
        let reading = match results.len() {
            1 => "SEND OK",
            _ => "OK, then SEND OK",
        };
        self.report
            .find("result of QISEND", reading, results.join(", "));

        // All of it is acknowledged soon.
        let counters = format!("AT+QISEND={first},0");
        let answer = self.console.command(&counters, SHORT).await?;
        self.report
            .fact("send counters", answer.first().unwrap_or("none"));
        self.close(first).await?;
        self.close(second).await?;
        Ok(())
    }

    /// Whether the result of an open comes in front of its OK.
    async fn opened_in_order(&mut self) -> Result<u8> {
        let Some((host, port)) = &self.options.peer else {
            bail!("no --peer");
        };
        let fields = format!("\"TCP\",\"{host}\",{port},0,0");
        let id = self.next_id();
        let opening = self.open_as(id, &fields).await?;
        let Some(line) = opening.late.filter(|_| opening.code == Some(0)) else {
            self.close(id).await?;
            bail!("the peer cannot be reached: {}", opening.answer.result());
        };
        let reading = match opening.is_early {
            true => "in front of its OK",
            false => "behind its OK",
        };
        self.report.find("result of QIOPEN", reading, line);
        Ok(id)
    }

    /// AT+QISDE=1 with ATE0: is the payload echoed?
    pub(super) async fn payload_echo(&mut self) -> Result<()> {
        let id = self.open("TCP", 0).await?;
        self.must("AT+QISDE=1", SHORT).await?;
        let sent = self.send(id, b"noop\n").await;
        self.must("AT+QISDE=0", SHORT).await?;
        let (_, lines) = sent?;
        let is_echoed = lines.iter().any(|line| line == "noop");
        let reading = match is_echoed {
            true => "by QISDE alone",
            false => "follows ATE as well",
        };
        self.report.find("payload echo", reading, lines.join(", "));
        // With QISDE=0 there must be none.
        let (_, lines) = self.send(id, b"noop\n").await?;
        let stays = lines.iter().any(|line| line == "noop");
        self.report.fact("payload echo with AT+QISDE=0", yes(stays));
        self.close(id).await?;
        Ok(())
    }

    /// The shapes of errors, with each setting of AT+CMEE.
    pub(super) async fn error_forms(&mut self) -> Result<()> {
        let mut shapes = Vec::new();
        for setting in [0, 2, 1] {
            self.console
                .command(&format!("AT+CMEE={setting}"), SHORT)
                .await?;
            // A parameter out of range is always an error of a socket command.
            let answer = self.console.command("AT+QIACT=99", LONG).await?;
            shapes.push(form(answer.result()));
        }
        let evidence = format!("CMEE=0: {}, 2: {}, 1: {}", shapes[0], shapes[1], shapes[2]);
        let reading = match () {
            () if shapes.iter().all(|shape| shape == &shapes[0]) => shapes[0].clone(),
            () => "as AT+CMEE says".to_owned(),
        };
        self.report.find("errors with AT+CMEE", reading, evidence);

        let line = self.last_error().await?;
        let body = line.strip_prefix("+QIGETERROR: ").unwrap_or(&line);
        let (code, text) = body.split_once(',').unwrap_or((body, ""));
        let reading = match (code, text) {
            ("0", _) => "0 after a failure",
            (_, "") => "the code alone",
            (_, text) if text.trim() != "invalid parameters" => "another text",
            (_, text) if text.starts_with(' ') => "code, comma, blank, text",
            _ => "code, comma, text",
        };
        self.report.find("QIGETERROR", reading, line.clone());

        let answer = self
            .console
            .command("AT+QNOSUCHCOMMAND", Duration::from_secs(5))
            .await?;
        let reading = form(answer.result());
        self.report
            .find("unknown command", reading, answer.result());
        Ok(())
    }
}

/// The form of an error.
fn form(result: &str) -> String {
    match result.strip_prefix("+CME ERROR: ") {
        Some(rest) if rest.bytes().all(|byte| byte.is_ascii_digit()) => "+CME ERROR: number".into(),
        Some(_) => "+CME ERROR: text".into(),
        None => result.into(),
    }
}
