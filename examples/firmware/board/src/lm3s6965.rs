//! The LM3S6965 of QEMU's `lm3s6965evb`: UART1 is a PL011.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::CriticalSection;

/// The processor's clock after reset in QEMU.
pub(crate) const CORE_HZ: u32 = 12_500_000;

const UART1: usize = 0x4000_d000;
const DATA: usize = UART1;
const FLAGS: usize = UART1 + 0x018;
const BAUD_INTEGER: usize = UART1 + 0x024;
const BAUD_FRACTION: usize = UART1 + 0x028;
const LINE: usize = UART1 + 0x02c;
const CONTROL: usize = UART1 + 0x030;
const INTERRUPT_MASK: usize = UART1 + 0x038;
/// The register of the system control that switches UART1's clock on.
const CLOCK_GATE: usize = 0x400f_e104;

const RX_EMPTY: u32 = 1 << 4;
const TX_FULL: u32 = 1 << 5;
/// Framing error, parity error, break and overrun, in the same word as the byte that was read.
const RECEIVE_ERRORS: u32 = 0xf00;
/// The FIFO has reached its level, and a byte has been in the FIFO for some time.
const RX_INTERRUPTS: u32 = 1 << 4 | 1 << 6;
const TX_INTERRUPT: u32 = 1 << 5;

pub(crate) fn start() {
    let gates = read(CLOCK_GATE);
    write(CLOCK_GATE, gates | 1 << 1);
    // 115200 bit/s from 12.5 MHz, 8N1, with the FIFOs.
    write(BAUD_INTEGER, 6);
    write(BAUD_FRACTION, 50);
    write(LINE, 0x70);
    write(CONTROL, 0x301);
    write(INTERRUPT_MASK, RX_INTERRUPTS);
    // SAFETY: the handler is installed, and no critical section depends on this interrupt being masked.
    unsafe { NVIC::unmask(Interrupt) };
}

/// This byte or one before it was damaged or lost.
pub(crate) struct Damaged;

pub(crate) fn receive(_: CriticalSection) -> Option<Result<u8, Damaged>> {
    if read(FLAGS) & RX_EMPTY != 0 {
        return None;
    }
    let data = read(DATA);
    Some(if data & RECEIVE_ERRORS == 0 {
        Ok(data as u8)
    } else {
        Err(Damaged)
    })
}

/// Sends a byte if the UART has room for it, and returns whether it had.
pub(crate) fn send(_: CriticalSection, byte: u8) -> bool {
    let has_room = read(FLAGS) & TX_FULL == 0;
    if has_room {
        write(DATA, byte.into());
    }
    has_room
}

/// Nothing to do: the UART clears an interrupt when its cause ends.
pub(crate) fn acknowledge(_: CriticalSection) {}

pub(crate) fn interrupt_on_byte(cs: CriticalSection, on: bool) {
    mask(cs, RX_INTERRUPTS, on);
}

pub(crate) fn interrupt_on_room(cs: CriticalSection, on: bool) {
    mask(cs, TX_INTERRUPT, on);
}

fn mask(_: CriticalSection, interrupts: u32, on: bool) {
    let others = read(INTERRUPT_MASK) & !interrupts;
    write(
        INTERRUPT_MASK,
        if on { others | interrupts } else { others },
    );
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
struct Interrupt;

// SAFETY: this is UART1's number in the vector table below.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        6
    }
}

unsafe extern "C" {
    fn DefaultHandler();
}

/// The interrupts of the microcontroller up to UART1's, which is the only one in use.
// SAFETY: cortex-m-rt requires a table of handlers in this section and with this name.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 7] = {
    let mut handlers = [DefaultHandler as unsafe extern "C" fn(); 7];
    handlers[6] = crate::uart::interrupt;
    handlers
};
