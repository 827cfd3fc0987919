//! Transparent access mode: CONNECT, `+++`, ATO, NO CARRIER.

use anyhow::{Context, Result, ensure};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};

use super::{Check, LONG, SHORT};

/// Before and behind `+++`.
const GUARD: Duration = Duration::from_millis(1200);

impl<R: Read, W: Write> Check<'_, R, W> {
    pub(super) async fn transparent_mode(&mut self) -> Result<()> {
        let id = self.connect_transparent().await?;
        Timer::after(GUARD).await;
        self.console.put(b"+++").await?;
        let escaped = self.console.answer("+++", Duration::from_secs(5)).await?;
        ensure!(escaped.is_ok(), "+++: {}", escaped.result());
        let resumed = self.console.command("ATO", SHORT).await?;
        let resumed = resumed.result().to_owned();
        let reading = match resumed.starts_with("CONNECT") {
            true => "+++ and ATO work",
            false => "ATO does not resume",
        };
        let evidence = format!("OK after {} ms, {resumed}", escaped.time.as_millis());
        self.report.find("escape", reading, evidence);
        if resumed.starts_with("CONNECT") {
            self.console.put(b"close\n").await?;
        } else {
            self.close(id).await?;
            self.connect_transparent().await?;
            self.console.put(b"close\n").await?;
        }
        let end = self.console.results(Duration::from_secs(20)).await?;
        ensure!(
            end.iter().any(|line| line == "NO CARRIER"),
            "no NO CARRIER but {}",
            end.join(", ")
        );
        let head = format!("+QIURC: \"closed\",{id}");
        let closed = self.console.urc(&head, Duration::from_secs(3)).await?;
        let reading = match &closed {
            Some(_) => "with a closed URC",
            None => "alone",
        };
        self.report
            .find("NO CARRIER", reading, closed.unwrap_or_default());
        self.close(id).await?;
        Ok(())
    }

    async fn connect_transparent(&mut self) -> Result<u8> {
        let (host, port) = self.options.peer.as_ref().context("no --peer")?;
        let id = self.next_id();
        let command = format!("AT+QIOPEN=1,{id},\"TCP\",\"{host}\",{port},0,2");
        let answer = self.console.command(&command, LONG).await?;
        let result = answer.result();
        ensure!(result.starts_with("CONNECT"), "{result} instead of CONNECT");
        Ok(id)
    }
}
