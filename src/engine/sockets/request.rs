//! What a user asks for: the socket to be opened, checked before anything is sent.

#[cfg(any(feature = "server", feature = "udp"))]
use core::net::Ipv4Addr;
use core::net::{IpAddr, SocketAddr};

use super::key::SlotSet;
use crate::at::{Host, ServiceType};
use crate::error::Error;

/// The peer of a connection whose address the module gives in a form that is no address.
#[cfg(any(feature = "server", feature = "udp"))]
pub(crate) const UNKNOWN_PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// How many local ports are tried for a user that leaves the choice to the stack.
#[cfg(feature = "udp")]
pub(crate) const PORT_TRIES: u8 = 4;

/// Where a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    /// A host name, with this port. The name lies in the transmit ring, which is empty until the connection is up.
    Name(u16),
    /// Nowhere: a listener, or a socket with many peers.
    #[cfg(any(feature = "server", feature = "udp"))]
    None,
}

/// Arguments of AT+QIOPEN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) service: ServiceType,
    pub(crate) target: Target,
    /// 0: a UDP socket gets a free one.
    pub(crate) local_port: u16,
    /// The user has bound it to an IPv6 address, or to `::`.
    #[cfg(feature = "udp")]
    pub(crate) is_v6: bool,
}

impl Endpoint {
    /// Firmware with TCP clients alone does not contain the others.
    pub(crate) const fn service(&self) -> ServiceType {
        if cfg!(any(feature = "server", feature = "udp")) {
            self.service
        } else {
            ServiceType::Tcp
        }
    }

    /// Whether it is a listener, or a socket with many peers.
    pub(crate) const fn has_no_peer(&self) -> bool {
        #[cfg(any(feature = "server", feature = "udp"))]
        return matches!(self.target, Target::None);
        #[cfg(not(any(feature = "server", feature = "udp")))]
        false
    }

    /// Whether both go to the same peer, or to none. The local port may be another one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.service(), self.target) == (other.service(), other.target)
    }

    pub(crate) const fn is_listener(&self) -> bool {
        cfg!(feature = "server")
            && matches!(
                self.service,
                ServiceType::TcpListener | ServiceType::UdpListener
            )
    }
}

/// The socket that a user asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: Endpoint,
    /// The host name, if the target is one.
    pub(crate) name: &'a str,
    /// The slots that it may take. Those of a listener are for the connections that it accepts.
    pub(crate) slots: SlotSet,
    /// The local address, if the user has named one.
    #[cfg(feature = "udp")]
    pub(crate) local: Option<IpAddr>,
    /// How many local ports can be tried, with the present one.
    #[cfg(feature = "udp")]
    port_tries: u8,
}

impl<'a> Request<'a> {
    pub(crate) const fn new(service: ServiceType, target: Target, local_port: u16) -> Self {
        Self {
            endpoint: Endpoint {
                service,
                target,
                local_port,
                #[cfg(feature = "udp")]
                is_v6: false,
            },
            name: "",
            slots: SlotSet::ALL,
            #[cfg(feature = "udp")]
            local: None,
            #[cfg(feature = "udp")]
            port_tries: PORT_TRIES,
        }
    }

    /// A TCP connection to a server.
    pub(crate) fn connect(server: SocketAddr) -> Result<Self, Error> {
        check_peer(server)?;
        Ok(Self::new(ServiceType::Tcp, Target::Address(server), 0))
    }

    /// A TCP connection that a listener has accepted.
    #[cfg(feature = "server")]
    pub(crate) const fn accepted(peer: SocketAddr) -> Self {
        Self::new(ServiceType::Tcp, Target::Address(peer), 0)
    }

    /// A TCP connection to a server whose name the module looks up.
    pub(crate) fn connect_host(name: &'a str, port: u16) -> Result<Self, Error> {
        check_port(port)?;
        Host::name(name).map_err(Error::InvalidName)?;
        Ok(Self {
            name,
            ..Self::new(ServiceType::Tcp, Target::Name(port), 0)
        })
    }

    /// A listener on a local port.
    #[cfg(feature = "server")]
    pub(crate) fn listen(service: ServiceType, port: u16) -> Result<Self, Error> {
        check_port(port)?;
        Ok(Self::new(service, Target::None, port))
    }

    /// A UDP socket with one peer.
    #[cfg(feature = "udp")]
    pub(crate) fn datagrams(peer: SocketAddr, local_port: u16) -> Result<Self, Error> {
        check_peer(peer)?;
        Ok(Self::new(
            ServiceType::Udp,
            Target::Address(peer),
            local_port,
        ))
    }

    /// A UDP socket with many peers.
    #[cfg(feature = "udp")]
    pub(crate) const fn service(local_port: u16) -> Self {
        Self::new(ServiceType::UdpService, Target::None, local_port)
    }

    /// The same socket on this local address, which may be unspecified.
    #[cfg(feature = "udp")]
    pub(crate) fn bound_to(mut self, local: SocketAddr) -> Result<Self, Error> {
        self.endpoint.is_v6 = local.is_ipv6();
        self.local = specified(local)?;
        Ok(self)
    }

    /// Takes a try of another local port after this error, if the stack chose the last one and the module has refused it. Returns
    /// whether there is one.
    #[cfg(feature = "udp")]
    pub(crate) const fn use_port_try(&mut self, error: Error) -> bool {
        if self.endpoint.local_port != 0 || !error.is_port_taken() {
            return false;
        }
        self.port_tries = self.port_tries.saturating_sub(1);
        self.port_tries > 0
    }

    #[cfg(not(feature = "udp"))]
    #[allow(clippy::unused_self)] // Only UDP sockets have a local port that is chosen.
    pub(crate) const fn use_port_try(&self, _: Error) -> bool {
        false
    }

    /// The only peer.
    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        match self.endpoint.target {
            Target::Address(address) => Some(address),
            _ => None,
        }
    }
}

const fn check_port(port: u16) -> Result<(), Error> {
    if port == 0 {
        Err(Error::InvalidPort)
    } else {
        Ok(())
    }
}

/// Whether something can be sent to this address.
pub(crate) fn check_peer(address: SocketAddr) -> Result<(), Error> {
    check_port(address.port())?;
    specified(address)?.map(|_| ()).ok_or(Error::InvalidAddress)
}

/// The address without its port. `None` if it is unspecified: of the local ones any will do.
pub(crate) fn specified(address: SocketAddr) -> Result<Option<IpAddr>, Error> {
    match address {
        // The module has one interface: a scope has no meaning for it.
        SocketAddr::V6(address) if address.scope_id() != 0 => Err(Error::InvalidAddress),
        _ => Ok(Some(address.ip()).filter(|address| !address.is_unspecified())),
    }
}
