//! Receiving from UDP.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};

use super::console::numbers;
use super::{CONTEXT, Check, LONG};

const DATAGRAM: &[u8] = b"0123456789abcdefghij";

impl<R: Read, W: Write> Check<'_, R, W> {
    /// A datagram that is read in two parts.
    pub(super) async fn datagram_in_parts(&mut self) -> Result<()> {
        const FIRST: usize = 8;
        let id = self.open("UDP", 0).await?;
        // Datagrams may be lost.
        let mut tries = 0;
        loop {
            self.send(id, DATAGRAM).await?;
            if self.notice(id).await.is_ok() {
                break;
            }
            tries += 1;
            ensure!(
                tries < 3,
                "no datagram comes back: is UDP to the peer's port open?"
            );
        }
        let first = self.console.read(id, FIRST).await?;
        Timer::after(Duration::from_millis(300)).await;
        let second = self.console.read(id, 1500).await?;
        self.close(id).await?;
        let reading = match (first.bytes.len(), second.bytes.len()) {
            (FIRST, 0) => "the rest is gone",
            (FIRST, _) => "the rest stays for the next read",
            _ => "the length is ignored",
        };
        let evidence = format!(
            "{} then {}",
            first.header.replace("+QIRD: ", ""),
            second.header.replace("+QIRD: ", "")
        );
        self.report.find("rest of a datagram", reading, evidence);
        Ok(())
    }

    /// Whether a pushed datagram of UDP SERVICE names its peer.
    pub(super) async fn udp_service(&mut self) -> Result<()> {
        let (_, port) = self.options.peer.as_ref().context("no --peer")?;
        let address = self.peer_address().await?;
        let id = self.next_id();
        let opening = self
            .open_as(id, "\"UDP SERVICE\",\"127.0.0.1\",0,20778,1")
            .await?;
        let result = opening.late.unwrap_or(opening.answer.result().to_owned());
        ensure!(opening.code == Some(0), "cannot bind: {result}");
        let command = format!("AT+QISEND={id},{},\"{address}\",{port}", LATER.len());
        let outcome = async {
            self.send_with(&command, LATER).await?;
            self.pushed(id).await
        };
        let outcome = outcome.await;
        self.close(id).await?;
        let frame = outcome?;
        ensure!(frame.bytes == LATER, "another datagram came back");
        let reading = match frame.header.split(',').count() {
            5 => "with peer address and port",
            3 => "without",
            _ => "something else",
        };
        self.report
            .find("push of UDP SERVICE", reading, frame.header);
        Ok(())
    }

    /// The address of the peer, looked up by the module if it was given as a name.
    async fn peer_address(&mut self) -> Result<IpAddr> {
        let (host, _) = self.options.peer.as_ref().context("no --peer")?;
        if let Ok(address) = host.parse() {
            return Ok(address);
        }
        let command = format!("AT+QIDNSGIP={CONTEXT},\"{host}\"");
        self.must(&command, LONG).await?;
        let head = "+QIURC: \"dnsgip\",";
        let count = self.console.urc(head, Duration::from_secs(60)).await?;
        let count = count.context("no answer to AT+QIDNSGIP")?;
        let fields = numbers(&count);
        ensure!(
            fields.first() == Some(&0),
            "the peer's name has no address: {count}"
        );
        let line = self.console.urc(head, Duration::from_secs(5)).await?;
        let line = line.context("no address in the answer to AT+QIDNSGIP")?;
        let address = line.split('"').nth(3).and_then(|text| text.parse().ok());
        let address: IpAddr = address.context("no address in the answer to AT+QIDNSGIP")?;
        self.report.mask.hide(&address.to_string(), "peer address");
        Ok(address)
    }
}

/// A datagram that the peer sends back after a second: a push must not come between payload and result.
const LATER: &[u8] = b"later";
