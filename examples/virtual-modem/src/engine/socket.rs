//! The sockets: their state, and their traffic with the network (sections 2.1.4 to 2.1.6).

use super::{Core, Mode, Reply, SOCKETS};
use crate::network::{Datagrams, Listener, Opening, Stream};
use crate::settings::Settings;
use crate::syntax::{Arguments, Form};
use core::fmt;
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What kind of socket it is, as the module spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// "TCP": a client.
    Tcp,
    /// "UDP": talks to one peer.
    Udp,
    /// "TCP LISTENER": accepts connections.
    TcpListener,
    /// "TCP INCOMING": an accepted connection.
    TcpIncoming,
    /// "UDP SERVICE": talks to any peer.
    UdpService,
    /// "UDP LISTENER": makes a socket for each peer (EG91 and EG95).
    UdpListener,
    /// "UDP INCOMING": a peer of a UDP LISTENER.
    UdpIncoming,
}

impl Service {
    pub(super) fn is_listener(self) -> bool {
        matches!(self, Service::TcpListener | Service::UdpListener)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Tcp => "TCP",
            Service::Udp => "UDP",
            Service::TcpListener => "TCP LISTENER",
            Service::TcpIncoming => "TCP INCOMING",
            Service::UdpService => "UDP SERVICE",
            Service::UdpListener => "UDP LISTENER",
            Service::UdpIncoming => "UDP INCOMING",
        })
    }
}

/// A snapshot of one socket; see [`ModemHandle::sockets`](crate::ModemHandle::sockets).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketState {
    /// connectID.
    pub id: u8,
    /// PDP context.
    pub context: u8,
    /// Kind of socket.
    pub service: Service,
    /// The socket_state of section 2.1.6: 0 initial, 1 opening, 2 connected, 3 listening, 4 closing.
    pub state: u8,
    /// 0 buffer, 1 direct push, 2 transparent.
    pub access_mode: u8,
    /// Received, not yet given to the host.
    pub unread: usize,
    /// Taken from the host, not yet handed to the network.
    pub unsent: usize,
    /// Received since it was opened.
    pub received: u64,
    /// Taken from the host since it was opened.
    pub sent: u64,
}

pub(super) enum Connection {
    Tcp(Box<dyn Stream>),
    Udp(Box<dyn Datagrams>),
    Listener(Box<dyn Listener>),
    /// Left over from before, with nothing behind it.
    Nothing,
}

pub(super) enum Link {
    Waiting,
    Opening(Opening<Connection>),
    Open(Connection),
    /// Closed by the peer, the network or the context.
    Gone,
}

pub(super) struct Socket {
    pub id: u8,
    pub generation: u64,
    pub context: u8,
    pub service: Service,
    pub address: String,
    pub remote_port: u16,
    pub local_port: u16,
    pub peer: Option<SocketAddr>,
    pub server: u8,
    pub access_mode: u8,
    pub state: u8,
    pub link: Link,
    /// Received bytes of a stream.
    pub unread: VecDeque<u8>,
    /// Received datagrams.
    pub datagrams: VecDeque<(VecDeque<u8>, SocketAddr)>,
    pub unsent: VecDeque<u8>,
    pub sent: u64,
    pub received: u64,
    pub given: u64,
    /// The peer's FIN or reset is in; told once everything before it is out.
    pub ended: bool,
    pub end_told: bool,
    /// AT+QIOPEN has no final result before this socket's outcome.
    pub holds_answer: bool,
    /// The answer comes behind the result.
    pub result_first: bool,
    pub full_told: bool,
}

