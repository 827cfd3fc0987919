//! Adapters that make a blocking UART driver asynchronous by polling it.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Context, Poll};

use crate::util::slices::front;
use embedded_io::{ErrorType, Read, ReadReady, Write};

/// How many bytes are written at once. The driver may block until they are in its transmitter.
const PIECE: usize = 32;

/// Adapter for UART drivers that cannot be split into halves.
///
/// ```
/// # fn example<U>(uart: U) where U: embedded_io::Read + embedded_io::ReadReady + embedded_io::Write {
/// use quectel_nal::blocking::Uart;
///
/// let uart = Uart::new(uart);
/// let (rx, tx) = uart.split();
/// # let _ = (rx, tx);
/// # }
/// ```
#[derive(Debug)]
pub struct Uart<U> {
    driver: RefCell<U>,
}

impl<U> Uart<U> {
    /// Wraps the driver.
    pub const fn new(driver: U) -> Self {
        Self {
            driver: RefCell::new(driver),
        }
    }

    /// Returns the receiving and the sending half, for [`Runner::run`](crate::Runner::run).
    pub const fn split(&self) -> (UartRx<&Self>, UartTx<&Self>) {
        (UartRx::new(self), UartTx::new(self))
    }

    /// Returns the driver.
    pub fn into_inner(self) -> U {
        self.driver.into_inner()
    }
}

impl<U: ErrorType> ErrorType for &Uart<U> {
    type Error = U::Error;
}

impl<U: Read> Read for &Uart<U> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, U::Error> {
        self.driver.borrow_mut().read(buffer)
    }
}

impl<U: ReadReady> ReadReady for &Uart<U> {
    fn read_ready(&mut self) -> Result<bool, U::Error> {
        self.driver.borrow_mut().read_ready()
    }
}

impl<U: Write> Write for &Uart<U> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, U::Error> {
        self.driver.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> Result<(), U::Error> {
        self.driver.borrow_mut().flush()
    }
}

/// The receiving half of a blocking UART driver. A `read` is pending while the driver has no bytes.
///
/// Each poll asks the driver for bytes. Interrupts of the driver are not used: a pending read wakes its task at once. Under an
/// executor this keeps the CPU busy; a driver with interrupts is the better choice there.
///
/// # Cancel safety
///
/// Dropping a `read` future loses no bytes.
#[derive(Debug)]
pub struct UartRx<R> {
    driver: R,
}

impl<R> UartRx<R> {
    /// Wraps the receiving half of a driver.
    pub const fn new(driver: R) -> Self {
        Self { driver }
    }
}

impl<R: ErrorType> ErrorType for UartRx<R> {
    type Error = R::Error;
}

impl<R: Read + ReadReady> embedded_io_async::Read for UartRx<R> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, R::Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| match self.driver.read_ready() {
            Ok(false) => later(cx),
            ready => Poll::Ready(ready.and_then(|_| self.driver.read(buffer))),
        })
        .await
    }
}

/// The sending half of a blocking UART driver.
///
/// A `write` passes at most 32 bytes to the driver, and the next one is pending once: a poll takes no longer than the driver needs
/// for 32 bytes.
///
/// # Cancel safety
///
/// A `write` future that is dropped before it is ready has written nothing.
#[derive(Debug)]
pub struct UartTx<W> {
    driver: W,
    has_written: bool,
}

impl<W> UartTx<W> {
    /// Wraps the sending half of a driver.
    pub const fn new(driver: W) -> Self {
        Self {
            driver,
            has_written: false,
        }
    }
}

impl<W: ErrorType> ErrorType for UartTx<W> {
    type Error = W::Error;
}

impl<W: Write> embedded_io_async::Write for UartTx<W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, W::Error> {
        poll_fn(|cx| {
            if core::mem::take(&mut self.has_written) {
                return later(cx);
            }
            self.has_written = true;
            let piece = front(bytes, PIECE);
            Poll::Ready(self.driver.write(piece))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), W::Error> {
        self.driver.flush()
    }
}

/// Pending, with an immediate wake: no interrupt will wake the task.
fn later<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
