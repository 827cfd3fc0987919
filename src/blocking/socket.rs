//! A socket that the calls of the application open step by step.

use core::task::{Poll, ready};

use embassy_sync::blocking_mutex::raw::RawMutex;

#[cfg(feature = "server")]
use crate::engine::UNKNOWN_PEER;
use crate::engine::{Engine, Key, Request};
use crate::error::Error;
use crate::net::Socket;
use crate::stack::Stack;

/// A socket from the request on. Each poll goes on with opening it, until it is open.
#[derive(Debug)]
pub(super) struct LazySocket<'d, M: RawMutex> {
    request: Request<'static>,
    claimed: Option<Claimed<'d, M>>,
}

/// A socket that has a slot.
#[derive(Debug)]
struct Claimed<'d, M: RawMutex> {
    socket: Socket<'d, M>,
    /// The module has opened it. It may have been closed since.
    was_open: bool,
}

impl<'d, M: RawMutex> LazySocket<'d, M> {
    pub(super) const fn new(request: Request<'static>) -> Self {
        Self {
            request,
            claimed: None,
        }
    }

    pub(super) const fn request(&self) -> Request<'static> {
        self.request
    }

    /// The socket, if it has a slot.
    pub(super) fn socket(&self) -> Option<&Socket<'d, M>> {
        self.claimed.as_ref().map(|claimed| &claimed.socket)
    }

    /// Whether the module has opened the socket. It may have been closed since.
    pub(super) fn was_open(&self) -> bool {
        self.claimed
            .as_ref()
            .is_some_and(|claimed| claimed.was_open)
    }

    /// Opens the socket, then polls an operation of it.
    fn poll_socket<T>(
        &mut self,
        stack: Stack<'d, M>,
        operation: impl FnOnce(&Socket<'d, M>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let Claimed { socket, was_open } = match &mut self.claimed {
            Some(claimed) => claimed,
            None => {
                self.request.slots = stack.slots;
                let request = &self.request;
                let socket = ready!(
                    stack
                        .shared
                        .poll(|engine| Socket::poll_claim(engine, stack, request))
                )?;
                self.claimed.insert(Claimed {
                    socket,
                    was_open: false,
                })
            }
        };
        if !*was_open {
            match ready!(socket.poll(|engine, key| engine.poll_opened(key, &self.request))) {
                Err(error) if self.request.use_port_try(error) => {
                    self.claimed = None;
                    return Poll::Pending;
                }
                result => result?,
            }
            *was_open = true;
        }
        operation(socket)
    }

    /// Opens the socket, then polls an operation of the engine for it.
    pub(super) fn poll<T>(
        &mut self,
        stack: Stack<'d, M>,
        operation: impl FnOnce(&mut Engine<'d>, Key) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        self.poll_socket(stack, |socket| socket.poll(operation))
    }

    /// Opens the socket.
    pub(super) fn poll_open(&mut self, stack: Stack<'d, M>) -> Poll<Result<(), Error>> {
        self.poll_socket(stack, |_| Poll::Ready(Ok(())))
    }

    /// Takes the oldest connection that the module has accepted for this listener, and its peer.
    #[cfg(feature = "server")]
    pub(super) fn poll_accept(
        &mut self,
        stack: Stack<'d, M>,
    ) -> Poll<Result<(Self, core::net::SocketAddr), Error>> {
        let accepted = self.poll_socket(stack, |socket| {
            let accepted = socket.poll(Engine::poll_accept);
            accepted.map_ok(|(key, peer)| {
                (
                    Socket::from_key(stack.shared, key),
                    peer.unwrap_or(UNKNOWN_PEER),
                )
            })
        });
        accepted.map_ok(|(socket, peer)| {
            let claimed = Some(Claimed {
                socket,
                was_open: true,
            });
            let request = Request::accepted(peer);
            (Self { request, claimed }, peer)
        })
    }
}
