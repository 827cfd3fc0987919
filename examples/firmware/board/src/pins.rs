//! Two outputs to the module: pins 0 and 1 of port D.

const PORT_D: usize = 0x4000_7000;
const DIRECTION: usize = PORT_D + 0x400;
const DIGITAL_ENABLE: usize = PORT_D + 0x51c;
/// The register of the system control that switches the clocks of the ports on.
const CLOCK_GATE: usize = 0x400f_e108;

const DTR: usize = 1 << 0;
const POWER_KEY: usize = 1 << 1;

/// Drives the module's DTR. High lets it sleep.
pub fn set_dtr(high: bool) {
    set(DTR, high);
}

/// Drives the transistor that pulls the module's PWRKEY low, as a finger would.
pub fn press_power_key(pressed: bool) {
    set(POWER_KEY, pressed);
}

pub(crate) fn start() {
    write(CLOCK_GATE, 1 << 3);
    write(DIRECTION, (DTR | POWER_KEY) as u32);
    write(DIGITAL_ENABLE, (DTR | POWER_KEY) as u32);
}

/// The address of the data register says which pins are written.
fn set(pin: usize, high: bool) {
    write(PORT_D + (pin << 2), if high { u32::MAX } else { 0 });
}

fn write(address: usize, value: u32) {
    // SAFETY: all addresses in this file belong to registers, and no write to them makes the hardware access memory.
    unsafe { (address as *mut u32).write_volatile(value) }
}