impl Socket {
    pub(super) fn new(id: u8, generation: u64, context: u8, service: Service) -> Self {
        Socket {
            id,
            generation,
            context,
            service,
            address: String::new(),
            remote_port: 0,
            local_port: 0,
            peer: None,
            server: id,
            access_mode: 0,
            state: 1,
            link: Link::Waiting,
            unread: VecDeque::new(),
            datagrams: VecDeque::new(),
            unsent: VecDeque::new(),
            sent: 0,
            received: 0,
            given: 0,
            ended: false,
            end_told: false,
            holds_answer: false,
            result_first: false,
            full_told: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    pub(super) fn is_datagram(&self) -> bool {
        use Service::{Udp, UdpIncoming, UdpListener, UdpService};
        matches!(self.service, Udp | UdpIncoming | UdpListener | UdpService)
    }

    pub(super) fn unread_bytes(&self) -> usize {
        self.unread.len()
            + self
                .datagrams
                .iter()
                .map(|(data, _)| data.len())
                .sum::<usize>()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.datagrams.is_empty()
    }

    pub(super) fn unacknowledged(&mut self) -> usize {
        let under_way = match &mut self.link {
            Link::Open(Connection::Tcp(stream)) => stream.unacknowledged(),
            _ => 0,
        };
        self.unsent.len() + under_way
    }

    fn snapshot(&self) -> SocketState {
        SocketState {
            id: self.id,
            context: self.context,
            service: self.service,
            state: self.state,
            access_mode: self.access_mode,
            unread: self.unread_bytes(),
            unsent: self.unsent.len(),
            received: self.received,
            sent: self.sent,
        }
    }

    fn row(&self, settings: &Settings) -> String {
        let readings = &settings.readings;
        let state = match (self.state, self.service.is_listener()) {
            (2, false) if readings.client_state_3 => 3,
            (3, true) if readings.listener_state_4 => 4,
            (state, _) => state,
        };
        let is_client = matches!(self.service, Service::Tcp | Service::Udp);
        let local_port = match is_client && readings.local_port_zero {
            true => 0,
            false => self.local_port,
        };
        let port = &settings.port;
        format!(
            "+QISTATE: {},\"{}\",\"{}\",{},{},{},{},{},{},\"{port}\"",
            self.id,
            self.service,
            self.address,
            self.remote_port,
            local_port,
            state,
            self.context,
            self.server,
            self.access_mode
        )
    }
}

impl Core {
    pub fn socket_states(&self) -> Vec<SocketState> {
        self.sockets
            .iter()
            .flatten()
            .map(Socket::snapshot)
            .collect()
    }

    pub(super) fn query_state(&mut self, form: &Form) -> Result<Reply, Reply> {
        let (context, id) = match form {
            Form::Test => return Ok(Reply::ok()),
            Form::Read | Form::Execute => (None, None),
            Form::Write(arguments) => {
                let arguments = Arguments(arguments);
                arguments.count(2..=2)?;
                match arguments.number(0, 0..=1)? {
                    0 => (Some(arguments.number(1, 1..=16)? as u8), None),
                    _ => (None, Some(arguments.number(1, 0..=11)? as u8)),
                }
            }
        };
        let asked = |socket: &&Socket| {
            context.is_none_or(|context| socket.context == context)
                && id.is_none_or(|id| socket.id == id)
        };
        let rows = self
            .sockets
            .iter()
            .flatten()
            .filter(asked)
            .map(|socket| socket.row(&self.settings));
        Ok(Reply::Lines(rows.collect()))
    }

    /// Exchanges data with the network. True if anything moved.
    pub fn poll_network(&mut self, cx: &mut Context<'_>) -> bool {
        self.network.poll(cx);
        if self.power != super::Power::On {
            return false;
        }
        let mut moved = self.poll_lingering(cx);
        for index in 0..SOCKETS {
            let Some(mut socket) = self.sockets[index].take() else {
                continue;
            };
            let (keeps, progress) = self.poll_socket(&mut socket, cx);
            moved |= progress;
            if keeps {
                self.sockets[index] = Some(socket);
            }
        }
        self.after_payload();
        moved | self.give_out()
    }

    fn poll_socket(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> (bool, bool) {
        if self.faults.black_hole {
            return (true, false);
        }
        match &mut socket.link {
            Link::Waiting | Link::Gone => (true, false),
            Link::Opening(opening) => match opening.as_mut().poll(cx) {
                Poll::Pending => (true, false),
                Poll::Ready(outcome) => (self.opened(socket, outcome), true),
            },
            Link::Open(_) => (true, self.exchange(socket, cx)),
        }
    }

    fn exchange(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        loop {
            let Link::Open(connection) = &mut socket.link else {
                return moved;
            };
            let progress = match connection {
                Connection::Nothing => false,
                Connection::Tcp(_) => self.exchange_stream(socket, cx),
                Connection::Udp(_) => self.receive_datagram(socket, cx),
                Connection::Listener(_) => self.accept(socket, cx),
            };
            if !progress {
                return moved;
            }
            moved = true;
        }
    }

    fn exchange_stream(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> bool {
        let room = self.config.buffer_size.saturating_sub(socket.unread.len());
        let Link::Open(Connection::Tcp(stream)) = &mut socket.link else {
            return false;
        };
        let mut moved = false;
        let mut failed = false;
        if !socket.unsent.is_empty() {
            match stream.poll_write(cx, socket.unsent.make_contiguous()) {
                Poll::Ready(Ok(count)) => {
                    socket.unsent.drain(..count);
                    moved = true;
                }
                Poll::Ready(Err(_)) => failed = true,
                Poll::Pending => {}
            }
        }
        if room == 0 {
            self.tell_full(socket);
        }
        let Link::Open(Connection::Tcp(stream)) = &mut socket.link else {
            return false;
        };
        if !socket.ended && room > 0 && !failed {
            let mut buffer = [0; 2048];
            let limit = room.min(buffer.len());
            match stream.poll_read(cx, &mut buffer[..limit]) {
                Poll::Ready(Ok(0)) => {
                    socket.ended = true;
                    moved = true;
                }
                Poll::Ready(Ok(count)) => {
                    self.arrived(socket, &buffer[..count]);
                    moved = true;
                }
                Poll::Ready(Err(_)) => failed = true,
                Poll::Pending => {}
            }
        }
        let closes_too = self.config.passive_close == 1 && socket.ended && socket.unsent.is_empty();
        match &mut socket.link {
            Link::Open(Connection::Tcp(stream)) if closes_too => {
                stream.close();
                socket.link = Link::Gone;
            }
            _ => {}
        }
        if failed {
            socket.ended = true;
            socket.link = Link::Gone;
        }
        if failed || socket.ended {
            self.tell_end(socket);
        }
        moved
    }

    /// The connection is over: what the host hears of it (section 2.2.1).
    pub(super) fn tell_end(&mut self, socket: &mut Socket) {
        let in_data_mode = matches!(&self.mode, Mode::Data(data) if data.id == socket.id);
        let must_go_out_first = socket.access_mode != 0 && !socket.is_empty();
        if socket.end_told || must_go_out_first || in_data_mode {
            return;
        }
        socket.end_told = true;
        socket.state = 4;
        if self.faults.lost_closed.strikes() {
            self.remark(format!("lost: closed of {}", socket.id));
            return;
        }
        self.notice(format!("+QIURC: \"closed\",{}", socket.id));
    }
}
