//! The time driver for `embassy-time`: SysTick counts milliseconds.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};
use embassy_time_queue_utils::Queue;

use crate::part::CORE_HZ;

/// Cycles of the processor's clock per tick.
const PERIOD: u32 = CORE_HZ / TICK_HZ as u32;

struct State {
    now: u64,
    next: u64,
    queue: Queue,
}

struct Clock {
    state: Mutex<RefCell<State>>,
}

time_driver_impl!(static CLOCK: Clock = Clock {
    state: Mutex::new(RefCell::new(State { now: 0, next: u64::MAX, queue: Queue::new() })),
});

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.state.borrow_ref(cs).now)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let state = &mut *self.state.borrow_ref_mut(cs);
            if state.queue.schedule_wake(at, waker) {
                state.next = state.queue.next_expiration(state.now);
            }
        });
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|cs| {
        let state = &mut *CLOCK.state.borrow_ref_mut(cs);
        state.now += 1;
        if state.now >= state.next {
            state.next = state.queue.next_expiration(state.now);
        }
    });
}

/// Nanoseconds since the start, with the resolution of the processor's clock. With QEMU's `-icount shift=0` each instruction takes one
/// nanosecond.
pub fn nanoseconds() -> u64 {
    critical_section::with(|cs| {
        let now = CLOCK.state.borrow_ref(cs).now;
        let left = SYST::get_current();
        // The counter may have wrapped in this critical section, before its interrupt was handled.
        let late = u64::from(SCB::is_pendst_pending());
        let left = if late > 0 { SYST::get_current() } else { left };
        let cycles = (now + late + 1) * u64::from(PERIOD) - u64::from(left);
        cycles * 1_000_000_000 / u64::from(CORE_HZ)
    })
}

pub(crate) fn start() {
    // SAFETY: no other code uses SysTick.
    let mut timer: SYST = unsafe { core::mem::transmute(()) };
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(PERIOD - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}
