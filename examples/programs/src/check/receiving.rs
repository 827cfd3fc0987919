//! Receiving from TCP: AT+QIRD in buffer access mode, and the frames of direct push mode.

use anyhow::{Result, ensure};
use embassy_time::{Duration, Instant};
use embedded_io_async::{Read, Write};

use super::console::numbers;
use super::{Check, SHORT, peer, shown};

impl<R: Read, W: Write> Check<'_, R, W> {
    pub(super) async fn buffer_mode(&mut self) -> Result<()> {
        const COUNT: usize = 40;
        let id = self.open("TCP", 0).await?;
        self.send(id, format!("down {COUNT}\n").as_bytes()).await?;
        let notice = self.notice(id).await?;
        let reading = match numbers(&notice).len() {
            1 => "without a length",
            _ => "with a length",
        };
        self.report.find("recv in buffer mode", reading, notice);

        let data = self.console.read(id, 1500).await?;
        ensure!(
            data.bytes
                .iter()
                .copied()
                .eq((0..data.bytes.len()).map(peer::payload)),
            "{} brought other bytes than the peer sent: {}",
            data.header,
            shown(&data.bytes)
        );
        let reading = match &data.trailer[..] {
            b"\r\n" => "one line end before OK",
            b"\r\n\r\n" => "two line ends before OK",
            _ => "something else",
        };
        self.report
            .find("end of QIRD", reading, shown(&data.trailer));
        let counters = self
            .console
            .command(&format!("AT+QIRD={id},0"), SHORT)
            .await?;
        self.report
            .fact("receive counters", counters.first().unwrap_or("none"));
        let nothing = self.console.read(id, 1500).await?;
        self.report
            .fact("QIRD with nothing to read", nothing.header);
        self.close(id).await?;
        Ok(())
    }

    pub(super) async fn push_mode(&mut self) -> Result<()> {
        const COUNT: usize = 40;
        let id = self.open("TCP", 1).await?;
        // Later: a push must not come between payload and result.
        self.send(id, format!("later {COUNT}\n").as_bytes()).await?;
        let frame = self.pushed(id).await?;
        let bytes = &frame.bytes;
        ensure!(
            bytes
                .iter()
                .copied()
                .eq((0..bytes.len()).map(peer::payload)),
            "other bytes than the peer sent: {}",
            shown(bytes)
        );
        // The next thing that the module says begins with a line end of its own.
        self.console.put(b"AT\r").await?;
        let until = Instant::now() + SHORT;
        let gap = self.console.gap(until).await?;
        let answer = self.console.answer("AT", SHORT).await?;
        // An echo has none.
        let own = if answer.echoed { 0 } else { 2 };
        let reading = match gap.len() > own {
            false => "nothing behind the data",
            true => "CR LF behind the data",
        };
        self.report.find("end of a push", reading, shown(&gap));
        self.close(id).await?;
        Ok(())
    }

    /// The next frame of a socket in direct push mode.
    pub(super) async fn pushed(&mut self, id: u8) -> Result<Frame> {
        let header = self.notice(id).await?;
        let fields = numbers(&header);
        ensure!(fields.len() > 1, "{header} has no length");
        let until = Instant::now() + Duration::from_secs(10);
        let bytes = self.console.payload(fields[1] as usize, until).await?;
        Ok(Frame { header, bytes })
    }
}

/// A frame of direct push mode.
pub(super) struct Frame {
    pub header: String,
    pub bytes: Vec<u8>,
}
