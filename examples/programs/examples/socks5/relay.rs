//! One TCP connection between a client and a socket of the module.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use quectel_nal::{Error, TcpConnection, TcpReader, TcpWriter};
use socket2::SockRef;

/// How much is moved at a time.
const PART: usize = 8192;
/// How long the last bytes may take on their way to the client, and the client to close.
const FAREWELL: Duration = Duration::from_secs(2);
/// A client that has closed its direction is given up after this time without a byte from the server, if others wait.
const QUIET_WHILE_OTHERS_WAIT: Duration = Duration::from_secs(1);

/// How many bytes have passed.
#[derive(Default)]
pub struct Passed {
    pub up: Cell<u64>,
    pub down: Cell<u64>,
    last: Cell<Option<Instant>>,
}

impl Passed {
    fn add(&self, way: &Cell<u64>, count: usize) {
        way.set(way.get() + count as u64);
        self.last.set(Some(Instant::now()));
    }
}

/// Why a connection ended.
#[derive(Debug)]
pub enum End {
    /// The server closed, and the client has everything.
    Server,
    /// The client closed, and the server has everything.
    Client,
    /// The client broke off.
    ClientGone(io::Error),
    /// The connection of the module failed.
    Module(Error),
}

/// Moves bytes both ways until one side ends. `half_open` is how long a server may be silent after the client has closed its
/// direction; `others_wait` is whether a socket would be of use to somebody else.
///
/// The module cannot close one direction alone (AT+QICLOSE closes both), so the server does not learn that the client has closed
/// its direction before the connection is closed.
pub async fn relay(
    client: &Async<TcpStream>,
    mut connection: TcpConnection<'_>,
    passed: &Passed,
    half_open: Duration,
    others_wait: impl Fn() -> bool,
) -> End {
    let (reader, writer) = connection.split();
    let uploading = async {
        match upload(client, writer, passed).await {
            // What the client sent has arrived. Now the server has the word.
            End::Client => {
                silence(passed, half_open, others_wait).await;
                End::Client
            }
            // The reader tells why, after all that has been received before.
            End::Module(_) => future::pending().await,
            end => end,
        }
    };
    let end = match select(download(client, reader, passed), uploading).await {
        Either::First(end) | Either::Second(end) => end,
    };
    match end {
        End::Server | End::Client => {
            // The client learns of the end first: closing takes the module some time.
            let _ = client.get_ref().shutdown(Shutdown::Write);
            let (closed, ()) = future::zip(connection.close(), read_rest(client)).await;
            match (end, closed) {
                (End::Client, Err(error)) => End::Module(error),
                (end, _) => end,
            }
        }
        End::ClientGone(_) => {
            connection.abort();
            end
        }
        End::Module(_) => {
            // The stream has a gap or no end: the client has to see an error, and not an end of file.
            let _ = SockRef::from(client.get_ref()).set_linger(Some(Duration::ZERO));
            connection.abort();
            end
        }
    }
}

/// From the module to the client.
async fn download(
    mut client: &Async<TcpStream>,
    mut reader: TcpReader<'_, '_>,
    passed: &Passed,
) -> End {
    let mut buffer = [0; PART];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return End::Server,
            Ok(count) => {
                passed.add(&passed.down, count);
                if let Err(error) = client.write_all(&buffer[..count]).await {
                    return End::ClientGone(error);
                }
            }
            Err(error) => return End::Module(error),
        }
    }
}

/// From the client to the module.
async fn upload(
    mut client: &Async<TcpStream>,
    mut writer: TcpWriter<'_, '_>,
    passed: &Passed,
) -> End {
    let mut buffer = [0; PART];
    loop {
        let moved = match client.read(&mut buffer).await {
            Ok(0) => {
                return match writer.flush().await {
                    Ok(()) => End::Client,
                    Err(error) => End::Module(error),
                };
            }
            Ok(count) => {
                passed.add(&passed.up, count);
                writer.write_all(&buffer[..count]).await
            }
            Err(error) => return End::ClientGone(error),
        };
        if let Err(error) = moved {
            return End::Module(error);
        }
    }
}

/// Waits until nothing has passed for a while.
async fn silence(passed: &Passed, half_open: Duration, others_wait: impl Fn() -> bool) {
    let begin = Instant::now();
    loop {
        Timer::after(QUIET_WHILE_OTHERS_WAIT / 4).await;
        let quiet = passed.last.get().unwrap_or(begin).max(begin).elapsed();
        if quiet >= half_open || (quiet >= QUIET_WHILE_OTHERS_WAIT && others_wait()) {
            return;
        }
    }
}

/// Reads what the client still sends. Without that the system would answer it with a reset, and the client might lose what it
/// has not read yet.
async fn read_rest(mut client: &Async<TcpStream>) {
    let mut buffer = [0; PART];
    let reading = async { while let Ok(1..) = client.read(&mut buffer).await {} };
    future::or(reading, async {
        Timer::after(FAREWELL).await;
    })
    .await;
}

/// Waits until the client has closed its connection, at a time when it has nothing to say.
pub async fn gone(client: &Async<TcpStream>) {
    if let Ok(1..) = client.peek(&mut [0]).await {
        // It speaks early. That it has gone is noticed later.
        future::pending().await
    }
}
