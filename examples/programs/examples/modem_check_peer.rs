//! The peer of `modem_check` and `throughput`. Run it on a computer that the module can reach.
//!
//! ```text
//! cargo run --release --example modem_check_peer -- 0.0.0.0:7000
//! ```
//!
//! It listens on TCP and on UDP. It sends back what it gets, sends as much as it is asked for, and connects back to who asks for
//! that. Stop it when the check is done.

use std::net::SocketAddr;
use std::thread;

use anyhow::Result;
use clap::Parser;
use programs::check::peer;

/// The peer of modem_check and throughput, for TCP and UDP.
#[derive(Parser)]
#[command(name = "modem_check_peer")]
struct Arguments {
    /// Where to listen
    #[arg(value_name = "ADDRESS:PORT")]
    address: SocketAddr,
}

fn main() -> Result<()> {
    let address = peer::listen(Arguments::parse().address)?;
    eprintln!("listening on {address}");
    loop {
        thread::park();
    }
}
