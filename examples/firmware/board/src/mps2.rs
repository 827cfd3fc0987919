//! The Cortex-M3 of QEMU's `mps2-an385`: UART1 is one of ARM's CMSDK.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::CriticalSection;

pub(crate) const CORE_HZ: u32 = 25_000_000;

const UART1: usize = 0x4000_5000;
const DATA: usize = UART1;
const STATE: usize = UART1 + 0x004;
const CONTROL: usize = UART1 + 0x008;
/// Read: the pending interrupts. Written: the interrupts to clear.
const INTERRUPTS: usize = UART1 + 0x00c;
const BAUD_DIVIDER: usize = UART1 + 0x010;

const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;
const RX_OVERRUN: u32 = 1 << 3;
/// Enables both directions.
const ENABLED: u32 = 0b11;
const TX_INTERRUPT: u32 = 1 << 2;
const RX_INTERRUPT: u32 = 1 << 3;

pub(crate) fn start() {
    write(BAUD_DIVIDER, CORE_HZ / 115_200);
    write(CONTROL, ENABLED | RX_INTERRUPT);
    // SAFETY: the handlers are installed, and no critical section depends on these interrupts being masked.
    unsafe {
        NVIC::unmask(Interrupt::Rx);
        NVIC::unmask(Interrupt::Tx);
    }
}

/// A byte was lost.
pub(crate) struct Damaged;

pub(crate) fn receive(_: CriticalSection) -> Option<Result<u8, Damaged>> {
    let state = read(STATE);
    if state & RX_OVERRUN != 0 {
        write(STATE, RX_OVERRUN);
        return Some(Err(Damaged));
    }
    (state & RX_FULL != 0).then(|| Ok(read(DATA) as u8))
}

/// Sends a byte if the UART has room for it, and returns whether it had.
pub(crate) fn send(_: CriticalSection, byte: u8) -> bool {
    let has_room = read(STATE) & TX_FULL == 0;
    if has_room {
        write(DATA, byte.into());
    }
    has_room
}

pub(crate) fn acknowledge(_: CriticalSection) {
    write(INTERRUPTS, 0b11);
}

pub(crate) fn interrupt_on_byte(cs: CriticalSection, on: bool) {
    let was_off = read(CONTROL) & RX_INTERRUPT == 0;
    mask(cs, RX_INTERRUPT, on);
    if on && was_off {
        // A byte that was received while the interrupt was off does not trigger it.
        NVIC::pend(Interrupt::Rx);
    }
}

pub(crate) fn interrupt_on_room(cs: CriticalSection, on: bool) {
    mask(cs, TX_INTERRUPT, on);
}

fn mask(_: CriticalSection, interrupts: u32, on: bool) {
    let others = read(CONTROL) & !interrupts;
    write(CONTROL, if on { others | interrupts } else { others });
}

fn read(address: usize) -> u32 {
    // SAFETY: all addresses in this file belong to registers that can be read at any time.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(address: usize, value: u32) {
    // SAFETY: all addresses in this file belong to registers, and no write to them makes the hardware access memory.
    unsafe { (address as *mut u32).write_volatile(value) }
}

#[derive(Clone, Copy)]
enum Interrupt {
    Rx = 2,
    Tx = 3,
}

// SAFETY: these are UART1's numbers in the vector table below.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The interrupts of the microcontroller up to UART1's, which are the only ones in use.
// SAFETY: cortex-m-rt requires a table of handlers in this section and with this name.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 4] = {
    let mut handlers = [DefaultHandler as unsafe extern "C" fn(); 4];
    handlers[2] = crate::uart::interrupt;
    handlers[3] = crate::uart::interrupt;
    handlers
};
