//! The LM3S6965 of QEMU's `lm3s6965evb`: UART1 is a PL011.

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use critical_section::CriticalSection;

/// Of the processor, as it comes out of reset in QEMU.
pub(crate) const CORE_HZ: u32 = 12_500_000;

const UART1: usize = 0x4000_d000;
const DATA: usize = UART1;
const FLAGS: usize = UART1 + 0x018;
const BAUD_INTEGER: usize = UART1 + 0x024;
const BAUD_FRACTION: usize = UART1 + 0x028;
const LINE: usize = UART1 + 0x02c;
const CONTROL: usize = UART1 + 0x030;
const INTERRUPT_MASK: usize = UART1 + 0x038;
/// UART1's switch in the system control of the part.
const CLOCK_GATE: usize = 0x400f_e104;

const RX_EMPTY: u32 = 1 << 4;
const TX_FULL: u32 = 1 << 5;
/// Framing, parity, break, overrun, next to the byte that was read.
const RECEIVE_ERRORS: u32 = 0xf00;
/// "There are some" and "there was one for a while".
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
    // SAFETY: the handler is in place, and nothing relies on its being masked.
    unsafe { NVIC::unmask(Interrupt) };
}

/// Something is wrong with a byte, or with one before it.
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

/// Whether there was room for it.
pub(crate) fn send(_: CriticalSection, byte: u8) -> bool {
    let has_room = read(FLAGS) & TX_FULL == 0;
    if has_room {
        write(DATA, byte.into());
    }
    has_room
}

/// The interrupts go away with their causes.
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
    handlers[6] = crate::uart::interrupt;
    handlers
};
