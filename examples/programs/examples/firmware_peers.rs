//! An HTTPS server and an MQTT broker on the loopback interface, for the firmware in `examples/firmware`.
//!
//! Prints their ports, and ends at the end of its standard input.

use std::io::Read;
use std::net::TcpListener;

use anyhow::Result;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use programs::peers::{broker, tls};

const HOST: &str = "www.example.test";

fn main() -> Result<()> {
    let https = TcpListener::bind(("127.0.0.1", 0))?;
    let port = https.local_addr()?.port();
    let router = Router::new().route("/{length}", get(page));
    tls::serve(https, tls::Identity::self_signed(HOST)?, router)?;
    let (mqtt, _tx, _rx) = broker::serve()?;
    println!("{port} {}", mqtt.port());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// This many bytes: 0, 1, 2, … 255, 0, …
async fn page(Path(length): Path<usize>) -> Vec<u8> {
    (0..length).map(|index| index as u8).collect()
}
