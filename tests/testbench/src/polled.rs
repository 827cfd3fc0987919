//! The blocking face on the bench: the serial line as a driver without interrupts, and loops that let time pass.

use core::cell::Cell;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use embassy_futures::select::{Either, select};
use embassy_time::Instant;
use embedded_io::{ErrorType, Read, ReadReady, Write};
use embedded_nal::nb;
use quectel_nal::{Resources, RunError, blocking};
use virtual_modem::serial::{HostRx, HostTx, LineClosed, pair};
use virtual_modem::{InProcess, ModemHandle, Network, VirtualModem, time};

use crate::{Bench, sleep};

/// What the runner of a blocking stack is on this bench.
pub type Engine<'r> = Pin<&'r mut (dyn Future<Output = RunError> + 'r)>;
pub type Stack<'d, 'r> = blocking::Stack<'d, Engine<'r>>;

/// A UART driver that polls its hardware.
pub struct Driver<'c> {
    rx: HostRx,
    tx: HostTx,
    counts: &'c Counts,
}

/// What one call costs.
#[derive(Default)]
pub struct Counts {
    /// Polls of the runner.
    pub polls: Cell<u32>,
    /// Operations of the UART driver.
    pub serial: Cell<u32>,
}

impl Counts {
    pub fn take(&self) -> (u32, u32) {
        (self.polls.take(), self.serial.take())
    }
}

fn count(counter: &Cell<u32>) {
    counter.set(counter.get() + 1);
}

/// A driver may not wait here: the line would stand still under it.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the driver would have blocked"),
    }
}

impl ErrorType for Driver<'_> {
    type Error = LineClosed;
}

impl Read for Driver<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LineClosed> {
        count(&self.counts.serial);
        now(embedded_io_async::Read::read(&mut self.rx, buffer))
    }
}

impl ReadReady for Driver<'_> {
    fn read_ready(&mut self) -> Result<bool, LineClosed> {
        count(&self.counts.serial);
        self.rx.read_ready()
    }
}

impl Write for Driver<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LineClosed> {
        count(&self.counts.serial);
        now(embedded_io_async::Write::write(&mut self.tx, bytes))
    }

    fn flush(&mut self) -> Result<(), LineClosed> {
        Ok(())
    }
}

impl Bench {
    /// Runs `body` with a blocking stack beside a modem, under virtual time.
    pub fn run_blocking<T>(
        self,
        network: &InProcess,
        body: impl AsyncFnOnce(&Stack<'_, '_>, ModemHandle, &Counts) -> T,
    ) -> T {
        time::run_virtual(async {
            let modem = VirtualModem::new(self.settings, network.clone());
            let handle = modem.handle();
            let (rx, tx, end) = pair(self.line);
            let counts = Counts::default();
            let mut resources = Box::new(Resources::<4, 2048, 2048>::new());
            let (stack, mut runner) = quectel_nal::new(&mut resources, self.config);
            let counts = &counts;
            let uart = blocking::Uart::new(Driver { rx, tx, counts });
            let (rx, tx) = uart.split();
            let mut running = pin!(runner.run(rx, tx));
            let engine = pin!(core::future::poll_fn(|cx| {
                count(&counts.polls);
                running.as_mut().poll(cx)
            }));
            let stack = self
                .keep_alive
                .map_or(stack, |set| stack.with_keep_alive(set));
            let stack = stack.with_access_mode(self.mode);
            let stack = blocking::Stack::new(stack, engine as Engine<'_>);
            let body = body(&stack, handle.clone(), counts);
            match select(modem.run(end), body).await {
                Either::First(ended) => panic!("the modem stopped: {ended:?}"),
                Either::Second(result) => result,
            }
        })
    }

    /// Runs `body`, which knows nothing of futures, in real time. The modem is part of what is polled.
    pub fn run_spinning<T>(
        self,
        network: impl Network + 'static,
        body: impl FnOnce(&Stack<'_, '_>, ModemHandle) -> T,
    ) -> T {
        let modem = VirtualModem::new(self.settings, network);
        let handle = modem.handle();
        let (rx, tx, end) = pair(self.line);
        let mut resources = Box::new(Resources::<4, 2048, 2048>::new());
        let (stack, mut runner) = quectel_nal::new(&mut resources, self.config);
        let counts = Counts::default();
        let counts = &counts;
        let uart = blocking::Uart::new(Driver { rx, tx, counts });
        let (rx, tx) = uart.split();
        let engine = pin!(async {
            match select(modem.run(end), runner.run(rx, tx)).await {
                Either::First(ended) => panic!("the modem stopped: {ended:?}"),
                Either::Second(error) => error,
            }
        });
        let stack = blocking::Stack::new(stack, engine as Engine<'_>);
        stack.set_idle(|| std::thread::sleep(Duration::from_micros(100)));
        body(&stack, handle)
    }
}

/// Calls until there is a result, with a millisecond of other work in between.
pub async fn patiently<T, E>(mut call: impl FnMut() -> nb::Result<T, E>) -> Result<T, E> {
    loop {
        match call() {
            Ok(value) => return Ok(value),
            Err(nb::Error::Other(error)) => return Err(error),
            Err(nb::Error::WouldBlock) => sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Keeps the stack going for a while.
pub async fn linger(stack: &Stack<'_, '_>, time: Duration) {
    let end = Instant::now() + embassy_time::Duration::from_micros(time.as_micros() as u64);
    while Instant::now() < end {
        let _ = stack.poll();
        sleep(Duration::from_millis(1)).await;
    }
}
