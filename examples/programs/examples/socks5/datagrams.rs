//! UDP ASSOCIATE: datagrams between one client and any number of peers, over one socket of the module.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use anyhow::{Context, Result};
use async_io::Async;
use embassy_futures::select::{Either, Either3, select, select3};
use embedded_nal_async::UnconnectedUdp;
use quectel_nal::{Error, Stack, UdpService};

use super::protocol::{self, Host, Reply, Target};
use super::relay;

/// The longest datagram of the module, and the header of SOCKS.
const MAX_DATAGRAM: usize = 1500 + 3 + 1 + 1 + protocol::MAX_NAME + 2;
/// Datagrams that wait for a name lookup. More are dropped, as a network would.
const WAITING: usize = 16;

/// What was relayed, and what was not.
#[derive(Default)]
pub struct Relayed {
    pub up: u64,
    pub down: u64,
    pub dropped: u64,
}

/// Relays datagrams until the client closes its TCP connection. `announced` is the address from which it will send, as far as it
/// knows it.
pub async fn associate(
    stack: Stack<'_>,
    client: &Async<TcpStream>,
    announced: &Target,
) -> Result<Relayed> {
    let local = Async::<UdpSocket>::bind((Ipv4Addr::LOCALHOST, 0))?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let opening = embedded_nal_async::UdpStack::bind_single(&stack, any);
    let (_, mut service) = match select(opening, relay::gone(client)).await {
        Either::First(Ok(opened)) => opened,
        Either::First(Err(error)) => {
            protocol::reply(client, error.into(), None).await?;
            return Err(error).context("no UDP socket");
        }
        Either::Second(()) => return Ok(Relayed::default()),
    };
    let bound = local.get_ref().local_addr()?;
    protocol::reply(client, Reply::Succeeded, Some(bound)).await?;

    let mut association = Association {
        stack,
        local: &local,
        client_port: announced.port,
        relayed: Relayed::default(),
    };
    let outcome = association.run(client, &mut service).await;
    let _ = service.close().await;
    outcome?;
    Ok(association.relayed)
}

struct Association<'a, 'd> {
    stack: Stack<'d>,
    local: &'a Async<UdpSocket>,
    /// The port of the client; 0 until it has sent a datagram.
    client_port: u16,
    relayed: Relayed,
}

impl Association<'_, '_> {
    async fn run(&mut self, client: &Async<TcpStream>, service: &mut UdpService<'_>) -> Result<()> {
        let (queue, named) = async_channel::bounded::<(Target, Vec<u8>)>(WAITING);
        let (resolved_tx, resolved) = async_channel::bounded(WAITING);
        let (stack, mut known) = (self.stack, HashMap::new());
        // Lookups take their time; datagrams of other peers go on meanwhile.
        let lookups = async {
            while let Ok((target, payload)) = named.recv().await {
                let found = resolve(stack, &mut known, &target).await;
                let _ = resolved_tx.send((found, payload)).await;
            }
        };
        let relaying = async {
            let mut from_client = [0; MAX_DATAGRAM];
            let mut from_module = [0; 1500];
            loop {
                let received = self.local.recv_from(&mut from_client);
                let arrived = service.receive_into(&mut from_module);
                match select3(received, arrived, resolved.recv()).await {
                    Either3::First(received) => {
                        let (length, from) = received?;
                        match self.accept(from, &from_client[..length]).await {
                            Some((target, payload)) => match target.host {
                                Host::Address(ip) => {
                                    let to = SocketAddr::new(ip, target.port);
                                    self.send(service, to, payload).await?;
                                }
                                Host::Name(_) => {
                                    let queued = queue.try_send((target, payload.into()));
                                    self.relayed.dropped += u64::from(queued.is_err());
                                }
                            },
                            None => self.relayed.dropped += 1,
                        }
                    }
                    Either3::Second(arrived) => {
                        let (length, _, from) = arrived?;
                        let length = length.min(from_module.len());
                        self.deliver(from, &from_module[..length]).await;
                    }
                    Either3::Third(resolved) => match resolved? {
                        (Some(to), payload) => self.send(service, to, &payload).await?,
                        (None, _) => self.relayed.dropped += 1,
                    },
                }
            }
        };
        match select3(relaying, lookups, relay::gone(client)).await {
            Either3::First(outcome) => outcome,
            Either3::Second(()) | Either3::Third(()) => Ok(()),
        }
    }

    /// A datagram of this client, and of nobody else.
    async fn accept<'a>(
        &mut self,
        from: SocketAddr,
        datagram: &'a [u8],
    ) -> Option<(Target, &'a [u8])> {
        let is_client =
            from.ip().is_loopback() && (self.client_port == 0 || from.port() == self.client_port);
        let unwrapped = protocol::unwrap_datagram(datagram).await?;
        if is_client {
            self.client_port = from.port();
        }
        is_client.then_some(unwrapped)
    }

    async fn send(
        &mut self,
        service: &mut UdpService<'_>,
        to: SocketAddr,
        payload: &[u8],
    ) -> Result<(), Error> {
        let from = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        match service.send(from, to, payload).await {
            Ok(()) => self.relayed.up += 1,
            // The fault of this datagram alone.
            Err(
                Error::InvalidLength { .. }
                | Error::InvalidAddress
                | Error::InvalidPort
                | Error::Unsupported,
            ) => self.relayed.dropped += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn deliver(&mut self, from: SocketAddr, payload: &[u8]) {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.client_port));
        let datagram = protocol::wrap_datagram(from, payload);
        match self.local.send_to(&datagram, to).await {
            Ok(_) => self.relayed.down += 1,
            Err(_) => self.relayed.dropped += 1,
        }
    }
}

/// Looks a name up once for each association.
async fn resolve(
    stack: Stack<'_>,
    known: &mut HashMap<String, IpAddr>,
    target: &Target,
) -> Option<SocketAddr> {
    let ip = match &target.host {
        Host::Address(address) => *address,
        Host::Name(name) => match known.get(name) {
            Some(address) => *address,
            None => {
                let found = stack.resolve(name).await.ok()?;
                let address = *found.iter().find(|address| address.is_ipv4())?;
                known.insert(name.clone(), address);
                address
            }
        },
    };
    Some(SocketAddr::new(ip, target.port))
}
