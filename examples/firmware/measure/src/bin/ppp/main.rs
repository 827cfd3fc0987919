//! TCP over PPP: the IP stack is in the firmware, and the module only passes IP packets on.
//!
//! With the feature `ppp-udp` also name lookup and a UDP socket, as `ours` has them. With the feature `ppp-dial` an
//! AT client switches the module to PPP first, which is what a product needs; without it something else has to.

#![no_std]
#![no_main]

#[cfg(feature = "ppp-dial")]
mod dial;

use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_net::tcp::client::{TcpClient, TcpClientState};
use embassy_net::{ConfigV4, Ipv4Cidr, StackResources, StaticConfigV4};
use embassy_net_ppp::{Config, Device, Runner, State};
use embedded_io_async::{BufRead, ErrorKind, ErrorType, Read, Write};
use static_cell::ConstStaticCell;

const SOCKETS: usize = if cfg!(feature = "ppp-udp") { 3 } else { 1 };

static STATE: ConstStaticCell<State<4, 4>> = ConstStaticCell::new(State::new());
static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> =
    ConstStaticCell::new(StackResources::new());
static TCP: ConstStaticCell<TcpClientState<1, { measure::TX }, { measure::RX }>> =
    ConstStaticCell::new(TcpClientState::new());

type Stack = embassy_net::Stack<'static>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (device, ppp) = embassy_net_ppp::new(STATE.take());
    let (stack, runner) =
        embassy_net::new(device, embassy_net::Config::default(), RESOURCES.take(), 1);
    if let (Ok(net), Ok(link)) = (net(runner), link(stack, ppp, rx, tx)) {
        spawner.spawn(net);
        spawner.spawn(link);
    }
    stack.wait_config_up().await;
    measure::finish(get(stack).await)
}

#[cfg(not(feature = "ppp-udp"))]
async fn get(stack: Stack) -> Option<usize> {
    let tcp = TcpClient::new(stack, TCP.take());
    measure::get(&tcp, &measure::Literal, measure::NUMBERED).await
}

#[cfg(feature = "ppp-udp")]
async fn get(stack: Stack) -> Option<usize> {
    ask(stack).await?;
    let tcp = TcpClient::new(stack, TCP.take());
    let dns = embassy_net::dns::DnsSocket::new(stack);
    measure::get(&tcp, &dns, measure::NAMED).await
}

/// Sends a datagram and waits for the answer.
#[cfg(feature = "ppp-udp")]
async fn ask(stack: Stack) -> Option<()> {
    use core::net::Ipv4Addr;
    use embassy_net::udp::{PacketMetadata, UdpSocket};
    use embassy_time::{Duration, with_timeout};

    let mut metadata = ([PacketMetadata::EMPTY; 1], [PacketMetadata::EMPTY; 1]);
    let mut buffers = ([0; 64], [0; 64]);
    let mut socket = UdpSocket::new(
        stack,
        &mut metadata.0,
        &mut buffers.0,
        &mut metadata.1,
        &mut buffers.1,
    );
    socket.bind(0).ok()?;
    let server = (Ipv4Addr::new(192, 0, 2, 1), 7);
    socket.send_to(b"hello", server).await.ok()?;
    let mut answer = [0; 8];
    let received = with_timeout(Duration::from_secs(5), socket.recv_from(&mut answer)).await;
    (received.ok()?.ok()?.0 == 5).then_some(())
}

#[embassy_executor::task]
async fn net(mut runner: embassy_net::Runner<'static, Device<'static>>) {
    runner.run().await
}

#[embassy_executor::task]
async fn link(stack: Stack, mut ppp: Runner<'static>, rx: Rx, tx: Tx) {
    #[cfg(feature = "ppp-dial")]
    let (rx, tx) = dial::dial(rx, tx).await;
    let config = Config {
        username: b"",
        password: b"",
    };
    let uart = Buffered {
        rx,
        tx,
        buffer: [0; 64],
        start: 0,
        end: 0,
    };
    let _ = ppp
        .run(uart, config, |status| {
            let Some(address) = status.address else {
                return;
            };
            let mut config = StaticConfigV4 {
                address: Ipv4Cidr::new(address, 0),
                gateway: None,
                dns_servers: Default::default(),
            };
            for server in status.dns_servers.iter().flatten() {
                let _ = config.dns_servers.push(*server);
            }
            stack.set_config_v4(ConfigV4::Static(config));
        })
        .await;
}

/// Both halves of the UART in one type with a read buffer, as embassy-net-ppp needs it.
struct Buffered {
    rx: Rx,
    tx: Tx,
    buffer: [u8; 64],
    start: usize,
    end: usize,
}

impl ErrorType for Buffered {
    type Error = ErrorKind;
}

impl Read for Buffered {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        self.rx.read(into).await
    }
}

impl BufRead for Buffered {
    async fn fill_buf(&mut self) -> Result<&[u8], ErrorKind> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.rx.read(&mut self.buffer).await?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
    }
}

impl Write for Buffered {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.tx.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.tx.flush().await
    }
}
