//! The same module through the stack of the library: what works, how fast, and which errors there are.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use embassy_time::{Duration, Instant, with_timeout};
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns};
use programs::SOCKETS;
use programs::check::Report;
use programs::check::peer::payload;
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, Stack};

/// Bytes that are written and read at a time.
const PART: usize = 1460;
/// For a whole transfer.
const LIMIT: Duration = Duration::from_secs(600);

/// What is tried, and where the outcome goes.
pub struct Trial<'a, 'd> {
    pub stack: Stack<'d>,
    pub report: &'a mut Report,
    pub bytes: usize,
}

impl Trial<'_, '_> {
    pub async fn link(&mut self) -> Result<()> {
        eprintln!("checking: the stack");
        let begin = Instant::now();
        let up = programs::link_up(self.stack).await;
        let time = begin.elapsed().as_millis();
        match &up {
            Ok(()) => self.note("link", Ok(format!("up after {time} ms"))),
            Err(error) => self.note("link", Err(format!("{error:#}"))),
        }
        up
    }

    /// What works without a peer.
    pub async fn services(&mut self, time_server: &str) {
        let found = self.stack.resolve("no-such-host.invalid").await;
        let is_expected = matches!(found, Err(Error::NameNotFound | Error::NameLookup(_)));
        let outcome = match found {
            Ok(_) => "an address".into(),
            Err(error) => error.to_string(),
        };
        self.report
            .tried("lookup of a name that does not exist", outcome, is_expected);
        let time = self.stack.module().ntp(time_server, false).await;
        let outcome = time.map(|time| format!("year {}", time.year));
        self.note("time", outcome.map_err(|error| error.to_string()));
    }

    pub async fn with_peer(&mut self, host: &str, port: u16) {
        let found = self.stack.get_host_by_name(host, AddrType::Either).await;
        let address = match found {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(error) => return self.note("lookup of the peer", Err(error.to_string())),
        };
        self.note("lookup of the peer", Ok("found".into()));
        for mode in ["buffer", "push", "transparent"] {
            eprintln!("checking: throughput in {mode} mode");
            let outcome = match with_timeout(LIMIT, self.measure(mode, address)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(anyhow::anyhow!("not done after {LIMIT}")),
            };
            match outcome {
                Ok([down, up]) => {
                    self.note(&format!("{mode}, down"), Ok(down));
                    self.note(&format!("{mode}, up"), Ok(up));
                }
                Err(error) => self.note(&format!("{mode} mode"), Err(format!("{error:#}"))),
            }
        }
        eprintln!("checking: datagrams, errors, all sockets");
        let outcome = self.datagrams(address).await;
        self.note("datagrams", outcome.map_err(|error| format!("{error:#}")));

        let refused = self.stack.connect(SocketAddr::new(address.ip(), 1)).await;
        let is_expected = matches!(refused, Err(Error::ConnectionRefused | Error::TimedOut));
        let outcome = match refused {
            Ok(_) => "connected".into(),
            Err(error) => error.to_string(),
        };
        self.report
            .tried("refused connection", outcome, is_expected);
        self.all_sockets(address).await;
    }

    /// Both directions over one connection, in kB/s.
    async fn measure(&self, mode: &str, peer: SocketAddr) -> Result<[String; 2]> {
        let mode = match mode {
            "push" => AccessMode::DirectPush,
            "transparent" => AccessMode::Transparent,
            _ => AccessMode::Buffer,
        };
        let mut connection = self.stack.with_access_mode(mode).connect(peer).await?;
        let (mut reader, mut writer) = connection.split();
        let rates = self.both(&mut reader, &mut writer).await?;
        connection.close().await?;
        Ok(rates)
    }

    async fn both<R, W>(&self, reader: &mut R, writer: &mut W) -> Result<[String; 2]>
    where
        R: Read<Error = Error>,
        W: Write<Error = Error>,
    {
        let request = format!("down {}\n", self.bytes);
        writer.write_all(request.as_bytes()).await?;
        writer.flush().await?;
        let mut begin = None;
        let (mut seen, mut before) = (0, 0);
        let mut buffer = [0; PART];
        while seen < self.bytes {
            let count = reader.read(&mut buffer).await?;
            ensure!(count > 0, "the peer closed after {seen} bytes");
            let expected = (seen..).map(payload).take(count);
            ensure!(
                buffer[..count].iter().copied().eq(expected),
                "other bytes than the peer sent, behind {seen}"
            );
            seen += count;
            // The time until the first byte does not count.
            if begin.is_none() {
                (begin, before) = (Some(Instant::now()), count);
            }
        }
        let down = rate(self.bytes - before, begin.unwrap_or(Instant::now()));

        let request = format!("up {}\n", self.bytes);
        writer.write_all(request.as_bytes()).await?;
        writer.flush().await?;
        let all: Vec<u8> = (0..self.bytes).map(payload).collect();
        let begin = Instant::now();
        for part in all.chunks(PART) {
            writer.write_all(part).await?;
        }
        writer.flush().await?;
        let up = rate(self.bytes, begin);
        let mut verdict = [0];
        ensure!(reader.read(&mut verdict).await? == 1, "the peer has closed");
        ensure!(verdict == *b"+", "the peer received other bytes");
        Ok([down, up])
    }

    async fn datagrams(&self, peer: SocketAddr) -> Result<String> {
        use embedded_nal_async::{ConnectedUdp, UdpStack};
        const COUNT: usize = 10;
        let (_, mut socket) = UdpStack::connect(&self.stack, peer).await?;
        let mut back = 0;
        let mut buffer = [0; 1500];
        for number in 0..COUNT {
            let datagram = [number as u8; 200];
            socket.send(&datagram).await?;
            let received = with_timeout(Duration::from_secs(5), socket.receive_into(&mut buffer));
            if let Ok(length) = received.await {
                back += usize::from(length? == datagram.len());
            }
        }
        socket.close().await?;
        ensure!(back > 0, "none of {COUNT} came back");
        Ok(format!("{back} of {COUNT} came back"))
    }

    /// As many as the module has.
    async fn all_sockets(&mut self, peer: SocketAddr) {
        let mut open = Vec::new();
        let end = loop {
            match self.stack.connect(peer).await {
                Ok(connection) => open.push(connection),
                Err(error) => break error,
            }
        };
        let outcome = format!("{} sockets, then: {end}", open.len());
        let is_expected = open.len() == SOCKETS && end == Error::NoFreeSocket;
        for connection in open {
            let _ = connection.close().await;
        }
        self.report
            .tried("as many sockets as there are", outcome, is_expected);
    }

    pub fn statistics(&mut self) {
        let counted = format!("{:?}", self.stack.statistics());
        self.report.fact("counters of the stack", counted);
    }

    fn note(&mut self, what: &str, outcome: Result<String, String>) {
        let is_expected = outcome.is_ok();
        let outcome = outcome.unwrap_or_else(|error| error);
        self.report.tried(what, outcome, is_expected);
    }
}

fn rate(bytes: usize, begin: Instant) -> String {
    let seconds = begin.elapsed().as_micros().max(1) as f64 / 1e6;
    format!("{:.1} kB/s", bytes as f64 / seconds / 1000.0)
}
