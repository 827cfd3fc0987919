//! Byte streams, and peers that the virtual modem reaches.

use core::fmt::Debug;

use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::Error;
use virtual_modem::InProcess;
use virtual_modem::network::PeerStream;

use crate::PEER;

/// Sends `bytes` to an echo server and compares what comes back.
pub async fn echo<R, W>((mut reader, mut writer): (R, W), bytes: &[u8])
where
    R: Read<Error: Debug>,
    W: Write<Error: Debug>,
{
    let send = async {
        writer.write_all(bytes).await.unwrap();
        writer.flush().await.unwrap();
    };
    let receive = async {
        let mut buffer = [0; 300];
        let mut seen = 0;
        while seen < bytes.len() {
            let count = reader.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the end after {seen} bytes");
            assert!(
                bytes[seen..].starts_with(&buffer[..count]),
                "other bytes behind {seen}"
            );
            seen += count;
        }
    };
    join(send, receive).await;
}

/// All bytes up to the end of the stream.
pub async fn read_to_end(stream: &mut impl Read<Error = Error>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let mut buffer = [0; 700];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A network whose [`PEER`] has a TCP echo server at port 7.
pub fn echo_network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    network
}

/// A server at [`PEER`] that sends `bytes` to every client, and closes.
pub fn serve(network: &InProcess, port: u16, bytes: Vec<u8>) {
    network.tcp(PEER, port, move |mut stream: PeerStream| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
            stream.close();
            let _ = stream.read_to_end().await;
        }
    });
}
