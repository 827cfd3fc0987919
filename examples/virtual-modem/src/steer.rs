//! The control socket: each client has a thread, and each line is a request.

use super::options;
use async_io::Async;
use futures_lite::AsyncReadExt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use virtual_modem::{ModemHandle, control};

/// Longest request. What is longer is refused.
const REQUEST_LIMIT: u64 = 64 * 1024;

/// An open control socket.
pub struct Control {
    /// Where clients find it.
    pub address: String,
    asked: Async<UnixStream>,
    path: Option<PathBuf>,
}

/// Opens a control socket: on a loopback address, or else a Unix socket at a path.
pub fn open(address: &str, modem: ModemHandle) -> io::Result<Control> {
    let (asked, asks) = UnixStream::pair()?;
    let client = Arc::new(Client { modem, asks });
    let (address, path) = match options::loopback(address) {
        Ok(tcp) => {
            let listener = TcpListener::bind(tcp)?;
            let address = listener.local_addr()?.to_string();
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let Ok(answers) = stream.try_clone() else {
                        continue;
                    };
                    let client = client.clone();
                    thread::spawn(move || client.serve(stream, answers));
                }
            });
            (address, None)
        }
        Err(_) if address.contains(':') && !address.contains('/') => {
            let text = format!("{address} is not on the loopback interface");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Err(_) => {
            let path = Path::new(address);
            let left = path.symlink_metadata().map(|data| data.file_type());
            if left.is_ok_and(|kind| kind.is_socket()) && UnixStream::connect(path).is_err() {
                // Of a program that did not clean up.
                std::fs::remove_file(path)?;
            }
            let listener = UnixListener::bind(path)?;
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let Ok(answers) = stream.try_clone() else {
                        continue;
                    };
                    let client = client.clone();
                    thread::spawn(move || client.serve(stream, answers));
                }
            });
            (address.to_string(), Some(path.to_path_buf()))
        }
    };
    Ok(Control {
        address,
        asked: Async::new(asked)?,
        path,
    })
}

impl Control {
    /// Somebody asked the program to end.
    pub async fn quit(&mut self) {
        let _ = self.asked.read(&mut [0]).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Client {
    modem: ModemHandle,
    asks: UnixStream,
}

impl Client {
    fn serve(&self, requests: impl Read, mut answers: impl Write) {
        let mut requests = BufReader::new(requests);
        loop {
            let mut request = Vec::new();
            let read = requests
                .by_ref()
                .take(REQUEST_LIMIT)
                .read_until(b'\n', &mut request);
            if !matches!(read, Ok(1..)) {
                return;
            }
            if request.len() as u64 == REQUEST_LIMIT && !request.ends_with(b"\n") {
                // Never JSON, whatever it is; the rest of the line is read past.
                request.truncate(1);
                if requests.skip_until(b'\n').is_err() {
                    return;
                }
            }
            let request = String::from_utf8_lossy(&request);
            if request.trim().is_empty() {
                continue;
            }
            let answer = control::execute(&self.modem, &request);
            if writeln!(answers, "{answer}").is_err() {
                return;
            }
            if control::is_quit(&request) {
                let _ = (&self.asks).write_all(b"q");
            }
        }
    }
}
