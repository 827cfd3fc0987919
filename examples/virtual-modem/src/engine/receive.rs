//! Receiving: notices, AT+QIRD and pushed data (sections 2.1.8 and 2.2.2).

use super::command::PUSH;
use super::socket::{Connection, Link, Service, Socket};
use super::{Core, Mode, Reply, SOCKETS, wrong_form};
use crate::code;
use crate::syntax::{Arguments, Form};
use core::task::{Context, Poll};
use std::net::SocketAddr;

/// Most bytes of one read and of one push.
const READ_LIMIT: usize = 1500;
/// Data is not put on the line while more than this waits there already.
const BACKLOG_LIMIT: usize = 4096;

impl Core {
    /// Bytes of a stream have arrived.
    pub(super) fn arrived(&mut self, socket: &mut Socket, bytes: &[u8]) {
        let was_empty = socket.is_empty();
        socket.received += bytes.len() as u64;
        socket.unread.extend(bytes);
        self.counters.payload_received += bytes.len() as u64;
        self.faults.count_payload(bytes.len());
        if was_empty {
            self.notice_data(socket);
        }
        if self
            .faults
            .peer_closes
            .is_some_and(|limit| socket.received >= limit)
        {
            socket.ended = true;
            self.tell_end(socket);
        }
    }

    /// Whether a socket takes no more; empty datagrams need room, too.
    pub(super) fn is_full(&self, socket: &Socket) -> bool {
        let datagrams = socket.datagrams.len();
        socket.unread_bytes() + datagrams >= self.config.buffer_size
    }

