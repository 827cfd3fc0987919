//! Services of the module besides sockets: identification, signal quality, name lookup, ping and time.
//!
//! ```text
//! cargo run --example modem_tools
//! cargo run --example modem_tools -- --modem /dev/ttyUSB2 --apn internet --host example.com
//! ```

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use atat::asynch::AtatClient;
use clap::Parser;
use embassy_time::Duration;
use programs::{Line, ModemOptions};
use quectel_nal::at::{QueryManufacturer, QueryModel, QueryRevision};
use quectel_nal::{LinkError, LinkState, PingReply, Stack};
use virtual_modem::Loopback;

/// Asks the module about itself and the network.
#[derive(Parser)]
#[command(name = "modem_tools")]
struct Arguments {
    /// Which host to look up and to ping
    #[arg(long, default_value = "localhost")]
    host: String,

    /// Which server to ask for the time
    #[arg(long, default_value = "pool.ntp.org")]
    ntp: String,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // The virtual modem resolves this name; the port is not used.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let network = Loopback::new().route("pool.ntp.org", 123, nobody);
    let line = Line::default();
    let outcome = arguments.modem.run(&line, network, async |stack| {
        identify(stack)
            .await
            .map_err(|error| match stack.link_state() {
                LinkState::Down(reason @ LinkError::NoAnswer) => programs::link_down(reason),
                _ => error,
            })?;
        programs::link_up(stack).await?;
        ask_around(stack, &arguments).await
    });
    eprintln!("{line}");
    outcome
}

/// The user's own commands, sent between those of the stack. They work without a network.
async fn identify(stack: Stack<'_>) -> Result<()> {
    let mut at = stack.at();
    let maker = programs::waiting("the module to answer", at.send(&QueryManufacturer)).await?;
    let model = at.send(&QueryModel).await?;
    println!("module: {} {}", maker.as_str(), model.as_str());
    println!("firmware: {}", at.send(&QueryRevision).await?.as_str());
    println!("IMEI: {}", stack.module().imei().await?);
    Ok(())
}

async fn ask_around(stack: Stack<'_>, arguments: &Arguments) -> Result<()> {
    match stack.module().signal_quality().await?.dbm() {
        Some(dbm) => println!("signal: {dbm} dBm"),
        None => println!("signal: not known"),
    }
    let address = stack.local_addr().context("no address")?;
    println!("own address: {address}");

    let servers = stack.module().dns_servers().await?;
    for server in [servers.primary.0, servers.secondary.0]
        .into_iter()
        .flatten()
    {
        println!("name server: {server}");
    }
    let host = arguments.host.as_str();
    let addresses = stack.resolve(host).await;
    for address in addresses.with_context(|| format!("cannot look up {host}"))? {
        println!("{host}: {address}");
    }

    let mut pinging = stack.module().ping(host, Duration::from_secs(4), 3).await?;
    while let Some(reply) = pinging.next().await {
        match reply {
            PingReply::Answered { address, time, .. } => {
                println!("echo from {address} after {} ms", time.as_millis());
            }
            PingReply::Failed(error) => println!("no echo: {error}"),
            _ => {}
        }
    }
    let summary = pinging.summary().await?;
    println!("{} of {} answered", summary.received, summary.sent);

    let time = stack.module().ntp(&arguments.ntp, false).await;
    let time = time.with_context(|| format!("no time from {}", arguments.ntp))?;
    println!(
        "time: {}-{:02}-{:02} {:02}:{:02}:{:02}{}",
        time.year,
        time.month,
        time.day,
        time.hour,
        time.minute,
        time.second,
        time.zone.map(zone).unwrap_or_default(),
    );
    ensure!(summary.received > 0, "no ping was answered");
    Ok(())
}

/// From quarters of an hour, as the module counts.
fn zone(quarters: i8) -> String {
    let minutes = i32::from(quarters) * 15;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    format!(" UTC{sign}{hours:02}:{minutes:02}")
}
