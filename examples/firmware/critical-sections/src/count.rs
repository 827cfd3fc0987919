//! The critical section, which measures itself, and the clock.
//!
//! With QEMU's `-icount shift=6` each instruction takes 64 ns. A timer of the board counts every 40 ns.

#![allow(unsafe_code)]

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{RawWaker, RawWakerVTable, Waker};

use cortex_m::interrupt;
use cortex_m::register::primask;
use critical_section::RawRestoreState;
use embassy_time_driver::{Driver, time_driver_impl};

/// Nanoseconds per instruction, and per step of the timer.
const INSTRUCTION: u32 = 64;
const STEP: u32 = 40;

/// The first timer of the CMSDK, which counts down.
const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *const u32 = 0x4000_0004 as *const u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const ENABLED: u32 = 1;

static BEGUN: AtomicU32 = AtomicU32::new(0);
static LONGEST: AtomicU32 = AtomicU32::new(0);
static COUNT: AtomicU32 = AtomicU32::new(0);
static MILLISECONDS: AtomicU32 = AtomicU32::new(0);

pub fn start() {
    // SAFETY: no other code uses this timer.
    unsafe {
        RELOAD.write_volatile(u32::MAX);
        CONTROL.write_volatile(ENABLED);
    }
}

/// Forgets what was measured.
pub fn reset() {
    LONGEST.store(0, Relaxed);
    COUNT.store(0, Relaxed);
}

/// A critical section of 1000 instructions.
pub fn nothing() {
    critical_section::with(|_| {
        // SAFETY: they do nothing.
        unsafe { core::arch::asm!(".rept 1000", "nop", ".endr", options(nomem, nostack)) };
    });
}

/// How many critical sections there were, and the instructions of the longest.
pub fn measured() -> (u32, u32) {
    let longest = LONGEST.load(Relaxed) * STEP / INSTRUCTION;
    (COUNT.load(Relaxed), longest)
}

fn timer() -> u32 {
    // SAFETY: reading the register has no effect.
    unsafe { VALUE.read_volatile() }
}

/// A waker that does nothing, and differs from those with other numbers.
pub fn waker(number: usize) -> Waker {
    // SAFETY: the functions do not use the pointer.
    unsafe { Waker::from_raw(silent(number)) }
}

fn silent(number: usize) -> RawWaker {
    const TABLE: RawWakerVTable =
        RawWakerVTable::new(|data| RawWaker::new(data, &TABLE), |_| {}, |_| {}, |_| {});
    RawWaker::new(core::ptr::without_provenance(number), &TABLE)
}

/// A waker that calls `task` when it is cloned. The stack clones the wakers of tasks that wait, while it is in use.
pub fn intruding_waker<F: Fn()>(task: &F) -> Waker {
    fn clone<F: Fn()>(task: *const ()) -> RawWaker {
        // SAFETY: it is the reference that the waker was made of. No clone keeps it.
        let task = unsafe { &*task.cast::<F>() };
        task();
        silent(0)
    }
    let table = const { &RawWakerVTable::new(clone::<F>, |_| {}, |_| {}, |_| {}) };
    // SAFETY: only `clone` uses the pointer; the caller drops the waker before the task.
    unsafe { Waker::from_raw(RawWaker::new(core::ptr::from_ref(task).cast(), table)) }
}

struct Measuring;

critical_section::set_impl!(Measuring);

// SAFETY: interrupts are off in between, on the only core.
unsafe impl critical_section::Impl for Measuring {
    unsafe fn acquire() -> RawRestoreState {
        let is_outermost = primask::read().is_active();
        interrupt::disable();
        if is_outermost {
            BEGUN.store(timer(), Relaxed);
        }
        is_outermost
    }

    unsafe fn release(is_outermost: RawRestoreState) {
        if is_outermost {
            let taken = BEGUN.load(Relaxed).wrapping_sub(timer());
            LONGEST.store(LONGEST.load(Relaxed).max(taken), Relaxed);
            COUNT.store(COUNT.load(Relaxed) + 1, Relaxed);
            // SAFETY: they were on before.
            unsafe { interrupt::enable() };
        }
    }
}

/// A time driver without critical sections. Time passes when [`pass`] says so.
struct Clock;

time_driver_impl!(static CLOCK: Clock = Clock);

impl Driver for Clock {
    fn now(&self) -> u64 {
        MILLISECONDS.load(Relaxed).into()
    }

    /// Nothing to do: all futures are polled after each step of the clock.
    fn schedule_wake(&self, _: u64, _: &Waker) {}
}

/// A millisecond passes.
pub fn pass() {
    MILLISECONDS.store(MILLISECONDS.load(Relaxed) + 1, Relaxed);
}
