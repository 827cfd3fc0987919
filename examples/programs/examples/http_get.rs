//! A small `curl` that fetches pages through a modem.
//!
//! ```text
//! cargo run --example http_get
//! cargo run --example http_get -- --modem /dev/ttyUSB2 --apn internet http://example.com/
//! cargo run --example http_get -- --modem /dev/ttyUSB2 --apn internet https://example.com/
//! ```
//!
//! `--ca FILE` checks the certificate of an `https` server: the signatures up to the certificate in the file, and that the common name
//! is the host of the URL. reqwless does not check dates or other names, and rejects certificates with RSA keys.

use std::cell::Cell;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::http::StatusCode;
use clap::Parser;
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{BufRead, ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use programs::{Line, ModemOptions};
use quectel_nal::{LinkState, Stack};
use reqwless::client::{HttpClient, TlsConfig, TlsVerify};
use reqwless::request::{Method, RequestBody, RequestBuilder};
use reqwless::response::BodyReader;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use virtual_modem::Loopback;

/// Fetches a page through a modem. The body goes to standard output, all else to standard error.
///
/// The exit code is 0 when the whole body has arrived, whatever the response's status code is.
#[derive(Parser)]
#[command(name = "http_get")]
struct Arguments {
    /// URL to fetch [default: a page in this program, through the virtual modem]
    url: Option<String>,

    /// Post this text, or the bytes of a file
    #[arg(short, long, value_name = "TEXT|@FILE")]
    data: Option<String>,

    /// Accept only an https server whose certificate is signed by this authority, a file in PEM or DER form
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Write the body into a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Time limit in seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "86400", hide_default_value = true)]
    timeout: Duration,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_get: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let (url, network) = target(arguments)?;
    let data = arguments.data.as_deref().map(data).transpose()?;
    let authority = arguments.ca.as_deref().map(certificate).transpose()?;
    if let Some(path) = &arguments.output {
        // Nothing in it is lost yet.
        let opened = File::options().create(true).append(true).open(path);
        opened.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let start = Instant::now();
    let line = Line::default();
    let stage = Cell::new("the network");
    let outcome = arguments.modem.run(&line, network, async |stack| {
        let transfer = transfer(stack, &url, data, authority.as_deref(), arguments, &stage);
        match with_timeout(arguments.timeout, transfer).await {
            Ok(outcome) => outcome,
            Err(_) => bail!("no time left (--timeout) while waiting for {}", stage.get()),
        }
    });
    eprintln!("{:.2} s, {line}", start.elapsed().as_secs_f32());
    outcome
}

/// One request and its response.
async fn transfer(
    stack: Stack<'_>,
    url: &str,
    data: Option<Vec<u8>>,
    authority_certificate: Option<&[u8]>,
    arguments: &Arguments,
    stage: &Cell<&str>,
) -> Result<()> {
    programs::link_up(stack).await?;

    stage.set("the connection");
    let failed = |error| explain(error, stack, stage.get());
    // A record of the server has up to 16 KiB; those of the client may be shorter.
    let (mut record, mut own_record) = ([0; 16_640], [0; 4096]);
    let mut http = if is_https(url) {
        let verify = verify(authority_certificate);
        let seed = RandomState::new().build_hasher().finish();
        let tls = TlsConfig::new(seed, &mut record, &mut own_record, verify);
        HttpClient::new_with_tls(&stack, &stack, tls)
    } else {
        HttpClient::new(&stack, &stack)
    };
    let method = if data.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let requesting = http.request(method, url);
    let request = programs::waiting("the connection", requesting)
        .await
        .map_err(failed)?;
    let request = request
        .host(authority(url))
        .headers(&[("Connection", "close")]);

    stage.set("the response");
    let mut buffer = [0; 4096];
    let (mut get, mut post);
    let response = match data {
        None => {
            get = request;
            programs::waiting("the response", get.send(&mut buffer))
                .await
                .map_err(failed)?
        }
        Some(bytes) => {
            let progress = progress(arguments, Some(bytes.len()));
            post = request.body(Upload { bytes, progress });
            post.send(&mut buffer).await.map_err(failed)?
        }
    };
    eprintln!("HTTP {}", StatusCode::from_u16(response.status.0)?);

    stage.set("the rest of the response");
    let progress = progress(arguments, response.content_length);
    let mut body = response.body().reader();
    if let BodyReader::ToEnd(_) = body {
        eprintln!(
            "the server does not say how long the body is; wherever it ends is taken for the end"
        );
    }
    let mut output = output(arguments)?;
    let mut total = 0;
    let end = loop {
        let part = match body.fill_buf().await {
            Ok([]) => break check_end(&body),
            Ok(part) => part,
            Err(error) => break Err(error),
        };
        output.write_all(part).context("cannot write the body")?;
        let length = part.len();
        body.consume(length);
        total += length;
        progress.inc(length as u64);
    };
    output.flush().context("cannot write the body")?;
    progress.finish_and_clear();
    eprintln!("{total} bytes of body");
    end.map_err(failed)
}

