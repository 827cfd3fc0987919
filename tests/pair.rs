//! The library and the virtual modem in one process, under virtual time.
#![allow(missing_docs)]

mod common;

use common::{Bench, adversarial, assert_no_violation, noise, peer};
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use virtual_modem::InProcess;

/// What the peer sends arrives, what is sent to it comes back.
async fn echo(connection: &mut quectel_nal::TcpConnection<'_>, bytes: &[u8]) {
    let (mut reader, mut writer) = connection.split();
    let send = async {
        writer.write_all(bytes).await.unwrap();
        writer.flush().await.unwrap();
    };
    let receive = async {
        let mut back = vec![0; bytes.len()];
        reader.read_exact(&mut back).await.unwrap();
        back
    };
    let ((), back) = join(send, receive).await;
    assert!(back == bytes, "the echo differs");
}

#[test]
fn an_echo_comes_back() {
    let network = InProcess::new();
    network.tcp_echo(common::PEER, 7);
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect(peer(7)).await.unwrap();
        echo(&mut connection, b"hello").await;
        echo(&mut connection, &noise(1, 10_000)).await;
        echo(&mut connection, &adversarial(20_000)).await;
        connection.close().await.unwrap();
        assert_no_violation(&modem);
    });
}
