//! The blocking API: plain calls, none of which waits. Mostly under virtual time.

mod link;
mod same_as_async;
mod sockets;
mod waiting;

use embedded_nal::{TcpClientStack, TcpError, TcpErrorKind, nb};
use quectel_nal::Error;
use quectel_nal::blocking::TcpSocket;
use testbench::polled::{Stack, patiently};
use testbench::{Bench, PEER, echo_network, noise, peer};
use virtual_modem::InProcess;
use virtual_modem::network::PeerStream;

const WOULD_BLOCK: nb::Error<Error> = nb::Error::WouldBlock;

fn network() -> InProcess {
    let network = echo_network();
    network.udp_echo(PEER, 7);
    network.refuse(PEER, 1, 566);
    network.hang(PEER, 2);
    network.tcp(PEER, 80, |mut stream: PeerStream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match embedded_io_async::Read::read(&mut stream, &mut byte).await {
                Ok(1) => request.push(byte[0]),
                _ => return,
            }
        }
        let body = noise(1, 5000);
        let head = format!("HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = embedded_io_async::Write::write_all(&mut stream, head.as_bytes()).await;
        let _ = embedded_io_async::Write::write_all(&mut stream, &body).await;
        stream.close();
        let _ = stream.read_to_end().await;
    });
    network
}

fn bench() -> Bench {
    Bench::new().settings(|settings| {
        settings
            .dns("http.example", &[PEER])
            .dns("other.example", &["192.0.2.9", "192.0.2.10"])
    })
}

async fn connect<'d>(stack: &Stack<'d, '_>, port: u16) -> Result<TcpSocket<'d>, Error> {
    let mut tcp = stack.tcp();
    let mut socket = tcp.socket()?;
    patiently(|| tcp.connect(&mut socket, peer(port))).await?;
    Ok(socket)
}

async fn send_all<'d>(
    stack: &Stack<'d, '_>,
    socket: &mut TcpSocket<'d>,
    mut bytes: &[u8],
) -> Result<(), Error> {
    while !bytes.is_empty() {
        let count = patiently(|| stack.tcp().send(socket, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Until the stream ends, which is an error of kind `PipeClosed`.
async fn receive_all<'d>(stack: &Stack<'d, '_>, socket: &mut TcpSocket<'d>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 700];
    loop {
        match patiently(|| stack.tcp().receive(socket, &mut buffer)).await {
            Ok(count) => {
                assert!(count > 0);
                all.extend_from_slice(&buffer[..count]);
            }
            Err(error) => {
                assert_eq!(TcpError::kind(&error), TcpErrorKind::PipeClosed);
                assert_eq!(error, Error::Closed);
                return all;
            }
        }
    }
}
