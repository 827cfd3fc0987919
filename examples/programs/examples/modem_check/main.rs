//! Finds out how a module behaves, and writes a report that can be attached to an issue.
//!
//! ```text
//! cargo run --release --example modem_check
//! cargo run --release --example modem_check_peer -- 0.0.0.0:7000      # on a computer with a public address
//! cargo run --release --example modem_check -- --modem /dev/ttyUSB2 --apn internet --peer HOST:7000
//! ```
//!
//! It takes about three minutes with a peer. It changes no stored setting, sends no message, and takes the module off the network
//! once for some seconds (not with `--quick`). Serial numbers, addresses, the APN and the peer are masked in the report.

mod stack;

use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use embedded_io_async::{Read, Write};
use programs::check::{self, Options, Report, peer};
use programs::{Line, ModemOptions, OnPort};
use virtual_modem::Loopback;

/// Finds out how a module behaves, and writes a report.
#[derive(Parser)]
#[command(name = "modem_check")]
struct Arguments {
    /// HOST:PORT of a modem_check_peer; without one only a part can be checked [default: one in this program, for the virtual modem]
    #[arg(long, value_name = "HOST:PORT", value_parser = programs::host_and_port)]
    peer: Option<(String, u16)>,

    /// The server that is asked for the time
    #[arg(long, value_name = "HOST", default_value = "pool.ntp.org")]
    time_server: String,

    /// Where the report goes: PATH.md and PATH.jsonl
    #[arg(long, value_name = "PATH", default_value = "modem_check")]
    report: String,

    /// How many bytes are sent in each direction to measure the throughput
    #[arg(short = 'n', long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    bytes: u32,

    /// Leave out what takes the module off the network, and what takes long
    #[arg(long)]
    quick: bool,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("modem_check: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let (markdown, json) = (
        format!("{}.md", arguments.report),
        format!("{}.jsonl", arguments.report),
    );
    for path in [&markdown, &json] {
        fs::write(path, "").with_context(|| format!("cannot write {path}"))?;
    }
    let mut network = Loopback::new();
    if arguments.modem.is_virtual() && arguments.peer.is_none() {
        let address = peer::listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        network =
            network
                .route("peer.test", 7000, address)
                .route(&arguments.time_server, 123, address);
        arguments.peer = Some(("peer.test".into(), 7000));
    }
    let mut options = arguments.modem.check_options();
    options.peer = arguments.peer.clone();
    options.time_server = arguments.time_server.clone();
    options.may_detach = !arguments.quick;
    options.is_quick = arguments.quick;

    let mut report = Report::default();
    let raw = Raw {
        options: &options,
        report: &mut report,
    };
    let mut outcome = arguments.modem.on_port(network.clone(), raw);
    if outcome.is_ok() {
        outcome = through_the_stack(&arguments, network, &mut report);
    }
    fs::write(&markdown, report.markdown()).with_context(|| format!("cannot write {markdown}"))?;
    fs::write(&json, report.json_lines()).with_context(|| format!("cannot write {json}"))?;
    eprintln!("the report is in {markdown} and {json}");
    outcome?;
    ensure!(
        report.is_clean(),
        "not everything went as expected, see {markdown}"
    );
    Ok(())
}

/// The check without the stack.
struct Raw<'a> {
    options: &'a Options,
    report: &'a mut Report,
}

impl OnPort for Raw<'_> {
    type Output = ();

    async fn run<R: Read, W: Write>(self, rx: R, tx: W) -> Result<()> {
        let progress = |what: &str| eprintln!("checking: {what}");
        check::check(rx, tx, self.options, self.report, progress).await
    }
}

fn through_the_stack(arguments: &Arguments, network: Loopback, report: &mut Report) -> Result<()> {
    let line = Line::default();
    arguments.modem.run(&line, network, async |stack| {
        let mut trial = stack::Trial {
            stack,
            report,
            bytes: arguments.bytes as usize,
        };
        trial.link().await?;
        trial.services(&arguments.time_server).await;
        if let Some((host, port)) = &arguments.peer {
            trial.with_peer(host, *port).await;
        }
        trial.statistics();
        Ok(())
    })
}