/// How the server's certificate is checked.
fn verify(authority: Option<&[u8]>) -> TlsVerify<'_> {
    match authority {
        Some(ca) => TlsVerify::Certificate {
            ca,
            cert: None,
            key: None,
        },
        None => {
            eprintln!("the server's certificate is NOT checked (use --ca FILE)");
            TlsVerify::None
        }
    }
}

/// Checks the end mark of a chunked body. A body of known length has failed already if it was cut short.
fn check_end<B: embedded_io_async::Read>(body: &BodyReader<B>) -> Result<(), reqwless::Error> {
    match body {
        BodyReader::Chunked(chunks) if !chunks.is_done() => Err(reqwless::Error::ConnectionAborted),
        _ => Ok(()),
    }
}

/// The error message for the user.
fn explain(error: reqwless::Error, stack: Stack<'_>, stage: &str) -> anyhow::Error {
    if let LinkState::Down(error) = stack.link_state() {
        return programs::link_down(error);
    }
    let reason = match error {
        reqwless::Error::Dns => "the name cannot be resolved; check the URL".into(),
        reqwless::Error::ConnectionAborted
        | reqwless::Error::Network(ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {
            "the connection was cut before the response was complete".into()
        }
        reqwless::Error::Network(ErrorKind::ConnectionRefused) => {
            "refused, or out of reach; check host and port, and that the server is running".into()
        }
        reqwless::Error::Network(kind) => match stack.last_failure() {
            Some(error) => error.to_string(),
            None => kind.to_string(),
        },
        reqwless::Error::Tls(error) => {
            let error = format!("{error:?}");
            match &error[..] {
                "InvalidCertificate" | "InvalidSignature" => format!(
                    "the server is not believed ({error}): --ca has not signed its certificate, or that is for another name"
                ),
                _ => format!("TLS failed: {error}"),
            }
        }
        reqwless::Error::Codec => "the server does not speak HTTP as it should".into(),
        error => format!("{error:?}"),
    };
    anyhow!(reason).context(format!("waiting for {stage}"))
}

/// The body of a POST, with a progress bar.
struct Upload {
    bytes: Vec<u8>,
    progress: ProgressBar,
}

impl RequestBody for Upload {
    fn len(&self) -> Option<usize> {
        Some(self.bytes.len())
    }

    async fn write<W: embedded_io_async::Write>(&self, writer: &mut W) -> Result<(), W::Error> {
        for part in self.bytes.chunks(1460) {
            writer.write_all(part).await?;
            self.progress.inc(part.len() as u64);
        }
        self.progress.finish_and_clear();
        Ok(())
    }
}

/// A progress bar, if standard error is a terminal and shows nothing else.
fn progress(arguments: &Arguments, length: Option<usize>) -> ProgressBar {
    if arguments.modem.trace || (arguments.output.is_none() && io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let Some(length) = length else {
        return ProgressBar::no_length();
    };
    let style =
        ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}");
    ProgressBar::new(length as u64).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

fn output(arguments: &Arguments) -> Result<Box<dyn Write>> {
    let Some(path) = &arguments.output else {
        return Ok(Box::new(io::stdout()));
    };
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(file))
}

fn data(argument: &str) -> Result<Vec<u8>> {
    match argument.strip_prefix('@') {
        Some(path) => fs::read(path).with_context(|| format!("cannot read {path}")),
        None => Ok(argument.into()),
    }
}

/// The first certificate of a file, in DER form.
fn certificate(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.starts_with(&[0x30]) {
        return Ok(bytes);
    }
    let certificate = CertificateDer::from_pem_slice(&bytes);
    let certificate =
        certificate.map_err(|_| anyhow!("{} holds no certificate", path.display()))?;
    Ok(certificate.to_vec())
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds: f64 = text.parse()?;
    ensure!((0.001..1e9).contains(&seconds), "not a number of seconds");
    Ok(Duration::from_micros((seconds * 1e6) as u64))
}

fn is_https(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

/// Host and port, as in the URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// The URL to fetch, and the hosts that the virtual modem can reach.
fn target(arguments: &Arguments) -> Result<(String, Loopback)> {
    let network = Loopback::new();
    let Some(url) = &arguments.url else {
        ensure!(
            arguments.modem.is_virtual(),
            "give a URL: only the virtual modem has a demo page"
        );
        let server = programs::peers::demo::serve()?;
        return Ok((
            "http://demo.test/".into(),
            network.route("demo.test", 80, server),
        ));
    };
    match url.split_once("://") {
        Some((scheme, rest))
            if !rest.is_empty() && (is_https(url) || scheme.eq_ignore_ascii_case("http")) => {}
        _ => bail!("not a URL: {url}; it has to begin with http:// or https://"),
    }
    let authority = authority(url);
    let host = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or(authority),
    };
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback());
    ensure!(
        is_loopback || !arguments.modem.is_virtual(),
        "the virtual modem reaches this computer only (http://localhost:PORT/); --modem selects a real one"
    );
    Ok((url.clone(), network))
}