    pub(super) fn receive_datagram(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> bool {
        if self.is_full(socket) {
            self.tell_full(socket);
            return false;
        }
        let Link::Open(Connection::Udp(datagrams)) = &mut socket.link else {
            return false;
        };
        let Poll::Ready(Ok((datagram, from))) = datagrams.poll_receive(cx) else {
            return false;
        };
        match socket.service {
            Service::UdpListener => self.incoming_datagram(socket, datagram, from),
            // A connected socket hears its peer only.
            Service::Udp if socket.peer.is_some_and(|peer| peer != from) => {}
            _ => self.datagram_arrived(socket, datagram, from),
        }
        true
    }

    pub(super) fn datagram_arrived(
        &mut self,
        socket: &mut Socket,
        datagram: Vec<u8>,
        from: SocketAddr,
    ) {
        let was_empty = socket.is_empty();
        socket.received += datagram.len() as u64;
        self.counters.payload_received += datagram.len() as u64;
        self.faults.count_payload(datagram.len());
        if self.config.udp_read_stream && socket.service != Service::UdpService {
            socket.unread.extend(datagram);
        } else {
            socket.datagrams.push_back((datagram.into(), from));
        }
        if was_empty {
            self.notice_data(socket);
        }
    }

    /// A UDP LISTENER gives each peer a socket of its own, which shares the listener's port.
    fn incoming_datagram(&mut self, server: &mut Socket, datagram: Vec<u8>, from: SocketAddr) {
        let known = self.sockets.iter().flatten().find(|socket| {
            socket.service == Service::UdpIncoming
                && socket.server == server.id
                && socket.peer == Some(from)
        });
        let id = match known.map(|socket| socket.id) {
            Some(id) => Some(id),
            None => self.incoming(server, Connection::Nothing, from, Service::UdpIncoming),
        };
        let Some(mut socket) = id.and_then(|id| self.sockets[usize::from(id)].take()) else {
            return;
        };
        self.datagram_arrived(&mut socket, datagram, from);
        let slot = usize::from(socket.id);
        self.sockets[slot] = Some(socket);
    }

    /// The notice of buffer mode: only for the first data in an empty buffer.
    pub(super) fn notice_data(&mut self, socket: &Socket) {
        if socket.access_mode != 0 {
            return;
        }
        let id = socket.id;
        let notice = if self.config.notice_has_length || self.settings.readings.notice_has_length {
            format!("+QIURC: \"recv\",{id},{}", socket.unread_bytes())
        } else {
            format!("+QIURC: \"recv\",{id}")
        };
        if self.faults.lost_recv.strikes() {
            self.remark(format!("lost: {notice}"));
        } else if self.faults.late_recv.is_zero() {
            self.notice(notice);
        } else {
            self.after(self.faults.late_recv, move |core| core.notice(notice));
        }
    }

    /// The notice of a buffer without room (quirk 130), once until it was read.
    pub(super) fn tell_full(&mut self, socket: &mut Socket) {
        let told = self.settings.readings.full_buffer_is_told && socket.access_mode == 0;
        if told && !core::mem::replace(&mut socket.full_told, true) {
            self.notice(format!("+QIURC: \"recv\",{},\"buff full\"", socket.id));
        }
    }

    pub(super) fn read(&mut self, form: &Form) -> Result<Reply, Reply> {
        let arguments = match form {
            Form::Test => return Ok(self.ranges("+QIRD: (0-{ids}),(0-{read})")),
            Form::Write(arguments) => Arguments(arguments),
            _ => return Err(wrong_form(form)),
        };
        arguments.count(1..=2)?;
        let id = self.id_argument(&arguments, 0)?;
        let length = arguments.number_or(1, 0..=READ_LIMIT as u32, READ_LIMIT as u32)? as usize;
        if arguments.has(1) && length > self.settings.limits.read {
            return Ok(Reply::Fail(code::INVALID_PARAMETERS));
        }
        let limit = length
            .min(self.settings.limits.read)
            .min(self.faults.short_reads.unwrap_or(READ_LIMIT));
        let rest_is_lost = self.settings.readings.datagram_rest_is_lost;
        let Some(socket) = self.sockets[usize::from(id)].as_mut() else {
            return Ok(self.no_such_socket(id));
        };
        if socket.service.is_listener() {
            return Err(Reply::Wrong("a listener has no data".into()));
        }
        if length == 0 {
            let lag = self.faults.counters_lag;
            let given = socket.given.saturating_sub(lag);
            let (received, unread) = (socket.received, socket.unread_bytes());
            return Ok(Reply::line(format!("+QIRD: {received},{given},{unread}")));
        }
        let tells_peer = socket.service == Service::UdpService;
        socket.full_told = false;
        let (data, from) = socket.take(limit, rest_is_lost);
        let header = match from.filter(|_| tells_peer) {
            Some(from) => format!("+QIRD: {},\"{}\",{}", data.len(), from.ip(), from.port()),
            None => format!("+QIRD: {}", data.len()),
        };
        if data.is_empty() {
            return Ok(Reply::line(header));
        }
        if self.faults.read_loss.strikes() {
            self.remark(format!("lost: {header} and its data"));
            return Ok(Reply::ok());
        }
        self.foreign_urc();
        self.put_data(&header, &data);
        if core::mem::take(&mut self.cut) {
            return Ok(Reply::Said);
        }
        if self.settings.readings.read_ends_with_blank_line {
            self.put_line_end();
            self.foreign_urc();
        }
        Ok(Reply::ok_behind_data())
    }

    /// Pushes data to the host, in direct push and transparent mode. True if there was any.
    pub(super) fn give_out(&mut self) -> bool {
        let mut moved = false;
        for index in 0..SOCKETS {
            let Some(mut socket) = self.sockets[index].take() else {
                continue;
            };
            moved |= self.push(&mut socket);
            self.sockets[index] = Some(socket);
        }
        moved
    }

    fn push(&mut self, socket: &mut Socket) -> bool {
        let mut moved = false;
        let in_data_mode = self.is_in_data_mode(socket.id);
        let in_push_mode = socket.access_mode == 1 && matches!(self.mode, Mode::Command);
        if in_data_mode || in_push_mode {
            while !socket.is_empty() && self.output.len() + self.backlog < BACKLOG_LIMIT {
                // What is longer than a frame goes on in the next one.
                let (data, from) = socket.take(READ_LIMIT, false);
                if in_data_mode {
                    self.put_payload(&data);
                } else {
                    self.push_frame(socket, &data, from);
                }
                moved = true;
            }
        }
        if socket.ended && socket.is_empty() && !socket.end_told {
            if in_data_mode {
                self.no_carrier(socket);
            } else {
                self.tell_end(socket);
            }
            moved = true;
        }
        moved
    }

    fn push_frame(&mut self, socket: &Socket, data: &[u8], from: Option<SocketAddr>) {
        let tells_peer =
            socket.service == Service::UdpService && self.settings.readings.push_tells_peer;
        let header = match from.filter(|_| tells_peer) {
            Some(from) => {
                format!(
                    "+QIURC: \"recv\",{},{},\"{}\",{}",
                    socket.id,
                    data.len(),
                    from.ip(),
                    from.port()
                )
            }
            None => format!("+QIURC: \"recv\",{},{}", socket.id, data.len()),
        };
        self.counters.urcs += 1;
        self.foreign_urc();
        let start = self.output.len();
        self.put_data(&header, data);
        if !core::mem::take(&mut self.cut) && self.settings.readings.push_ends_with_line_end {
            self.put_line_end();
        }
        self.deliver(PUSH, start);
    }
}

impl Reply {
    /// The OK that ends a read; the line ends before it are the read's own.
    fn ok_behind_data() -> Reply {
        Reply::Final("OK")
    }
}

impl Socket {
    /// Takes out data: of a stream up to `limit`, of datagrams from one only.
    fn take(&mut self, limit: usize, rest_is_lost: bool) -> (Vec<u8>, Option<SocketAddr>) {
        let (data, from) = match self.datagrams.front_mut() {
            Some((datagram, from)) => {
                let from = *from;
                let count = limit.min(datagram.len());
                let data: Vec<u8> = datagram.drain(..count).collect();
                if datagram.is_empty() || rest_is_lost {
                    self.datagrams.pop_front();
                }
                (data, Some(from))
            }
            None => {
                let count = limit.min(self.unread.len());
                (self.unread.drain(..count).collect(), None)
            }
        };
        self.given += data.len() as u64;
        (data, from)
    }
}
