//! Output and exit status through QEMU's semihosting.

use core::arch::asm;
use core::fmt;

const WRITE: usize = 0x05;
const OPEN: usize = 0x01;
const EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x2_0026;

/// The emulator's standard output, for `writeln!`.
pub struct Output;

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(text);
        Ok(())
    }
}

/// Writes to the emulator's standard output.
pub fn print(text: &str) {
    let name = b":tt\0";
    // Opened for writing, the console is the standard output.
    let file = call(OPEN, &[name.as_ptr() as usize, 4, name.len() - 1]);
    call(WRITE, &[file, text.as_ptr() as usize, text.len()]);
}

/// Prints a line with a number, without `core::fmt`.
pub fn print_number(name: &str, number: usize) {
    let mut digits = [b' '; 11];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    print(name);
    print(core::str::from_utf8(&digits).unwrap_or_default());
    print("\n");
}

/// Ends the emulator with this exit status.
pub fn exit(status: u8) -> ! {
    loop {
        call(EXIT_EXTENDED, &[APPLICATION_EXIT, status.into()]);
    }
}

fn call(operation: usize, arguments: &[usize]) -> usize {
    let mut result = operation;
    // SAFETY: the emulator reads the arguments and the memory that they point to, and writes only the register.
    unsafe {
        asm!("bkpt #0xab", inout("r0") result, in("r1") arguments.as_ptr(), options(nostack));
    }
    result
}

/// The peak of the stack so far, in bytes.
#[cfg(feature = "paint-stack")]
pub fn peak_stack() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    // SAFETY: only the addresses of the symbols are used, and all words between them are memory.
    unsafe {
        let start = &raw const _stack_start;
        let mut word = &raw const _stack_end;
        while word < start && word.read_volatile() == cortex_m_rt::STACK_PAINT_VALUE {
            word = word.add(1);
        }
        start.byte_offset_from_unsigned(word)
    }
}
