//! Connects the host's side of the line to a pseudo terminal or a TCP port.

use super::announce;
use async_io::Async;
use embedded_io_async::{Read, Write};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use virtual_modem::{HostRx, HostTx};

/// Makes a pseudo terminal in raw mode, and a symbolic link to it. With `follows` the line has the rate that the host
/// sets on the terminal.
pub async fn pty(path: &Path, follows: bool, mut rx: HostRx, mut tx: HostTx) -> io::Result<()> {
    let controller = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::pty::grantpt(&controller)?;
    rustix::pty::unlockpt(&controller)?;
    let name = rustix::pty::ptsname(&controller, Vec::new())?;
    // Kept open, so that the controller side sees no hang-up between two hosts.
    let terminal = rustix::fs::open(
        name.as_c_str(),
        OFlags::RDWR | OFlags::NOCTTY,
        Mode::empty(),
    )?;
    let mut attributes = rustix::termios::tcgetattr(&terminal)?;
    attributes.make_raw();
    rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &attributes)?;

    if path.is_symlink() {
        std::fs::remove_file(path)?;
    }
    symlink(OsStr::from_bytes(name.to_bytes()), path)?;
    let _link = Link {
        path,
        terminal: Path::new(OsStr::from_bytes(name.to_bytes())),
    };
    announce(&format!("ready {}", path.display()))?;
    let controller = Async::new(File::from(controller))?;
    let rate = || {
        let attributes = rustix::termios::tcgetattr(&terminal).ok()?;
        Some(attributes.output_speed())
    };
    let rate = |tx: &mut HostTx| {
        if let Some(rate) = rate().filter(|_| follows) {
            tx.set_baud(rate);
        }
    };
    bridge(&controller, &controller, &mut rx, &mut tx, rate).await
}

/// Removes the symbolic link when dropped, unless another program has taken it.
struct Link<'a> {
    path: &'a Path,
    terminal: &'a Path,
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        if std::fs::read_link(self.path).is_ok_and(|to| to == self.terminal) {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// Serves one host after the other on a loopback address.
pub async fn tcp(
    address: SocketAddr,
    once: bool,
    mut rx: HostRx,
    mut tx: HostTx,
) -> io::Result<()> {
    let listener = Async::<TcpListener>::bind(address)?;
    announce(&format!("ready {}", listener.get_ref().local_addr()?))?;
    loop {
        // Without a host the module's output is discarded.
        let unheard = async {
            let mut buffer = [0; 256];
            while !matches!(rx.read(&mut buffer).await, Ok(0) | Err(_)) {}
            Err(io::ErrorKind::UnexpectedEof.into())
        };
        let (stream, _) = future::or(listener.accept(), unheard).await?;
        stream.get_ref().set_nodelay(true)?;
        // An error ends the connection to one host; the module continues.
        let _ = bridge(&stream, &stream, &mut rx, &mut tx, |_| {}).await;
        if once {
            return Ok(());
        }
    }
}

/// Carries bytes both ways; `before` is called before bytes go to the module.
async fn bridge<R, W>(
    mut from: R,
    mut to: W,
    rx: &mut HostRx,
    tx: &mut HostTx,
    before: impl Fn(&mut HostTx),
) -> io::Result<()>
where
    R: futures_lite::AsyncRead + Unpin,
    W: futures_lite::AsyncWrite + Unpin,
{
    let into_module = async {
        let mut buffer = [0; 1024];
        loop {
            let count = AsyncReadExt::read(&mut from, &mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            before(tx);
            tx.write_all(&buffer[..count])
                .await
                .map_err(io::Error::other)?;
        }
    };
    let out_of_module = async {
        let mut buffer = [0; 1024];
        loop {
            let count = rx.read(&mut buffer).await.map_err(io::Error::other)?;
            if count == 0 {
                return Ok(());
            }
            AsyncWriteExt::write_all(&mut to, &buffer[..count]).await?;
        }
    };
    future::or(into_module, out_of_module).await
}
