//! What TCP and UDP have in common: the handles for sockets, and what a socket says of itself.

/// For types with the fields `stack` and `slots`.
macro_rules! implement_handle {
    ($type:ident) => {
        impl<M: RawMutex> Clone for $type<'_, '_, M> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<M: RawMutex> Copy for $type<'_, '_, M> {}

        impl<'d, M: RawMutex> $type<'_, 'd, M> {
            /// Returns a handle whose sockets take certain slots only, as [`with_slots`](crate::Stack::with_slots) of the asynchronous
            /// stack.
            #[must_use]
            pub const fn with_slots(self, slots: core::ops::Range<usize>) -> Self {
                Self {
                    slots: self.slots.within(slots),
                    ..self
                }
            }

            fn handle(&self) -> crate::Stack<'d, M> {
                crate::Stack {
                    slots: self.slots,
                    ..self.stack.handle()
                }
            }
        }
    };
}

/// For types with a method `socket`.
macro_rules! implement_state {
    ($type:ty) => {
        impl<M: RawMutex> $type {
            /// Where the socket is in its life. `None` before it is opened, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn state(&self) -> Option<SocketPhase> {
                self.socket()?.phase()
            }

            /// The number of the socket in the module. `None` while the module does not know it, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn connect_id(&self) -> Option<ConnectId> {
                self.socket()?.connect_id()
            }

            /// The local address, `0.0.0.0` while it is not known, and the local port, 0 if the module chose it. `None` before the
            /// socket is opened, and while the stack is [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn local_addr(&self) -> Option<SocketAddr> {
                self.socket()?.local()
            }

            /// The peer's address. `None` if there is no single one, before the socket is opened, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn remote_addr(&self) -> Option<SocketAddr> {
                self.socket()?.remote()
            }

            /// Whether something can be received now.
            #[must_use]
            pub fn can_recv(&self) -> bool {
                self.socket().is_some_and(Socket::can_recv)
            }

            /// Whether something may still be received: the peer has not closed, or there is data of it.
            #[must_use]
            pub fn may_recv(&self) -> bool {
                self.socket().is_some_and(Socket::may_recv)
            }

            /// How many bytes are in the receive ring. Each datagram has a header of 21 bytes in it. `None` before the socket is
            /// opened, and while the stack is [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn recv_queue(&self) -> Option<usize> {
                self.socket()?.slot(|slot| slot.rx.len())
            }

            /// Whether something can be sent now.
            #[must_use]
            pub fn can_send(&self) -> bool {
                self.socket().is_some_and(Socket::can_send)
            }

            /// Whether something may still be sent: the socket is open, and neither side has closed it.
            #[must_use]
            pub fn may_send(&self) -> bool {
                self.socket().is_some_and(Socket::may_send)
            }

            /// How many bytes are in the transmit ring: the module has not accepted them yet. Each datagram has a header of 21 bytes
            /// in it. `None` before the socket is opened, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn send_queue(&self) -> Option<usize> {
                self.socket()?.slot(|slot| slot.tx.len())
            }
        }
    };
}

pub(super) use {implement_handle, implement_state};
