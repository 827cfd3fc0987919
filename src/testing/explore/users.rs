//! The users of a world: what they call, and what they are told.

mod services;

use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use super::Event;
use super::handle::{Call, Handle, Kind, Told, Work};
use super::module::{from_peer, from_user};
use super::world::{Task, World};
use crate::at::{AccessMode, ServiceType};
use crate::engine::rig::PEER;
use crate::engine::{Key, Queue, Request, Slot};

/// More rounds than this without an event: tasks wake each other.
const ROUNDS: usize = 20;

impl<'d> World<'d> {
    pub(super) fn use_handle(&mut self, event: Event) {
        match event {
            Event::Connect => {
                let kind = self.limits.kinds[self.handles.len() % self.limits.kinds.len()];
                self.handles.push(Handle::new(kind));
                self.poll_call(self.handles.len() - 1);
            }
            Event::Read(index) => {
                self.handles[usize::from(index)].reads = true;
                self.poll_read(index.into());
            }
            Event::Write(index) => self.begin(index, Call::Write),
            Event::Flush(index) => self.begin(index, Call::Flush),
            Event::Close(index) => {
                let handle = &mut self.handles[usize::from(index)];
                handle.is_closing = true;
                if let Some(key) = handle.key {
                    self.rig.engine(|engine| engine.close_when_sent(key));
                }
                self.begin(index, Call::Close);
            }
            Event::Drop(index) | Event::Abort(index) => {
                let handle = &mut self.handles[usize::from(index)];
                handle.is_gone = true;
                handle.call = None;
                handle.reads = false;
                let place = usize::from(index) * 2;
                self.futures
                    .iter_mut()
                    .skip(place)
                    .take(2)
                    .for_each(|future| *future = None);
                if let Some(key) = handle.key {
                    if let Event::Abort(_) = event {
                        self.rig.abort(key);
                    }
                    self.rig.release(key);
                }
                self.release_ticket(index.into());
            }
            Event::SwitchMode(index) => {
                let key = self.handles[usize::from(index)].key.expect("a socket");
                let wanted = self.rig.engine(|engine| {
                    let current = engine.slot(key).map(Slot::access_mode);
                    let mode = match current {
                        Some(AccessMode::Transparent) => AccessMode::Buffer,
                        _ => AccessMode::Transparent,
                    };
                    engine.want_mode(key, mode)
                });
                match wanted {
                    Ok(()) => self.begin(index, Call::Mode),
                    Err(error) => self.failed(index.into(), Call::Mode, error),
                }
            }
            _ => unreachable!("no event of a user"),
        }
    }

    fn begin(&mut self, index: u8, call: Call) {
        self.handles[usize::from(index)].call = Some(call);
        self.poll_call(index.into());
    }

