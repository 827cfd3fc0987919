//! The UART that is connected to the module: two halves for the application.
//!
//! The interrupt stores received bytes in a buffer. When the buffer is full, the interrupt is switched off and the bytes stay in the
//! UART, which stops the module if RTS is wired.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use critical_section::{CriticalSection, Mutex};
use embassy_sync::waitqueue::WakerRegistration;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use heapless::Deque;

use crate::part;

/// Capacity for bytes that are received while the program is busy.
const BUFFER: usize = 256;

struct State {
    received: Deque<u8, BUFFER>,
    has_failed: bool,
    reader: WakerRegistration,
    writer: WakerRegistration,
}

static STATE: Mutex<RefCell<State>> = Mutex::new(RefCell::new(State {
    received: Deque::new(),
    has_failed: false,
    reader: WakerRegistration::new(),
    writer: WakerRegistration::new(),
}));

/// The receiving half.
pub struct Rx(());

/// The sending half.
pub struct Tx(());

pub(crate) fn start() -> (Rx, Tx) {
    part::start();
    (Rx(()), Tx(()))
}

/// The handler: a byte was received, or there is room to send one.
pub(crate) extern "C" fn interrupt() {
    critical_section::with(|cs| {
        let state = &mut *STATE.borrow_ref_mut(cs);
        part::acknowledge(cs);
        while !state.received.is_full() {
            match part::receive(cs) {
                Some(Ok(byte)) => drop(state.received.push_back(byte)),
                Some(Err(part::Damaged)) => state.has_failed = true,
                None => break,
            }
        }
        if state.received.is_full() {
            part::interrupt_on_byte(cs, false);
        }
        part::interrupt_on_room(cs, false);
        state.reader.wake();
        state.writer.wake();
    });
}

impl State {
    fn take(
        &mut self,
        cs: CriticalSection,
        into: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, ErrorKind>> {
        if core::mem::take(&mut self.has_failed) {
            return Poll::Ready(Err(ErrorKind::Other));
        }
        let count = into.len().min(self.received.len());
        if count == 0 && !into.is_empty() {
            self.reader.register(waker);
            return Poll::Pending;
        }
        let received = core::iter::from_fn(|| self.received.pop_front());
        for (byte, received) in into.iter_mut().zip(received.take(count)) {
            *byte = received;
        }
        part::interrupt_on_byte(cs, true);
        Poll::Ready(Ok(count))
    }
}

impl ErrorType for Rx {
    type Error = ErrorKind;
}

impl Read for Rx {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| {
            critical_section::with(|cs| STATE.borrow_ref_mut(cs).take(cs, into, cx.waker()))
        })
        .await
    }
}

impl ErrorType for Tx {
    type Error = ErrorKind;
}

impl Write for Tx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| {
            critical_section::with(|cs| {
                let sent = bytes
                    .iter()
                    .take_while(|byte| part::send(cs, **byte))
                    .count();
                if sent > 0 || bytes.is_empty() {
                    return Poll::Ready(Ok(sent));
                }
                STATE.borrow_ref_mut(cs).writer.register(cx.waker());
                part::interrupt_on_room(cs, true);
                Poll::Pending
            })
        })
        .await
    }

    /// Returns at once: the UART sends by itself what it has accepted.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
