//! Peers inside the process, for virtual time.

use super::link::{self, PeerStream};
use super::{Datagrams, Listener, Network, Opening, Stream};
use crate::{code, time};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What can stand for an IP address: the types of [`std::net`], four bytes, or text.
pub trait Address {
    /// The address.
    ///
    /// # Panics
    ///
    /// When a text is no address.
    fn address(self) -> IpAddr;
}

impl Address for IpAddr {
    fn address(self) -> IpAddr {
        self
    }
}

impl Address for Ipv4Addr {
    fn address(self) -> IpAddr {
        self.into()
    }
}

impl Address for Ipv6Addr {
    fn address(self) -> IpAddr {
        self.into()
    }
}

impl Address for [u8; 4] {
    fn address(self) -> IpAddr {
        self.into()
    }
}

impl Address for &str {
    fn address(self) -> IpAddr {
        self.parse()
            .unwrap_or_else(|_| panic!("no IP address: {self}"))
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Called without the network's lock: a peer may use the network.
type Service = Arc<Mutex<dyn FnMut(PeerStream) -> Task + Send>>;

enum TcpPeer {
    Serves(Service),
    Refuses(u16),
    Hangs,
}

/// So many datagrams wait; more are lost, as they are on a real network.
const MAILBOX_LIMIT: usize = 10_000;

#[derive(Default)]
struct Mailbox {
    /// Each with the time of arrival and the sender.
    datagrams: VecDeque<(u64, Vec<u8>, SocketAddr)>,
    reader: Option<Waker>,
}

impl Mailbox {
    fn put(&mut self, at: u64, datagram: &[u8], from: SocketAddr) {
        if self.datagrams.len() == MAILBOX_LIMIT {
            return;
        }
        self.datagrams.push_back((at, datagram.to_vec(), from));
        wake(&mut self.reader);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Vec<u8>, SocketAddr)> {
        match self.datagrams.front() {
            Some((at, _, _)) if *at > time::micros() => time::wake_at(*at, cx.waker()),
            Some(_) => {
                if let Some((_, datagram, from)) = self.datagrams.pop_front() {
                    return Poll::Ready((datagram, from));
                }
            }
            None => {}
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<(u64, Box<dyn Stream>, SocketAddr)>,
    acceptor: Option<Waker>,
}

struct World {
    latency: u64,
    window: usize,
    module: IpAddr,
    tcp: BTreeMap<SocketAddr, TcpPeer>,
    udp: BTreeMap<SocketAddr, Mailbox>,
    module_udp: BTreeMap<u16, Mailbox>,
    listeners: BTreeMap<u16, Backlog>,
    tasks: Vec<Task>,
    driver: Option<Waker>,
    next_port: u16,
    next_peer_port: u16,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// A network whose peers are closures in the same process. Clones are handles to the same network.
#[derive(Clone)]
pub struct InProcess {
    world: Arc<Mutex<World>>,
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl InProcess {
    /// A network without peers and without latency.
    pub fn new() -> Self {
        InProcess {
            world: Arc::new(Mutex::new(World {
                latency: 0,
                window: 64 * 1024,
                module: Ipv4Addr::new(10, 0, 0, 2).into(),
                tcp: BTreeMap::new(),
                udp: BTreeMap::new(),
                module_udp: BTreeMap::new(),
                listeners: BTreeMap::new(),
                tasks: Vec::new(),
                driver: None,
                next_port: 50_000,
                next_peer_port: 40_000,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time a packet takes in one direction, for what is opened from now on.
    pub fn latency(&self, latency: Duration) -> &Self {
        self.lock().latency = latency.as_micros() as u64;
        self
    }

    /// Sets how many bytes may be under way in each direction of a connection opened from now on.
    pub fn window(&self, bytes: usize) -> &Self {
        self.lock().window = bytes.max(1);
        self
    }

    /// Runs a future for as long as the module runs.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut world = self.lock();
        world.tasks.push(Box::pin(task));
        wake(&mut world.driver);
    }

    /// A TCP server: the closure is called for each connection.
    pub fn tcp<F, T>(&self, address: impl Address, port: u16, mut serve: F) -> &Self
    where
        F: FnMut(PeerStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let service: Service = Arc::new(Mutex::new(move |stream| -> Task {
            Box::pin(serve(stream))
        }));
        self.lock().tcp.insert(
            SocketAddr::new(address.address(), port),
            TcpPeer::Serves(service),
        );
        self
    }

    /// A TCP server that sends back whatever it gets.
    pub fn tcp_echo(&self, address: impl Address, port: u16) -> &Self {
        use embedded_io_async::{Read, Write};
        self.tcp(address, port, |mut peer| async move {
            let mut buffer = [0; 2048];
            while let Ok(count @ 1..) = peer.read(&mut buffer).await {
                if peer.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        })
    }

    /// Connections to this address fail with a code of the note's chapter 4. So do unknown addresses, with 566.
    pub fn refuse(&self, address: impl Address, port: u16, code: u16) -> &Self {
        self.lock().tcp.insert(
            SocketAddr::new(address.address(), port),
            TcpPeer::Refuses(code),
        );
        self
    }

    /// Connections to this address never come to an end.
    pub fn hang(&self, address: impl Address, port: u16) -> &Self {
        self.lock()
            .tcp
            .insert(SocketAddr::new(address.address(), port), TcpPeer::Hangs);
        self
    }

    /// A UDP peer: the closure is called once.
    pub fn udp<F, T>(&self, address: impl Address, port: u16, serve: F) -> &Self
    where
        F: FnOnce(PeerDatagrams) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        self.spawn(serve(self.udp_socket(address, port)));
        self
    }

    /// A UDP peer that sends back whatever it gets.
    pub fn udp_echo(&self, address: impl Address, port: u16) -> &Self {
        self.udp(address, port, |mut peer| async move {
            loop {
                let (datagram, from) = peer.receive().await;
                peer.send(&datagram, from);
            }
        })
    }

    /// A UDP peer to be used from anywhere.
    pub fn udp_socket(&self, address: impl Address, port: u16) -> PeerDatagrams {
        let address = SocketAddr::new(address.address(), port);
        self.lock().udp.entry(address).or_default();
        PeerDatagrams {
            network: self.clone(),
            address,
        }
    }

    /// Connects to a TCP LISTENER of the module from `address`; nothing if no socket listens there.
    pub async fn connect(&self, address: impl Address, local_port: u16) -> Option<PeerStream> {
        let port = {
            let mut world = self.lock();
            let next = world.next_peer_port.checked_add(1).unwrap_or(40_000);
            core::mem::replace(&mut world.next_peer_port, next)
        };
        self.connect_from(SocketAddr::new(address.address(), port), local_port)
    }

    /// [`InProcess::connect`] from this address and port.
    pub fn connect_from(&self, from: SocketAddr, local_port: u16) -> Option<PeerStream> {
        let mut world = self.lock();
        let (latency, window) = (world.latency, world.window);
        let (module, peer) = link::connection(latency, window, local_port);
        let backlog = world.listeners.get_mut(&local_port)?;
        backlog
            .waiting
            .push_back((time::micros() + latency, module, from));
        wake(&mut backlog.acceptor);
        Some(peer)
    }

    /// Ports at which the module listens.
    pub fn listening(&self) -> Vec<u16> {
        self.lock().listeners.keys().copied().collect()
    }

    fn local_port(&self, asked: u16) -> u16 {
        if asked != 0 {
            return asked;
        }
        let mut world = self.lock();
        world.next_port = world.next_port.checked_add(1).unwrap_or(50_000);
        world.next_port
    }
}

impl Network for InProcess {
    fn connect(&mut self, remote: SocketAddr, local_port: u16) -> Opening<Box<dyn Stream>> {
        let network = self.clone();
        Box::pin(async move {
            let latency = network.lock().latency;
            time::sleep(Duration::from_micros(2 * latency)).await;
            let local_port = network.local_port(local_port);
            let serve = match network.lock().tcp.get(&remote) {
                None => return Err(code::CONNECT_FAILED),
                Some(TcpPeer::Refuses(code)) => return Err(*code),
                Some(TcpPeer::Hangs) => None,
                Some(TcpPeer::Serves(serve)) => Some(serve.clone()),
            };
            let window = network.lock().window;
            let Some(serve) = serve else {
                return core::future::pending().await;
            };
            let (module, peer) = link::connection(latency, window, local_port);
            let task = (serve.lock().unwrap_or_else(PoisonError::into_inner))(peer);
            network.spawn(task);
            Ok(module)
        })
    }

    fn datagrams(&mut self, local_port: u16) -> Opening<Box<dyn Datagrams>> {
        let network = self.clone();
        Box::pin(async move {
            let local_port = network.local_port(local_port);
            let mut world = network.lock();
            if world.module_udp.contains_key(&local_port) {
                return Err(code::BIND_FAILED);
            }
            world.module_udp.insert(local_port, Mailbox::default());
            drop(world);
            Ok(Box::new(ModuleDatagrams {
                network,
                local_port,
            }) as Box<dyn Datagrams>)
        })
    }

    fn listen(&mut self, local_port: u16) -> Opening<Box<dyn Listener>> {
        let network = self.clone();
        Box::pin(async move {
            let mut world = network.lock();
            if world.listeners.contains_key(&local_port) {
                return Err(code::BIND_FAILED);
            }
            world.listeners.insert(local_port, Backlog::default());
            drop(world);
            Ok(Box::new(ModuleListener {
                network,
                local_port,
            }) as Box<dyn Listener>)
        })
    }

    fn ping(&mut self, address: IpAddr) -> Option<Duration> {
        let world = self.lock();
        let known = world
            .tcp
            .keys()
            .chain(world.udp.keys())
            .any(|peer| peer.ip() == address);
        known.then(|| Duration::from_micros(2 * world.latency))
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        // Peers may use the network, so they are polled without the lock.
        let mut running = core::mem::take(&mut self.lock().tasks);
        running.retain_mut(|task| task.as_mut().poll(cx).is_pending());
        let mut world = self.lock();
        if !world.tasks.is_empty() {
            cx.waker().wake_by_ref();
        }
        running.append(&mut world.tasks);
        world.tasks = running;
        world.driver = Some(cx.waker().clone());
    }
}

struct ModuleListener {
    network: InProcess,
    local_port: u16,
}

impl Listener for ModuleListener {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Stream>, SocketAddr)>> {
        let mut world = self.network.lock();
        let Some(backlog) = world.listeners.get_mut(&self.local_port) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match backlog.waiting.front() {
            Some((at, _, _)) if *at > time::micros() => time::wake_at(*at, cx.waker()),
            Some(_) => {
                if let Some((_, stream, from)) = backlog.waiting.pop_front() {
                    return Poll::Ready(Ok((stream, from)));
                }
            }
            None => {}
        }
        backlog.acceptor = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ModuleListener {
    fn drop(&mut self) {
        let backlog = self.network.lock().listeners.remove(&self.local_port);
        drop(backlog);
    }
}

struct ModuleDatagrams {
    network: InProcess,
    local_port: u16,
}

impl Datagrams for ModuleDatagrams {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Vec<u8>, SocketAddr)>> {
        match self.network.lock().module_udp.get_mut(&self.local_port) {
            Some(mailbox) => mailbox.poll(cx).map(Ok),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        let mut world = self.network.lock();
        let at = time::micros() + world.latency;
        let from = SocketAddr::new(world.module, self.local_port);
        if let Some(mailbox) = world.udp.get_mut(&to) {
            mailbox.put(at, datagram, from);
        }
        Ok(())
    }

    fn local_port(&self) -> u16 {
        self.local_port
    }
}

impl Drop for ModuleDatagrams {
    fn drop(&mut self) {
        self.network.lock().module_udp.remove(&self.local_port);
    }
}

/// A UDP peer.
pub struct PeerDatagrams {
    network: InProcess,
    address: SocketAddr,
}

impl PeerDatagrams {
    /// The peer's own address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives one datagram and its sender.
    pub async fn receive(&mut self) -> (Vec<u8>, SocketAddr) {
        poll_fn(|cx| match self.network.lock().udp.get_mut(&self.address) {
            Some(mailbox) => mailbox.poll(cx),
            None => Poll::Pending,
        })
        .await
    }

    /// Sends one datagram to a port of the module; lost if nothing is open there.
    pub fn send(&mut self, datagram: &[u8], to: SocketAddr) {
        let mut world = self.network.lock();
        let at = time::micros() + world.latency;
        if let Some(mailbox) = world.module_udp.get_mut(&to.port()) {
            mailbox.put(at, datagram, self.address);
        }
    }

    /// [`PeerDatagrams::send`] to a port of the module, whatever its address.
    pub fn send_to_port(&mut self, datagram: &[u8], port: u16) {
        let module = self.network.lock().module;
        self.send(datagram, SocketAddr::new(module, port));
    }
}
