//! UART1, a PL011, with the module at its other end.
//!
//! Received bytes are taken by the interrupt. When its buffer is full the interrupt stays off and the bytes wait in
//! the UART, which is what holds the module back where RTS is wired.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::{CriticalSection, Mutex};
use embassy_sync::waitqueue::WakerRegistration;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use heapless::Deque;

/// What may arrive while the program is busy.
const BUFFER: usize = 256;

/// Registers, by their offset from this address.
const UART1: usize = 0x4000_d000;
const DATA: usize = 0x000;
const FLAGS: usize = 0x018;
const BAUD_INTEGER: usize = 0x024;
const BAUD_FRACTION: usize = 0x028;
const LINE: usize = 0x02c;
const CONTROL: usize = 0x030;
const INTERRUPT_MASK: usize = 0x038;
/// Its switch in the system control of the part.
const CLOCK_GATE: usize = 0x400f_e104;

const RX_EMPTY: u32 = 1 << 4;
const TX_FULL: u32 = 1 << 5;
/// Framing, parity, break, overrun, next to the byte that was read.
const RECEIVE_ERRORS: u32 = 0xf00;
/// "There is something" and "there was something for a while".
const RX_INTERRUPTS: u32 = 1 << 4 | 1 << 6;
const TX_INTERRUPT: u32 = 1 << 5;

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
    let gates = read(CLOCK_GATE);
    write(CLOCK_GATE, gates | 1 << 1);
    // 115200 bit/s from 12.5 MHz, 8N1, with the FIFOs.
    write(UART1 + BAUD_INTEGER, 6);
    write(UART1 + BAUD_FRACTION, 50);
    write(UART1 + LINE, 0x70);
    write(UART1 + CONTROL, 0x301);
    write(UART1 + INTERRUPT_MASK, RX_INTERRUPTS);
    // SAFETY: the handler is in place, and nothing relies on its being masked.
    unsafe { NVIC::unmask(Interrupt) };
    (Rx(()), Tx(()))
}

/// A byte has come, or there is room for one.
extern "C" fn interrupt() {
    critical_section::with(|cs| {
        let state = &mut *STATE.borrow_ref_mut(cs);
        let mut off = TX_INTERRUPT;
        while read(UART1 + FLAGS) & RX_EMPTY == 0 {
            if state.received.is_full() {
                off |= RX_INTERRUPTS;
                break;
            }
            let data = read(UART1 + DATA);
            state.has_failed |= data & RECEIVE_ERRORS != 0;
            let _ = state.received.push_back(data as u8);
        }
        state.reader.wake();
        state.writer.wake();
        mask(cs, off, 0);
    });
}

/// Both the interrupt and the halves change the mask.
fn mask(_: CriticalSection, off: u32, on: u32) {
    let mask = read(UART1 + INTERRUPT_MASK);
    write(UART1 + INTERRUPT_MASK, mask & !off | on);
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
        for (byte, received) in into
            .iter_mut()
            .zip(core::iter::from_fn(|| self.received.pop_front()))
        {
            *byte = received;
        }
        mask(cs, 0, RX_INTERRUPTS);
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
            let mut sent = 0;
            for byte in bytes {
                if read(UART1 + FLAGS) & TX_FULL != 0 {
                    break;
                }
                write(UART1 + DATA, u32::from(*byte));
                sent += 1;
            }
            if sent > 0 || bytes.is_empty() {
                return Poll::Ready(Ok(sent));
            }
            critical_section::with(|cs| {
                STATE.borrow_ref_mut(cs).writer.register(cx.waker());
                mask(cs, 0, TX_INTERRUPT);
            });
            Poll::Pending
        })
        .await
    }

    /// What is in the FIFO is on its way.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn read(address: usize) -> u32 {
    // SAFETY: all addresses in this file are those of registers that can be read at any time.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: all addresses in this file are those of registers, and none makes the part touch memory.
    unsafe { (address as *mut u32).write_volatile(value) }
}

#[derive(Clone, Copy)]
struct Interrupt;

// SAFETY: the number of UART1 in the part's vector table, and below.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        6
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The part's interrupts up to UART1's, which is the only one in use.
// SAFETY: this is what cortex-m-rt asks for here: a table of handlers, in this section, under this name.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 7] = {
    let mut handlers = [DefaultHandler as unsafe extern "C" fn(); 7];
    handlers[6] = interrupt;
    handlers
};
