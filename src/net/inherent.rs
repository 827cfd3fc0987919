//! The methods of sockets besides those of the traits, for types with a field `socket`.

/// Implements what all sockets have.
macro_rules! implement_state {
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
        }
    )+};
}

/// Implements what sockets of both directions have.
macro_rules! implement_socket {
    ($($type:ty),+) => {$(
        implement_state!($type);

        impl<M: RawMutex> $type {
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
                self.socket.can_recv()
            }

            /// Whether something may still be received: the peer has not closed, or there is data of it. True while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn may_recv(&self) -> bool {
                self.socket.may_recv()
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
                self.socket.can_send()
            }

            /// Whether something may still be sent: the socket is open, and neither side has closed it. True while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once).
            #[must_use]
            pub fn may_send(&self) -> bool {
                self.socket.may_send()
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
                self.socket.attempt(|engine, key| engine.poll_read(key, into))
            }

            /// Waits for data, and calls `read` with it where it lies in the receive ring: without a copy. `read` returns how many of
            /// the bytes it has used up, and any result. The others come again; so do those that lie at the other end of the ring.
            /// At the end of the stream it is called without bytes.
            ///
            /// The stack is [in use](crate::Stack#calls-that-return-at-once) meanwhile: `read` must not wait for it.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing. `read` is called in the poll in which the future is ready, or not at all.
            ///
            /// ```
            /// # async fn example(connection: &mut quectel_nal::TcpConnection<'_>) -> Result<(), quectel_nal::Error> {
            /// let sum: u32 = connection
            ///     .read_with(|bytes| (bytes.len(), bytes.iter().map(|byte| u32::from(*byte)).sum()))
            ///     .await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn read_with<R>(
                &mut self,
                read: impl FnOnce(&mut [u8]) -> (usize, R),
            ) -> impl Future<Output = Result<R, Error>> {
                self.socket.read_with(read)
            }

            /// As [`read_with`](Self::read_with) without waiting. `None` if it would wait, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once): `read` is not called then.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            pub fn recv<R>(
                &mut self,
                read: impl FnOnce(&mut [u8]) -> (usize, R),
            ) -> Result<Option<R>, Error> {
                let mut read = Some(read);
                self.socket.attempt(|engine, key| engine.poll_read_with(key, &mut read))
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
                self.socket.attempt(|engine, key| engine.poll_write(key, bytes))
            }

            /// Waits for room in the transmit ring, and calls `write` with it, as far as it lies in one piece: the data is made where it
            /// is sent from. `write` returns how many bytes it has written, from the first one on, and any result.
            ///
            /// The stack is [in use](crate::Stack#calls-that-return-at-once) meanwhile: `write` must not wait for it.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has not called `write`.
            pub fn write_with<R>(
                &mut self,
                write: impl FnOnce(&mut [u8]) -> (usize, R),
            ) -> impl Future<Output = Result<R, Error>> {
                self.socket.write_with(write)
            }

            /// As [`write_with`](Self::write_with) without waiting. `None` if it would wait, and while the stack is
            /// [in use](crate::Stack#calls-that-return-at-once): `write` is not called then.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure.
            pub fn send<R>(
                &mut self,
                write: impl FnOnce(&mut [u8]) -> (usize, R),
            ) -> Result<Option<R>, Error> {
                let mut write = Some(write);
                self.socket.attempt(|engine, key| engine.poll_write_with(key, &mut write))
            }

            /// Waits until the peer has acknowledged everything that was written (AT+QISEND=id,0, section 2.1.7).
            ///
            /// The runner asks the module once everything is accepted, and asks again after a pause that grows each time, until
            /// all bytes are acknowledged. Of a connection that the peer has closed it is known, too, until the handle is dropped.
            ///
            /// A connection that is closed because the link is turned off stays open for up to 10 s while a task waits for this. Call
            /// it before the link is turned off, or right after: the module forgets the count when it closes the connection.
            ///
            /// # Errors
            ///
            /// The reason of the connection's failure, such as
            /// [`LinkError::TurnedOff`](crate::LinkError::TurnedOff) if it is not known any more, or the peer has not acknowledged
            /// everything in time.
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
    implement_receive, implement_send, implement_socket, implement_state, implement_stream_receive,
    implement_stream_send,
};
