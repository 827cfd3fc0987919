//! AT+QIOPEN and incoming connections (sections 2.1.4, 2.2.3 and 2.2.4).

use super::socket::{Connection, Link, Service, Socket};
use super::{Core, Mode, Reply, SOCKETS, wrong_form};
use crate::code;
use crate::network::Opening;
use crate::syntax::{Arguments, Form};
use core::task::{Context, Poll};
use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

impl Core {
    pub(super) fn open(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => {
                return Ok(self.ranges(
                    "+QIOPEN: (1-{contexts}),(0-{ids}),\"TCP/UDP/TCP LISTENER/UDP SERVICE\",\"<IP_address>/<domain_name>\",<remote_port>,<local_port>,(0-2)",
                ));
            }
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(5..=7)?;
        let context = self.context_argument(&arguments)?;
        let id = self.id_argument(&arguments, 1)?;
        let service = match arguments.string(2)? {
            "TCP" => Service::Tcp,
            "UDP" => Service::Udp,
            "TCP LISTENER" => Service::TcpListener,
            "UDP SERVICE" => Service::UdpService,
            "UDP LISTENER" if self.settings.udp_listener => Service::UdpListener,
            "UDP LISTENER" | "TCP SERVICE" => return Ok(Reply::Fail(code::NOT_SUPPORTED)),
            other => return Err(Reply::Wrong(format!("no service is called {other}"))),
        };
        let address = arguments.string(3)?.to_string();
        let remote_port = arguments.number(4, 0..=65535)? as u16;
        let local_port = arguments.number_or(5, 0..=65535, 0)? as u16;
        let access_mode = arguments.number_or(6, 0..=2, 0)? as u8;
        let is_client = matches!(service, Service::Tcp | Service::Udp);
        if is_client && (remote_port == 0 || address.is_empty()) {
            return Err(Reply::Wrong(
                "a client needs a remote address and port".into(),
            ));
        }
        if !is_client && local_port == 0 {
            return Err(Reply::Wrong("a server needs a local port".into()));
        }
        if !is_client && access_mode == 2 {
            return Err(Reply::Wrong("a server cannot be transparent".into()));
        }
        self.excused[usize::from(id)] = false;
        let only_ipv6 = self.local_address(context).contains(':');
        if self.settings.readings.service_wants_ipv6
            && !is_client
            && only_ipv6
            && address != "0:0:0:0:0:0:0:1"
        {
            return Ok(self.open_fails(id, access_mode, code::INVALID_PARAMETERS));
        }
        if self.sockets[usize::from(id)].is_some() {
            return Ok(self.open_fails(id, access_mode, code::IDENTITY_USED));
        }
        if self.is_dropped(context) {
            return Ok(self.open_fails(id, access_mode, code::CONTEXT_LOST));
        }
        if !self.is_active(context) {
            if !self.settings.readings.missing_context_as_result {
                return Ok(Reply::Fail(code::OPEN_CONTEXT));
            }
            return Ok(self.open_fails(id, access_mode, code::OPEN_CONTEXT));
        }
        let refusal = self.faults.refused_open();
        self.generation += 1;
        let mut socket = Socket::new(id, self.generation, context, service);
        socket.address = if is_client {
            address.clone()
        } else {
            self.local_address(context)
        };
        socket.remote_port = if is_client { remote_port } else { 0 };
        socket.local_port = local_port;
        socket.access_mode = access_mode;
        self.sockets[usize::from(id)] = Some(socket);
        let generation = self.generation;
        let delay = self.settings.connect_delay;
        let hangs = self.faults.hang_open.strikes();
        if hangs {
            self.remark(format!("the open of {id} hangs"));
        } else {
            self.after(delay, move |core| {
                core.start(id, generation, address, remote_port, refusal)
            });
        }
        let result_first = access_mode != 2 && !hangs && self.faults.result_first.strikes();
        let at_once = self.settings.readings.open_failure_at_once || result_first;
        let waits = access_mode == 2 || at_once && !hangs;
        if let Some(socket) = &mut self.sockets[usize::from(id)] {
            socket.holds_answer = waits;
            socket.result_first = result_first;
        }
        Ok(if waits { Reply::Later } else { Reply::ok() })
    }

