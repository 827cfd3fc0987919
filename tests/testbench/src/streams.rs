//! Byte streams, and peers that the virtual modem reaches.

use core::fmt::Debug;

use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::{Error, TcpConnection};
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
        let count = arrives(&mut reader, bytes, &mut [0; 300]).await.unwrap();
        assert_eq!(count, bytes.len(), "the end came early");
    };
    join(send, receive).await;
}

/// Reads until all of `expected` has come, or to the end of the stream, and compares every byte as it comes. Returns how many came.
pub async fn arrives<E>(
    stream: &mut impl Read<Error = E>,
    expected: &[u8],
    buffer: &mut [u8],
) -> Result<usize, E> {
    let mut seen = 0;
    while seen < expected.len() {
        match stream.read(buffer).await? {
            0 => break,
            count => {
                let rest = &expected[seen..];
                assert!(rest.starts_with(&buffer[..count]), "wrong bytes at {seen}");
                seen += count;
            }
        }
    }
    Ok(seen)
}

/// Reads `expected`, all of it, and the end of the stream behind it.
pub async fn arrives_whole<E>(
    stream: &mut impl Read<Error = E>,
    expected: &[u8],
    buffer: &mut [u8],
) -> Result<(), E> {
    let count = arrives(stream, expected, buffer).await?;
    assert_eq!(count, expected.len(), "the end came early");
    assert_eq!(stream.read(buffer).await?, 0, "more came than was sent");
    Ok(())
}

/// Sends `bytes` to an echo server and closes. What comes back is what was sent, as far as it comes back.
pub async fn exchange(mut connection: TcpConnection<'_>, bytes: &[u8]) -> Result<(), Error> {
    let (mut reader, mut writer) = connection.split();
    let send = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    let mut buffer = [0; 300];
    let (sent, received) = join(send, arrives(&mut reader, bytes, &mut buffer)).await;
    sent.and(received)?;
    connection.close().await
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

/// A server at [`PEER`] that reads this many bytes of every client, and closes.
pub fn collect(network: &InProcess, port: u16, count: usize) {
    network.tcp(PEER, port, move |mut stream: PeerStream| async move {
        let _ = stream.read_exact(&mut vec![0; count]).await;
        stream.close();
    });
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
