//! Calls all of the library's API, so that all of it is linked. The ELF file is inspected and never run.

#![no_std]
#![no_main]

use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::pin::pin;

use atat::asynch::AtatClient;
use atat::{AtatUrc, UrcChannel};
use board::report::Output;
use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::Duration;
use embedded_io_async::{Read, ReadReady, Write, WriteReady};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::{AccessMode, QuerySignalQuality, SettingKey};
use quectel_nal::{Config, Error, Resources, Runner, Stack, blocking};
use static_cell::ConstStaticCell;

static RESOURCES: ConstStaticCell<Resources<4, 1024, 512>> = ConstStaticCell::new(Resources::new());
static OTHERS: ConstStaticCell<Resources<2, 1024, 512>> = ConstStaticCell::new(Resources::new());

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new("internet"));
    if let Ok(task) = modem(runner, rx, tx) {
        spawner.spawn(task);
    }
    let results = [
        servers(stack).await,
        datagrams(stack).await,
        services(stack).await,
        modes(stack).await,
        commands(stack).await,
        without_async(),
    ];
    for result in results {
        if let Err(error) = result {
            let _ = writeln!(Output, "{error} {error:?}");
        }
    }
    measure::finish(measure::get(&stack, &stack, measure::NAMED).await)
}

#[embassy_executor::task]
async fn modem(runner: Runner<'static>, rx: Rx, tx: Tx) {
    let error = runner.reset(async || {}).run(rx, tx).await;
    let _ = writeln!(Output, "{error}");
}

async fn servers(stack: Stack<'static>) -> Result<(), Error> {
    let listener = stack.listen(80).await?;
    let (mut connection, peer) = listener.accept().await?;
    let mut buffer = [0; 16];
    let count = connection.read(&mut buffer).await?;
    connection.write_all(&buffer[..count]).await?;
    connection.flush().await?;
    connection.wait_acked().await?;
    let (mut reader, mut writer) = connection.split();
    let ready = reader.read_ready()? && writer.write_ready()?;
    let _ = writeln!(Output, "{peer} {ready}");
    connection.close().await?;
    stack.connect_host("www.example.test", 80).await?.abort();
    listener.close().await
}

async fn datagrams(stack: Stack<'static>) -> Result<(), Error> {
    let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7);
    let mut buffer = [0; 16];
    let (_, mut socket) = UdpStack::connect(&stack, server).await?;
    socket.send(b"hello").await?;
    socket.receive_into(&mut buffer).await?;
    let mut service = stack.bind_multiple(ANYWHERE).await?;
    let (count, local, remote) = service.receive_into(&mut buffer).await?;
    service.send(local, remote, &buffer[..count]).await?;
    let listener = stack.listen_udp(7).await?;
    listener.accept().await?;
    Ok(())
}

async fn services(stack: Stack<'static>) -> Result<(), Error> {
    let addresses = stack.resolve("www.example.test").await?;
    let link = stack.link_state();
    let statistics = stack.statistics();
    let local = (stack.local_addr(), stack.local_addr_v6());
    let _ = writeln!(Output, "{addresses:?} {link:?} {statistics:?} {local:?}");
    let mut pings = stack
        .module()
        .ping("www.example.test", Duration::from_secs(4), 2)
        .await?;
    while let Some(reply) = pings.next().await {
        let _ = writeln!(Output, "{reply:?}");
    }
    let summary = pings.summary().await?;
    let time = stack.module().ntp("www.example.test", true).await?;
    let servers = stack.module().dns_servers().await?;
    let _ = writeln!(Output, "{summary:?} {time:?} {servers:?}");
    stack
        .module()
        .set_dns_servers(IpAddr::V4(Ipv4Addr::LOCALHOST), None)
        .await?;
    let echo = stack.module().data_echo().await?;
    let error = stack.module().last_error().await?;
    let _ = writeln!(Output, "{echo} {error:?}");
    stack
        .module()
        .socket_states(|status| {
            let _ = writeln!(Output, "{status:?}");
        })
        .await?;
    stack.wait_link_up().await.map_err(Error::Link)
}

async fn modes(stack: Stack<'static>) -> Result<(), Error> {
    let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7);
    let pushing = stack.with_access_mode(AccessMode::DirectPush);
    let (_, mut socket) = UdpStack::connect(&pushing, server).await?;
    socket.set_access_mode(AccessMode::Buffer).await?;
    let mut connection = TcpConnect::connect(&pushing, server).await?;
    connection.set_access_mode(AccessMode::Buffer).await?;
    let mut line = connection;
    line.set_access_mode(AccessMode::Transparent).await?;
    line.write_all(b"hello").await?;
    line.flush().await?;
    line.read(&mut [0; 16]).await?;
    line.set_access_mode(AccessMode::Buffer).await?;
    line.set_access_mode(AccessMode::Transparent).await?;
    let _ = writeln!(
        Output,
        "{}",
        line.access_mode() == Some(AccessMode::Transparent)
    );
    let mut line = stack
        .with_access_mode(AccessMode::Transparent)
        .connect(server)
        .await?;
    let (_, mut writer) = line.split();
    writer.set_access_mode(AccessMode::Buffer).await
}

async fn commands(stack: Stack<'static>) -> Result<(), Error> {
    let quality = stack.at().send(&QuerySignalQuality).await;
    let _ = writeln!(Output, "{quality:?}");
    let setting = stack.module().setting(SettingKey::TransparentWait).await?;
    let _ = writeln!(Output, "{setting:?}");
    Ok(())
}

/// The type that the user parses URCs into.
#[derive(Clone)]
struct Line;

impl AtatUrc for Line {
    fn parse(_: &[u8]) -> Option<Self> {
        Some(Self)
    }
}

/// The blocking API, over a UART that never receives anything.
fn without_async() -> Result<(), Error> {
    use embedded_nal::nb::block;
    use embedded_nal::{AddrType, Dns, TcpClientStack, TcpFullStack, UdpClientStack, UdpFullStack};

    let (stack, runner) = quectel_nal::new(OTHERS.take(), Config::new("internet"));
    let uart = blocking::Uart::new(Nothing);
    let (rx, tx) = uart.split();
    let urcs = UrcChannel::<Line, 1, 1>::new();
    let mut runner = runner.urcs(&urcs);
    let engine = pin!(runner.run(rx, tx));
    let stack = blocking::Stack::new(stack, engine);
    let mut buffer = [0; 16];

    let mut tcp = stack.tcp();
    let address = block!(tcp.get_host_by_name("www.example.test", AddrType::Either))?;
    let mut socket = tcp.socket()?;
    block!(tcp.connect(&mut socket, (address, 80).into()))?;
    block!(tcp.send(&mut socket, b"hello"))?;
    block!(tcp.receive(&mut socket, &mut buffer))?;
    tcp.bind(&mut socket, 80)?;
    tcp.listen(&mut socket)?;
    block!(tcp.accept(&mut socket))?;
    tcp.close(socket)?;

    let mut udp = stack.udp();
    let mut socket = udp.socket()?;
    udp.connect(&mut socket, (address, 7).into())?;
    block!(udp.send(&mut socket, b"hello"))?;
    block!(udp.receive(&mut socket, &mut buffer))?;
    udp.bind(&mut socket, 7)?;
    block!(udp.send_to(&mut socket, (address, 7).into(), b"hello"))?;
    udp.close(socket)
}

struct Nothing;

impl embedded_io::ErrorType for Nothing {
    type Error = core::convert::Infallible;
}

impl embedded_io::Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }
}

impl embedded_io::ReadReady for Nothing {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        Ok(false)
    }
}

impl embedded_io::Write for Nothing {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
