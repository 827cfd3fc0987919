//! The methods of sockets besides those of the traits, for types with a field `socket`.

/// Implements what sockets of both directions have.
macro_rules! implement_socket {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Where the socket is in its life. `None` while the stack is [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn state(&self) -> Option<SocketPhase> {
                self.socket.phase()
            }

            /// The number of the socket in the module. `None` while the module does not know it, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn connect_id(&self) -> Option<ConnectId> {
                self.socket.connect_id()
            }

            /// The local address, `0.0.0.0` while it is not known, and the local port, 0 if the module chose it. `None` while the stack
            /// is [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn local_addr(&self) -> Option<SocketAddr> {
                self.socket.local()
            }

            /// The peer's address. `None` if there is no single one, if the connection was opened by name, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn remote_addr(&self) -> Option<SocketAddr> {
                self.socket.remote()
            }

            /// The access mode that the socket uses now. `None` while the stack is [in use](crate::Stack#calls-that-return-at-once).
            #[cfg(feature = "push")]
            #[must_use]
            pub fn access_mode(&self) -> Option<AccessMode> {
                self.socket.mode()
            }

            /// Sends what was written, closes the socket (AT+QICLOSE, section 2.1.5), and waits until the module has done so.
            ///
            /// # Errors
            ///
            /// The reason why not everything that was written could be sent. The socket is closed in any case.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future does not cancel the close: the runner finishes it.
            pub async fn close(self) -> Result<(), Error> {
                self.socket.close().await
            }
        }
    )+};
}

/// Implements what each receiving half has.
macro_rules! implement_receive {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Whether something can be received without waiting. False while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn can_recv(&self) -> bool {
                self.socket.slot(|slot| slot.has_data()).unwrap_or(false)
            }

            /// Whether something may still be received: the peer has not closed, or there is data of it. True while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn may_recv(&self) -> bool {
                let may_recv = self.socket.slot(|slot| slot.has_data() || slot.read_end().is_none());
                may_recv.unwrap_or(true)
            }

            /// How many bytes are in the receive ring. Each datagram has a header of 21 bytes in it. `None` while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn recv_queue(&self) -> Option<usize> {
                self.socket.slot(|slot| slot.rx.len())
            }

            /// Waits until receiving would not wait: for data, the end of the stream, or an error.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            pub fn wait_read_ready(&self) -> impl Future<Output = ()> {
                self.socket.readable()
            }
        }
    )+};
}

/// Implements what each sending half has.
macro_rules! implement_send {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Whether something can be sent without waiting. False while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn can_send(&self) -> bool {
                let can_send = self.socket.slot(|slot| slot.check_writable().is_ok() && slot.tx.free() > 0);
                can_send.unwrap_or(false)
            }

            /// Whether something may still be sent: the socket is open, and neither side has closed it. True while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn may_send(&self) -> bool {
                self.socket.slot(|slot| slot.check_writable().is_ok()).unwrap_or(true)
            }

            /// How many bytes are in the transmit ring: the module has not accepted them yet. Each datagram has a header of 21
            /// bytes in it. `None` while the stack is [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn send_queue(&self) -> Option<usize> {
                self.socket.slot(|slot| slot.tx.len())
            }

            /// Waits until there is room in the transmit ring, or until sending fails.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            pub fn wait_write_ready(&self) -> impl Future<Output = ()> {
                self.socket.writable()
            }

            /// Changes the access mode of the open socket (AT+QISWTMD, section 2.1.10) and waits until the module uses it. No
            /// data is lost. [`Stack::with_access_mode`] describes the modes.
            ///
            /// Leaving [`Transparent`](AccessMode::Transparent) takes about 2.5 s without DTR. What arrives meanwhile goes into
            /// the receive ring: if the peer may send more than it holds, read with the other half at the same time.
            ///
            /// # Errors
            ///
            /// The reason of the module's refusal, or of the socket's failure. [`Error::Unsupported`] for
            /// [`Transparent`](AccessMode::Transparent) if the socket is not TCP, or without the crate's feature `transparent`.
            /// [`Error::TimedOut`] if the module does not leave transparent mode. [`Error::Overrun`] if the receive ring stayed
            /// full for longer than [`Config::stall_time`](crate::Config::stall_time) then.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future does not cancel the change: the runner finishes it.
            #[cfg(feature = "push")]
            pub async fn set_access_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
                self.socket.set_mode(mode).await
            }
        }
    )+};
}

/// Implements what the receiving half of a stream has.
macro_rules! implement_stream_receive {
    ($($type:ty),+) => {$(
        implement_receive!($type);

        impl<M: RawMutex> $type {
            /// Reads without waiting. `None` if a read would wait, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once); `Some(0)` is the end of the stream.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            pub fn try_read(&mut self, into: &mut [u8]) -> Result<Option<usize>, Error> {
                match self.socket.poll(|engine, key| engine.poll_read(key, into)) {
                    Poll::Ready(result) => result.map(Some),
                    Poll::Pending => Ok(None),
                }
            }

            /// Copies received bytes into `into` without taking them. Returns how many; 0 if there are none, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn peek(&self, into: &mut [u8]) -> usize {
                self.socket.peek(into)
            }
        }
    )+};
}

/// Implements what the sending half of a stream has.
macro_rules! implement_stream_send {
    ($($type:ty),+) => {$(
        implement_send!($type);

        impl<M: RawMutex> $type {
            /// Writes without waiting. `None` if a write would wait, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            pub fn try_write(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
                match self.socket.poll(|engine, key| engine.poll_write(key, bytes)) {
                    Poll::Ready(result) => result.map(Some),
                    Poll::Pending => Ok(None),
                }
            }

            /// Waits until the peer has acknowledged everything that was written (AT+QISEND=id,0, section 2.1.7).
            ///
            /// The runner asks the module once everything is accepted, and asks again after a pause that grows each time, until
            /// all bytes are acknowledged. Of a connection that the peer has closed it is known, too, until the handle is dropped.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            pub fn wait_acked(&self) -> impl Future<Output = Result<(), Error>> {
                self.socket.acknowledged()
            }
        }
    )+};
}

pub(super) use {
    implement_receive, implement_send, implement_socket, implement_stream_receive,
    implement_stream_send,
};
