//! The peer of `modem_check` and `throughput`: run it on a computer that the module can reach.
//!
//! On TCP it takes commands, one in each line; on UDP, at the same port, it sends every datagram back.
//!
//! | command | what it does |
//! |---|---|
//! | `down N`, `later N` | sends N bytes, at once or after a second |
//! | `up N` | takes the N bytes behind the line, and answers `+` if they are right, else `-` |
//! | `close` | closes the connection |
//! | `hold` | does not close for 15 s, whatever the module does |
//! | `stall TAG` | reads nothing for two seconds, then counts what comes until the end |
//! | `told TAG` | says how much that was |
//! | `back PORT` | connects to that port of the module |
//! | `noop` | nothing |

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration as StdDuration;

use anyhow::{Context, Result, bail};
use async_io::Async;
use embassy_time::{Duration, Timer};
use embedded_io_adapters::futures_03::FromFutures;
use embedded_io_async::{Read, ReadExactError, Write};
use virtual_modem::time;

/// Bytes that are written and read at a time.
const PART: usize = 1460;
/// The longest line.
const LINE: usize = 80;
/// How many tags are remembered.
const TAGS: usize = 1000;

/// The byte at this offset of every transfer.
pub fn payload(index: usize) -> u8 {
    (index * 31 % 251) as u8
}

/// What the connections have in common.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<HashMap<String, u64>>>);

impl Memory {
    fn put(&self, tag: &str, count: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > TAGS {
            all.clear();
        }
        all.insert(tag.into(), count);
    }

    fn get(&self, tag: &str) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(tag).copied()
    }
}

/// Listens on TCP and UDP, in threads. Gives the address of both.
pub fn listen(address: SocketAddr) -> Result<SocketAddr> {
    let (tcp, udp) = bind(address)?;
    let address = tcp.local_addr()?;
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            // An error belongs to a datagram that was sent before.
            if let Ok((count, from)) = udp.recv_from(&mut buffer) {
                if buffer[..count] == *b"later" {
                    thread::sleep(StdDuration::from_secs(1));
                }
                let _ = udp.send_to(&buffer[..count], from);
            }
        }
    });
    thread::spawn(move || {
        let memory = Memory::default();
        for stream in tcp.incoming() {
            let memory = memory.clone();
            thread::spawn(move || -> Result<()> { serve_stream(stream?, memory) });
        }
    });
    Ok(address)
}

/// The same port for both; a free one that is taken for one of them is no use.
fn bind(address: SocketAddr) -> Result<(TcpListener, UdpSocket)> {
    let failed = || format!("cannot listen on {address}");
    for _ in 0..20 {
        let tcp = TcpListener::bind(address).with_context(failed)?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if address.port() != 0 => return Err(error).with_context(failed),
            Err(_) => {}
        }
    }
    bail!("no port is free for TCP and UDP")
}

fn serve_stream(stream: TcpStream, memory: Memory) -> Result<()> {
    stream.set_nodelay(true)?;
    let module = stream.peer_addr()?.ip();
    let asynchronous = Async::new(stream)?;
    time::block_on(async {
        let stream = FromFutures::new(&asynchronous);
        serve(stream, memory, |port| visit(module, port)).await
    })
}

/// Connects to the module, and closes after a while.
fn visit(module: IpAddr, port: u16) {
    thread::spawn(move || -> io::Result<()> {
        let address = SocketAddr::new(module, port);
        let stream = TcpStream::connect_timeout(&address, StdDuration::from_secs(5))?;
        thread::sleep(StdDuration::from_secs(5));
        stream.shutdown(Shutdown::Both)
    });
}

/// One connection. `visit` connects to a port of the module.
pub async fn serve<S: Read + Write>(
    mut stream: S,
    memory: Memory,
    visit: impl Fn(u16),
) -> Result<()> {
    loop {
        let Some(line) = read_line(&mut stream).await? else {
            return Ok(());
        };
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "down" | "later" => {
                if command == "later" {
                    Timer::after(Duration::from_secs(1)).await;
                }
                let count: usize = argument.parse()?;
                let all: Vec<u8> = (0..count).map(payload).collect();
                for part in all.chunks(PART) {
                    failed(stream.write_all(part).await)?;
                }
                failed(stream.flush().await)?;
            }
            "up" => {
                let mut is_right = true;
                let count: usize = argument.parse()?;
                let mut buffer = [0; PART];
                for start in (0..count).step_by(PART) {
                    let part = &mut buffer[..PART.min(count - start)];
                    match stream.read_exact(part).await {
                        Ok(()) => {}
                        Err(ReadExactError::UnexpectedEof) => return Ok(()),
                        Err(ReadExactError::Other(error)) => failed(Err(error))?,
                    }
                    is_right &= part
                        .iter()
                        .copied()
                        .eq((start..start + part.len()).map(payload));
                }
                failed(stream.write_all(if is_right { b"+" } else { b"-" }).await)?;
                failed(stream.flush().await)?;
            }
            "close" => return Ok(()),
            "hold" => {
                Timer::after(Duration::from_secs(15)).await;
                return Ok(());
            }
            "stall" => {
                Timer::after(Duration::from_secs(2)).await;
                let mut buffer = [0; PART];
                let mut count = 0;
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    count += read as u64;
                    memory.put(argument, count);
                }
                return Ok(());
            }
            "told" => {
                let count = memory.get(argument).unwrap_or(0);
                let text = format!("{count}\n");
                failed(stream.write_all(text.as_bytes()).await)?;
                failed(stream.flush().await)?;
            }
            "back" => visit(argument.parse()?),
            "noop" => {}
            _ => bail!("not a command: {line}"),
        }
    }
}

async fn read_line(stream: &mut impl Read) -> Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE {
        match stream.read(&mut byte).await {
            Ok(1..) if byte == *b"\n" => return Ok(Some(String::from_utf8(line)?)),
            Ok(1..) => line.push(byte[0]),
            Ok(0) => return Ok(None),
            Err(error) => failed(Err(error))?,
        }
    }
    bail!("a line that is too long")
}

fn failed<T, E: std::fmt::Debug>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| anyhow::anyhow!("{error:?}"))
}
