//! A SOCKS5 proxy on the loopback interface: any program that can use one works over the modem, without root and without PPP.
//!
//! ```text
//! cargo run --example socks5 -- --modem /dev/ttyUSB2 --apn internet
//! curl --socks5-hostname localhost:1080 https://example.com/
//! git -c http.proxy=socks5h://localhost:1080 clone https://example.com/project.git
//! ssh -o ProxyCommand='nc -X 5 -x localhost:1080 %h %p' user@example.com
//! ```
//!
//! Names are resolved by the module. It has 12 sockets: more clients wait until one is free. CONNECT and UDP ASSOCIATE are
//! supported, without authentication.

mod datagrams;
mod protocol;
mod relay;

use std::cell::Cell;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_executor::LocalExecutor;
use async_io::{Async, Timer};
use async_lock::Semaphore;
use clap::Parser;
use embassy_futures::select::{Either, select};
use futures_lite::future;
use programs::{Line, ModemOptions, SOCKETS};
use quectel_nal::at::AccessMode;
use quectel_nal::{LinkState, Stack};
use virtual_modem::Loopback;

use protocol::{Command, Host, Reply, Target};
use relay::{End, Passed};

/// A client has to say what it wants within this time.
const NEGOTIATION: Duration = Duration::from_secs(30);

/// A SOCKS5 proxy: lets any program use the network of the modem.
///
/// The virtual modem reaches this computer only (localhost).
#[derive(Parser)]
#[command(name = "socks5")]
struct Arguments {
    /// Where clients connect: a loopback address and a port; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1080", value_parser = loopback)]
    listen: SocketAddr,

    /// Direct push access mode: the module sends received data at once, without being asked for it
    #[arg(long)]
    push: bool,

    /// How long a server may be silent after the client has closed its direction, in seconds
    #[arg(long, value_name = "S", default_value_t = 10)]
    half_open: u16,

    /// Say nothing about each connection
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    modem: ModemOptions,
}

fn loopback(text: &str) -> Result<SocketAddr> {
    let address: SocketAddr = text.parse()?;
    // There is no authentication.
    ensure!(
        address.ip().is_loopback(),
        "not a loopback address: everybody in the network could use the SIM card"
    );
    Ok(address)
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("socks5: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let address = arguments.listen;
    let listener = Async::<TcpListener>::bind(address)
        .with_context(|| format!("cannot listen on {address}"))?;
    let line = Line::default();
    arguments.modem.run(&line, Loopback::new(), async |stack| {
        programs::link_up(stack).await?;
        eprintln!("listening on {}", listener.get_ref().local_addr()?);
        let proxy = Proxy {
            stack: match arguments.push {
                true => stack.with_access_mode(AccessMode::DirectPush),
                false => stack,
            },
            sockets: Semaphore::new(SOCKETS),
            waiting: Cell::new(0),
            arguments,
        };
        let executor = LocalExecutor::new();
        executor
            .run(async {
                select(proxy.watch_link(), async {
                    loop {
                        let (client, from) = match listener.accept().await {
                            Ok(accepted) => accepted,
                            Err(error) => {
                                // For example too many open files: the clients wait.
                                eprintln!("cannot accept a client: {error}");
                                Timer::after(Duration::from_millis(200)).await;
                                continue;
                            }
                        };
                        executor.spawn(proxy.serve(client, from)).detach();
                    }
                })
                .await;
            })
            .await;
        bail!("the proxy ended")
    })
}

struct Proxy<'a, 'd> {
    stack: Stack<'d>,
    /// The sockets of the module that are not in use.
    sockets: Semaphore,
    /// Clients that wait for one.
    waiting: Cell<usize>,
    arguments: &'a Arguments,
}

impl Proxy<'_, '_> {
    /// One client, from its first byte to its last.
    async fn serve(&self, client: Async<TcpStream>, from: SocketAddr) {
        let port = from.port();
        match self.try_to_serve(&client).await {
            Ok(summary) => self.say(&format!("{port} {summary}")),
            Err(error) => self.say(&format!("{port} failed: {error:#}")),
        }
    }

    async fn try_to_serve(&self, client: &Async<TcpStream>) -> Result<String> {
        client.get_ref().set_nodelay(true)?;
        let negotiation = protocol::negotiate(client);
        let limited = future::or(async { Some(negotiation.await) }, async {
            Timer::after(NEGOTIATION).await;
            None
        });
        let (command, target) = limited.await.context("the client says nothing")??;

        let Some(_socket) = self.socket(client).await else {
            return Ok(format!("{target}: gave up waiting for a socket"));
        };
        match command {
            Command::Connect => self.connect(client, &target).await,
            Command::UdpAssociate => {
                let relayed = datagrams::associate(self.stack, client, &target).await?;
                Ok(format!(
                    "UDP: {} datagrams up, {} down, {} dropped",
                    relayed.up, relayed.down, relayed.dropped
                ))
            }
        }
    }

    /// Waits for a socket of the module. `None` if the client leaves before.
    async fn socket(&self, client: &Async<TcpStream>) -> Option<async_lock::SemaphoreGuard<'_>> {
        if let Some(socket) = self.sockets.try_acquire() {
            return Some(socket);
        }
        let _waiting = Counted::new(&self.waiting);
        match select(self.sockets.acquire(), relay::gone(client)).await {
            Either::First(socket) => Some(socket),
            Either::Second(()) => None,
        }
    }

    async fn connect(&self, client: &Async<TcpStream>, target: &Target) -> Result<String> {
        let opening = async {
            match &target.host {
                Host::Address(address) => {
                    let remote = SocketAddr::new(*address, target.port);
                    self.stack.connect(remote).await
                }
                Host::Name(name) => self.stack.connect_host(name, target.port).await,
            }
        };
        let connection = match select(opening, relay::gone(client)).await {
            Either::First(Ok(connection)) => connection,
            Either::First(Err(error)) => {
                protocol::reply(client, error.into(), None).await?;
                bail!("{target}: {error}");
            }
            Either::Second(()) => return Ok(format!("{target}: gave up connecting")),
        };
        let local = self.stack.local_addr().map(|ip| SocketAddr::new(ip, 0));
        protocol::reply(client, Reply::Succeeded, local).await?;

        let passed = Passed::default();
        let half_open = Duration::from_secs(self.arguments.half_open.into());
        let others_wait = || self.waiting.get() > 0;
        let end = relay::relay(client, connection, &passed, half_open, others_wait).await;
        let (up, down) = (passed.up.get(), passed.down.get());
        let end = match end {
            End::Server => "closed by the server".into(),
            End::Client => "closed by the client".into(),
            End::ClientGone(error) => format!("the client broke off: {error}"),
            End::Module(error) => bail!("{target}: {error} after {up} bytes up, {down} down"),
        };
        Ok(format!("{target}: {up} bytes up, {down} down, {end}"))
    }

    /// Says when the network is gone and when it is back.
    async fn watch_link(&self) {
        loop {
            Timer::after(Duration::from_secs(1)).await;
            if let LinkState::Down(error) = self.stack.link_state() {
                eprintln!("{:#}", programs::link_down(error));
                while self.stack.wait_link_up().await.is_err() {}
                eprintln!("the network is back");
            }
        }
    }

    fn say(&self, what: &str) {
        if !self.arguments.quiet {
            eprintln!("{what}");
        }
    }
}

/// One more, until it is dropped.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