    fn open_fails(&mut self, id: u8, access_mode: u8, code: u16) -> Reply {
        if access_mode == 2 || self.settings.readings.open_failure_at_once {
            return Reply::Fail(code);
        }
        self.after(Duration::ZERO, move |core| {
            core.last_error = code;
            core.urc(format!("+QIOPEN: {id},{code}"));
        });
        Reply::ok()
    }

    /// Finds the address, then asks the network.
    fn start(
        &mut self,
        id: u8,
        generation: u64,
        address: String,
        remote_port: u16,
        refusal: Option<u16>,
    ) {
        let is_current = |socket: &Socket| {
            socket.generation == generation && matches!(socket.link, Link::Waiting)
        };
        let Some(service) = self.sockets[usize::from(id)]
            .as_ref()
            .filter(|s| is_current(s))
            .map(|s| s.service)
        else {
            return;
        };
        if self.has_drifted(id) {
            let wait = Duration::from_secs(30);
            return self.after(wait, move |core| {
                core.connect(id, generation, Some(Err(code::CONNECT_FAILED)))
            });
        }
        if let Some(code) = refusal {
            self.set_link(id, Link::Opening(Box::pin(async move { Err(code) })));
            return;
        }
        let is_client = matches!(service, Service::Tcp | Service::Udp);
        if !is_client {
            return self.connect(id, generation, None);
        }
        if let Ok(ip) = address.parse::<IpAddr>() {
            return self.connect(id, generation, Some(Ok(SocketAddr::new(ip, remote_port))));
        }
        let (answer, delay) = self.find_name(&address);
        // Without an answer the lookup gives up after the time that the note allows it.
        let delay = delay.unwrap_or(Duration::from_secs(60));
        let target = answer.map(|(addresses, _)| SocketAddr::new(addresses[0], remote_port));
        self.after(delay, move |core| {
            core.connect(id, generation, Some(target))
        });
    }

    fn set_link(&mut self, id: u8, link: Link) {
        if let Some(socket) = &mut self.sockets[usize::from(id)] {
            socket.link = link;
        }
    }

    fn connect(&mut self, id: u8, generation: u64, target: Option<Result<SocketAddr, u16>>) {
        let Some(socket) = self.sockets[usize::from(id)].as_mut() else {
            return;
        };
        if socket.generation != generation || !matches!(socket.link, Link::Waiting) {
            return;
        }
        let local_port = socket.local_port;
        let target = match target.transpose() {
            Ok(target) => target,
            Err(code) => {
                socket.link = Link::Opening(Box::pin(async move { Err(code) }));
                return;
            }
        };
        socket.peer = target;
        if let Some(target) = target.filter(|_| !self.settings.readings.state_shows_name) {
            socket.address = target.ip().to_string();
        }
        let opening: Opening<Connection> = match (socket.service, target) {
            (Service::Tcp, Some(target)) => {
                let opening = self.network.connect(target, local_port);
                Box::pin(async move { opening.await.map(Connection::Tcp) })
            }
            (Service::TcpListener, _) => {
                let opening = self.network.listen(local_port);
                Box::pin(async move { opening.await.map(Connection::Listener) })
            }
            _ => {
                let opening = self.network.datagrams(local_port);
                Box::pin(async move { opening.await.map(Connection::Udp) })
            }
        };
        self.set_link(id, Link::Opening(opening));
    }

