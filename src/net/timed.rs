//! A time limit for each operation of a connection.

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{ErrorType, Read, Write};

use super::tcp::{TcpConnection, TcpReader, TcpWriter};
use crate::config::bounded;
use crate::error::Error;

/// A connection, or a half of one, whose `read`, `write` and `flush` take a limited time each.
///
/// They fail with [`Error::TimedOut`] after that time. Such an operation has had no effect, and can be repeated: no data is lost, and the
/// connection is still open. Futures can be dropped as those of [`TcpConnection`].
///
/// ```
/// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
/// use embedded_io_async::{Read, Write};
/// use quectel_nal::Duration;
///
/// let connection = stack.connect("192.0.2.7:80".parse().unwrap()).await?;
/// // For a client that waits for its server without a time limit of its own.
/// let mut connection = connection.with_timeout(Duration::from_secs(20));
/// connection.write_all(b"hello").await?;
/// let mut answer = [0; 64];
/// let length = connection.read(&mut answer).await?;
/// # let _ = length;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Timed<S> {
    inner: S,
    timeout: Duration,
}

impl<S> Timed<S> {
    /// Sets how long an operation may take.
    pub const fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = bounded(timeout);
    }

    /// The connection, for its other methods.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The connection, without a time limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

async fn limited<T>(
    timeout: Duration,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = with_timeout(timeout, operation).await;
    result.unwrap_or(Err(Error::TimedOut))
}

impl<S: ErrorType> ErrorType for Timed<S> {
    type Error = S::Error;
}

impl<S: Read<Error = Error>> Read for Timed<S> {
    fn read(&mut self, into: &mut [u8]) -> impl Future<Output = Result<usize, Error>> {
        limited(self.timeout, self.inner.read(into))
    }
}

impl<S: Write<Error = Error>> Write for Timed<S> {
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, Error>> {
        limited(self.timeout, self.inner.write(bytes))
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        limited(self.timeout, self.inner.flush())
    }
}

macro_rules! implement_with_timeout {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> $type {
            /// Limits the time of each `read`, `write` and `flush`.
            #[must_use]
            pub const fn with_timeout(self, timeout: Duration) -> Timed<Self> {
                Timed { inner: self, timeout: bounded(timeout) }
            }
        }
    )+};
}

implement_with_timeout!(
    TcpConnection<'_, M>,
    TcpReader<'_, '_, M>,
    TcpWriter<'_, '_, M>
);