    /// The task of a handle that writes, or the one that reads.
    fn task(&self, index: usize, reads: bool) -> &'d Arc<Task> {
        &self.tasks[index * 2 + usize::from(reads)]
    }

    /// Polls the tasks that were woken, until none is.
    pub(super) fn run_tasks(&mut self) {
        for _ in 0..ROUNDS {
            let mut has_run = false;
            for index in 0..self.handles.len() {
                let call = self.handles[index].call;
                if self.task(index, false).take() && call.is_some() {
                    has_run = true;
                    self.poll_call(index);
                    if self.handles[index].call == call {
                        self.idle_wakes.extend(call);
                    }
                }
                if self.task(index, true).take() && self.handles[index].reads {
                    has_run = true;
                    self.poll_read(index);
                    if self.handles[index].reads {
                        self.idle_wakes.push(Call::Read);
                    }
                }
            }
            if !has_run {
                return;
            }
        }
        panic!("tasks wake each other for ever");
    }

    // ---- futures -------------------------------------------------------------------------------------------------

    /// Polls the future of a task. A future is kept as long as the task waits for the same.
    fn poll(&mut self, index: usize, reads: bool) -> Option<Told> {
        let place = index * 2 + usize::from(reads);
        self.futures.resize_with(self.handles.len() * 2, || None);
        let mut future = match self.futures[place].take() {
            Some(future) => future,
            None => self.future(index, reads),
        };
        let waker = Waker::from(self.task(index, reads).clone());
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(told) => Some(told),
            Poll::Pending => {
                self.futures[place] = Some(future);
                None
            }
        }
    }

    /// What the task of a handle waits for.
    fn future(&self, index: usize, reads: bool) -> Work<'d> {
        let shared = self.rig.shared;
        let handle = &self.handles[index];
        let kind = handle.kind;
        if let Kind::Lookup | Kind::Command = kind {
            return self.service(index);
        }
        let Some(key) = handle.key else {
            return self.claim(index);
        };
        if reads {
            let queue = Queue::Reader(key);
            return match kind {
                Kind::Listener => {
                    let accepted = shared.wait(queue, move |engine| engine.poll_accept(key));
                    Box::pin(async { Told::Accepted(accepted.await) })
                }
                Kind::Udp => Box::pin(async move {
                    let mut into = [0; 8];
                    let received = shared.wait(queue, |engine| engine.poll_receive(key, &mut into));
                    let received = received.await;
                    Told::Data(received.map(|(length, _)| into[..length].to_vec()))
                }),
                _ => Box::pin(async move {
                    let mut into = [0; 4];
                    let received = shared.wait(queue, |engine| engine.poll_read(key, &mut into));
                    let received = received.await;
                    Told::Data(received.map(|length| into[..length].to_vec()))
                }),
            };
        }
        let byte = from_user(index, handle.written);
        let call = handle.call;
        let done = shared.wait(Queue::Writer(key), move |engine| match call {
            Some(Call::Write) if kind == Kind::Udp => engine.poll_send(key, &[byte], None),
            Some(Call::Write) => engine
                .poll_write(key, &[byte])
                .map_ok(|count| assert_eq!(count, 1)),
            Some(Call::Flush) if kind == Kind::Acknowledged => engine.poll_acknowledged(key),
            Some(Call::Flush) => engine.poll_flush(key),
            Some(Call::Mode) => engine.poll_mode(key),
            Some(Call::Close) => engine.poll_closed(key),
            _ => engine.poll_connected(key),
        });
        Box::pin(async { Told::Done(done.await) })
    }

    fn claim(&self, index: usize) -> Work<'d> {
        let kind = self.handles[index].kind;
        let request = match kind {
            Kind::Udp => Request::datagrams(PEER, 2000 + index as u16),
            Kind::Listener => Request::listen(ServiceType::TcpListener, 80),
            _ => Request::connect(PEER),
        };
        let mode = match kind {
            Kind::Push => AccessMode::DirectPush,
            Kind::Transparent => AccessMode::Transparent,
            _ => AccessMode::Buffer,
        };
        let request = request.expect("a request that can be fulfilled");
        let queue = Queue::FreeSlot;
        let claimed =
            (self.rig.shared).wait(queue, move |engine| engine.poll_claim(&request, mode));
        Box::pin(async { Told::Slot(claimed.await) })
    }

    // ---- results -------------------------------------------------------------------------------------------------

    /// Polls what a task waits for that does not read.
    pub(super) fn poll_call(&mut self, index: usize) {
        let Some(call) = self.handles[index].call else {
            return;
        };
        let result = match self.poll(index, false) {
            None => return,
            Some(Told::Slot(Ok(key))) => {
                self.handles[index].key = Some(key);
                return self.begin(index as u8, Call::Connect);
            }
            Some(Told::Slot(Err(error)) | Told::Ticket(Err(error))) => {
                self.handles[index].failed = Some(error);
                self.handles[index].is_gone = true;
                self.handles[index].call = None;
                return;
            }
            Some(Told::Ticket(Ok(ticket))) => {
                self.handles[index].ticket = Some(ticket);
                return self.begin(index as u8, Call::Connect);
            }
            Some(Told::Address(found)) => {
                self.check_found(index, found);
                return self.end_service(index);
            }
            Some(Told::Answer(result, answer)) => {
                let goes_on = self.check_answer(index, result, &answer);
                if goes_on {
                    self.release_ticket(index);
                    self.handles[index].written = 1;
                    return self.begin(index as u8, Call::Slot);
                }
                return self.end_service(index);
            }
            Some(Told::Done(result)) => result,
            Some(_) => unreachable!("a result of a reader"),
        };
        self.handles[index].call = None;
        self.told.push((index, call, result));
        match (result, call) {
            (Err(error), _) => self.failed(index, call, error),
            (Ok(()), Call::Write) => self.handles[index].written += 1,
            (Ok(()), Call::Flush | Call::Close) => self.check_sent(index, call),
            (Ok(()), Call::Mode) => {}
            (Ok(()), _) => self.check_connected(index),
        }
        if let (Call::Close, Some(key)) = (call, self.handles[index].key) {
            self.handles[index].is_gone = true;
            self.rig.release(key);
        }
    }

    /// Polls a read, or an accept.
    pub(super) fn poll_read(&mut self, index: usize) {
        let told = self.poll(index, true);
        self.handles[index].reads = told.is_none();
        match told {
            None => {}
            Some(Told::Data(Ok(bytes))) if bytes.is_empty() => {
                self.handles[index].is_over = true;
                self.check_end(index);
            }
            Some(Told::Data(Ok(bytes))) => self.check_received(index, &bytes),
            Some(Told::Accepted(Ok((key, peer)))) => self.accepted(key, peer),
            Some(Told::Data(Err(error)) | Told::Accepted(Err(error))) => {
                self.told.push((index, Call::Read, Err(error)));
                self.handles[index].is_over = true;
                self.failed(index, Call::Read, error);
            }
            Some(_) => unreachable!("a result of a writer"),
        }
    }

    fn check_received(&mut self, index: usize, bytes: &[u8]) {
        let serial = self.serial(index).expect("bytes of a connection");
        let is_datagram = self.handles[index].kind == Kind::Udp;
        for byte in bytes {
            let handle = &mut self.handles[index];
            // Datagrams may be lost.
            while is_datagram && handle.received < 8 && *byte != from_peer(serial, handle.received)
            {
                handle.received += 1;
            }
            let place = handle.received;
            assert_eq!(
                *byte,
                from_peer(serial, place),
                "byte {place} from the peer"
            );
            handle.received += 1;
        }
    }

    fn accepted(&mut self, key: Key, peer: Option<SocketAddr>) {
        let serial = usize::from(peer.expect("a peer").port()) - 5000;
        let connection = &mut self.module.connections[serial];
        assert_eq!(connection.handle, usize::MAX, "accepted twice");
        connection.handle = self.handles.len();
        let mut handle = Handle::new(Kind::Accepted);
        handle.key = Some(key);
        handle.call = None;
        handle.is_connected = true;
        self.handles.push(handle);
    }

    /// What a handle has written so far.
    pub(super) fn written(&self, index: usize) -> Vec<u8> {
        (0..self.handles[index].written)
            .map(|place| from_user(index, place))
            .collect()
    }
}