    /// The network has decided. False if the socket is no more.
    pub(super) fn opened(&mut self, socket: &mut Socket, outcome: Result<Connection, u16>) -> bool {
        let id = socket.id;
        let transparent = socket.access_mode == 2;
        let result_first = core::mem::take(&mut socket.result_first);
        let holds_answer = core::mem::take(&mut socket.holds_answer) && !result_first;
        match outcome {
            Ok(connection) => {
                socket.local_port = match &connection {
                    Connection::Tcp(stream) => stream.local_port(),
                    Connection::Udp(datagrams) => datagrams.local_port(),
                    _ => socket.local_port,
                };
                socket.state = if socket.service == Service::TcpListener {
                    3
                } else {
                    2
                };
                socket.link = Link::Open(connection);
                if transparent && holds_answer {
                    self.finish(Reply::Final(self.connect_result()));
                    self.enter_data_mode(id);
                    return true;
                }
                if transparent {
                    socket.access_mode = 0;
                }
                if holds_answer {
                    self.finish(Reply::ok());
                }
                if self.faults.lost_open_result.strikes() {
                    self.remark(format!("lost: +QIOPEN: {id},0"));
                } else {
                    self.urc(format!("+QIOPEN: {id},0"));
                }
                if result_first {
                    self.finish(Reply::ok());
                }
                true
            }
            Err(code) => {
                socket.link = Link::Gone;
                socket.state = 0;
                if holds_answer {
                    self.finish(Reply::Fail(code));
                } else {
                    self.last_error = code;
                    self.urc(format!("+QIOPEN: {id},{code}"));
                }
                if result_first {
                    self.finish(Reply::ok());
                }
                self.settings.readings.failed_open_keeps_id
            }
        }
    }

    /// Free ids are handed out from the top.
    fn free_id(&self, besides: u8) -> Option<u8> {
        let closing = |id: u8| {
            self.lingering
                .iter()
                .any(|linger| linger.waiter == Some(id))
        };
        (0..=self.settings.limits.ids.min(SOCKETS as u8 - 1))
            .rev()
            .find(|id| self.sockets[usize::from(*id)].is_none() && *id != besides && !closing(*id))
    }

    pub(super) fn accept(&mut self, server: &mut Socket, cx: &mut Context<'_>) -> bool {
        if !self.config.accepts {
            return false;
        }
        let Link::Open(Connection::Listener(listener)) = &mut server.link else {
            return false;
        };
        let Poll::Ready(Ok((stream, from))) = listener.poll_accept(cx) else {
            return false;
        };
        let connection = Connection::Tcp(stream);
        self.incoming(server, connection, from, Service::TcpIncoming);
        true
    }

    /// Makes a socket for a new peer; nothing if there is no room. Other slots hold a socket that is being
    /// polled only for the server itself, which is left out by its id.
    pub(super) fn incoming(
        &mut self,
        server: &Socket,
        connection: Connection,
        from: SocketAddr,
        service: Service,
    ) -> Option<u8> {
        let Some(id) = self.free_id(server.id) else {
            self.notice("+QIURC: \"incoming full\"");
            return None;
        };
        self.generation += 1;
        let mut socket = Socket::new(id, self.generation, server.context, service);
        socket.address = from.ip().to_string();
        socket.remote_port = from.port();
        socket.local_port = server.local_port;
        socket.peer = Some(from);
        socket.server = server.id;
        socket.state = 2;
        socket.link = Link::Open(connection);
        socket.access_mode = if self.settings.readings.incoming_inherits_mode {
            server.access_mode
        } else {
            0
        };
        self.excused[usize::from(id)] = false;
        self.sockets[usize::from(id)] = Some(socket);
        self.notice(format!(
            "+QIURC: \"incoming\",{id},{},\"{}\",{}",
            server.id,
            from.ip(),
            from.port()
        ));
        Some(id)
    }

    /// Whether the line is in data mode for this socket.
    pub(super) fn is_in_data_mode(&self, id: u8) -> bool {
        matches!(&self.mode, Mode::Data(data) if data.id == id)
    }
}
