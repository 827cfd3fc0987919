//! What users do with their handles.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::Poll;
use std::vec;
use std::vec::Vec;

use super::{Choices, Datagram, HEADER, TX, User, World, stream};
use crate::at::{AccessMode, ServiceType};
use crate::engine::Request;
use crate::engine::rig::PEER;
use crate::error::Error;

/// The other end of a datagram.
pub(super) fn address(datagram: Datagram) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), datagram.port())
}

impl World<'_> {
    pub(super) fn user(&mut self, choices: &mut Choices<'_>) {
        let choice = choices.below(12);
        if choice == 0 || self.users.is_empty() {
            self.claim(choices);
            return;
        }
        let index = choices.below(self.users.len());
        let key = self.users[index].key;
        let service = self.users[index].service;
        match choice {
            1 => self.let_go(index, false),
            2 => self.let_go(index, true),
            3 => {
                if self.rig.connected(key) == Poll::Ready(Ok(())) {
                    self.rig.close_when_sent(key);
                    self.users[index].closing = true;
                }
            }
            4 => {
                let _ = self.rig.closed(key);
            }
            5 => {
                let _ = self.rig.flush(key);
            }
            _ if service == ServiceType::TcpListener => self.accept(index),
            6 | 7 => match service {
                ServiceType::Tcp => self.write(index, choices.below(100)),
                _ => self.send(index, choices.below(TX)),
            },
            _ => match service {
                ServiceType::Tcp => self.read(index, choices.below(100) + 1),
                _ => self.receive(index, choices.below(RX_MOST)),
            },
        }
    }

    fn claim(&mut self, choices: &mut Choices<'_>) {
        let port = 2000 + choices.below(3) as u16;
        let (service, request) = match choices.below(8) {
            0 | 1 => (ServiceType::Udp, Request::datagrams(PEER, port).unwrap()),
            2 | 3 => (ServiceType::UdpService, Request::service(port)),
            4 | 5 => (
                ServiceType::TcpListener,
                Request::listen(ServiceType::TcpListener, port).unwrap(),
            ),
            _ => (ServiceType::Tcp, Request::connect(PEER).unwrap()),
        };
        let claimed = self
            .rig
            .engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
        if self.counted().refused_connections > self.counts.refused_connections {
            // The connection that nobody has accepted for the longest time makes room.
            self.counts.refused_connections += 1;
            let listeners = self.users.iter_mut();
            let waiting = listeners.filter(|user| !user.backlog.is_empty());
            let oldest = waiting.min_by_key(|user| user.backlog[0].1);
            oldest.expect("a connection that waits").backlog.pop_front();
        }
        if let Poll::Ready(Ok(key)) = claimed {
            let serial = self.next_serial();
            self.users.push(User::new(key, service, serial));
        }
    }

    /// The user is gone; what was written may still go out, or not.
    pub(super) fn let_go(&mut self, index: usize, at_once: bool) {
        let user = self.users.remove(index);
        // Streams only, as in the library.
        if at_once && user.service == ServiceType::Tcp {
            self.rig.abort(user.key);
        }
        self.rig.release(user.key);
        self.counts.refused_connections += user.backlog.len() as u32;
        self.past.push(user);
    }

    fn accept(&mut self, index: usize) {
        let user = &mut self.users[index];
        let accepted = self.rig.engine(|engine| engine.poll_accept(user.key));
        let Poll::Ready(Ok((key, peer))) = accepted else {
            assert!(user.backlog.is_empty(), "somebody waits");
            return;
        };
        let (expected, connection, port) = user.backlog.pop_front().expect("somebody came");
        assert_eq!(key, expected, "out of turn");
        assert_eq!(peer, Some(SocketAddr::new(PEER.ip(), port)));
        let serial = self.next_serial();
        let mut user = User::new(key, ServiceType::Tcp, serial);
        user.connection = Some(connection);
        self.users.push(user);
    }

    // ---- streams -------------------------------------------------------------------------------------------------

    fn write(&mut self, index: usize, length: usize) {
        let user = &mut self.users[index];
        let bytes: Vec<u8> = (0..length)
            .map(|offset| stream(user.serial, user.written + offset))
            .collect();
        if let Poll::Ready(Ok(count)) = self.rig.write(user.key, &bytes) {
            assert!(count <= length);
            user.written += count;
        }
    }

    fn read(&mut self, index: usize, most: usize) {
        let user = &mut self.users[index];
        let result = self.rig.read_with(user.key, most);
        let Poll::Ready(Ok(bytes)) = result else {
            return;
        };
        let connection = user.connection.expect("bytes of a connection");
        for byte in &bytes {
            let expected = stream(connection ^ 0xaaaa, user.received);
            assert_eq!(*byte, expected, "byte {}", user.received);
            user.received += 1;
        }
        if bytes.is_empty() && !self.lied {
            let has_handle = self.ids.iter().flatten();
            let total = has_handle
                .map(|has_handle| (has_handle.serial, has_handle.arrived))
                .chain(self.totals.iter().copied())
                .find(|(serial, _)| *serial == connection)
                .map(|(_, total)| total);
            assert_eq!(Some(user.received), total, "the end came early");
        }
    }

    // ---- datagrams -----------------------------------------------------------------------------------------------

    fn send(&mut self, index: usize, length: usize) {
        let user = &mut self.users[index];
        let number = user.sent.len();
        let datagram = Datagram { number, length };
        let to = (user.service == ServiceType::UdpService).then(|| address(datagram));
        let bytes = datagram.bytes(user.serial);
        let sent = self
            .rig
            .engine(|engine| engine.poll_send(user.key, &bytes, to));
        let max = (TX - HEADER) as u16;
        match sent {
            Poll::Ready(Ok(())) => {
                assert!((1..=usize::from(max)).contains(&length));
                user.sent.push(datagram);
            }
            Poll::Ready(Err(Error::InvalidLength { max: told })) => {
                assert_eq!(told, max);
                assert!(length == 0 || length > max.into());
            }
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
    }

    fn receive(&mut self, index: usize, most: usize) {
        let user = &mut self.users[index];
        let mut into = vec![0; most];
        let received = self
            .rig
            .engine(|engine| engine.poll_receive(user.key, &mut into));
        let Poll::Ready(Ok((length, from))) = received else {
            assert!(user.waiting.is_empty(), "a datagram waits");
            return;
        };
        let datagram = user.waiting.pop_front().expect("a datagram");
        assert_eq!(length, datagram.length);
        let connection = user.connection.expect("a datagram of a connection");
        let bytes = datagram.bytes(connection ^ 0xaaaa);
        let kept = length.min(most);
        assert_eq!(into[..kept], bytes[..kept], "datagram {}", datagram.number);
        if user.service == ServiceType::UdpService {
            assert_eq!(from, Some(address(datagram)));
        }
    }
}

/// The longest buffer of a user.
const RX_MOST: usize = 60;
