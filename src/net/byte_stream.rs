//! The traits of `embedded-io` for types with a field `socket`.
//!
//! The futures of [`Socket`](super::Socket) are returned as they are. As an `async fn`, `read` would have 28 bytes instead of
//! 12 on a Cortex-M, and `flush` 12 instead of 4.

macro_rules! implement_read {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> embedded_io_async::Read for $type {
            fn read(&mut self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
                self.socket.read(into)
            }
        }

        impl<M: RawMutex> embedded_io_async::ReadReady for $type {
            fn read_ready(&mut self) -> Result<bool, Error> {
                Ok(self.socket.read_ready())
            }
        }
    )+};
}

macro_rules! implement_write {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> embedded_io_async::Write for $type {
            fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
                self.socket.write(bytes)
            }

            fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
                self.socket.flush()
            }
        }

        impl<M: RawMutex> embedded_io_async::WriteReady for $type {
            fn write_ready(&mut self) -> Result<bool, Error> {
                Ok(self.socket.write_ready())
            }
        }
    )+};
}

macro_rules! implement_error_type {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> embedded_io_async::ErrorType for $type {
            type Error = Error;
        }
    )+};
}

pub(super) use {implement_error_type, implement_read, implement_write};
