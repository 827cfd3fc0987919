//! Listeners: peers connect to the module.

mod clients;
mod dialogue;
mod limits;

use core::time::Duration;
use embassy_time::with_timeout;
use embedded_io_async::{Read, Write};
use quectel_nal::TcpConnection;
use testbench::{PEER, seconds};
use virtual_modem::InProcess;
use virtual_modem::network::PeerStream;

const PORT: u16 = 2020;

fn network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(10));
    network.tcp_echo(PEER, 7);
    network
}

async fn call(network: &InProcess) -> PeerStream {
    network
        .connect("192.0.2.10", PORT)
        .await
        .expect("nobody listens")
}

/// The client's side: sends, reads it back, and closes.
async fn client(network: &InProcess, bytes: &[u8]) {
    let mut stream = call(network).await;
    stream.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert!(back == bytes, "the echo differs");
    stream.close();
    gone(&mut stream).await;
}

/// The server's side: sends back what comes until the end.
async fn serve(mut connection: TcpConnection<'_>) {
    let mut buffer = [0; 700];
    loop {
        match connection.read(&mut buffer).await.unwrap() {
            0 => break,
            count => connection.write_all(&buffer[..count]).await.unwrap(),
        }
    }
    connection.close().await.unwrap();
}

async fn gone(stream: &mut PeerStream) {
    let ended = with_timeout(seconds(30), stream.read_to_end()).await;
    assert!(
        ended
            .expect("it is left open")
            .is_ok_and(|rest| rest.is_empty())
    );
}
