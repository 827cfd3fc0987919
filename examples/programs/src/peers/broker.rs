//! An MQTT broker in this program.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// A broker for MQTT 5 on the loopback interface, and a client of it that needs no network.
pub fn serve() -> Result<(SocketAddr, LinkTx, LinkRx)> {
    // The broker does not report its port.
    let listen = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let server = ServerSettings {
        name: "loopback".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 5000,
            max_payload_size: 1 << 20,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let config = Config {
        router: RouterConfig {
            max_connections: 100,
            max_outgoing_packet_count: 200,
            max_segment_size: 1 << 20,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v5: Some(HashMap::from([("loopback".into(), server)])),
        ..Config::default()
    };
    let mut broker = Broker::new(config);
    let (tx, rx) = broker.link("somebody-else")?;
    thread::spawn(move || {
        let _ = broker.start();
    });
    for _ in 0..500 {
        if TcpStream::connect(listen).is_ok() {
            return Ok((listen, tx, rx));
        }
        thread::sleep(Duration::from_millis(10));
    }
    bail!("the broker does not start")
}
