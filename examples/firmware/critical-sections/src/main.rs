//! Prints how many critical sections there are in each case, and the instructions of the longest. The script
//! `examples/firmware/interrupts` runs it.
//!
//! The runner and the futures of the cases are polled in turn, without an executor, so that all critical sections are those of
//! the stack.

#![no_std]
#![no_main]

mod count;
mod module;

use core::cell::RefCell;
use core::fmt::Write as _;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use board::report::{self, Output};
use cortex_m_rt::entry;
use embedded_io_async::{Read, Write};
use embedded_nal_async::UnconnectedUdp;
use heapless::Vec;
use quectel_nal::{
    AccessMode, Config, Error, NoopRawMutex, RawMutex, Resources, RunError, Stack, TcpConnection,
};
use static_cell::{ConstStaticCell, StaticCell};

use module::{Module, Uart};

/// The longest name of a host that AT+QIOPEN and AT+QIDNSGIP take.
const NAME: &str = concat!(
    "a23456789012345678901234567890123456789012345678901234567890123.",
    "b23456789012345678901234567890123456789012345678901234567890123.",
    "c23456789012345678901234567890123456789012345678901234567890123.",
    "d234567890123456789012345678901234567890123456789.exa"
);
/// Larger than what a case moves at a time.
const LARGE: usize = 8192;
/// Enough for the datagrams that wait, and for one more of the largest size.
const SMALL: usize = 4096;
const CHUNK: usize = 1460;
const DATAGRAMS: usize = 60;

static DATA: [u8; LARGE] = {
    let mut data = [0; LARGE];
    let mut index = 0;
    while index < LARGE {
        data[index] = (index * 7) as u8;
        index += 1;
    }
    data
};
static BLANKS: [u8; CHUNK] = [b' '; CHUNK];
static RETURNS: [u8; CHUNK] = [b'\r'; CHUNK];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    report::print("panicked\n");
    report::exit(1)
}

#[entry]
fn main() -> ! {
    count::start();
    count::reset();
    count::nothing();
    let (count, longest) = count::measured();
    let _ = writeln!(Output, "calibration: {count} {longest}");
    {
        static MODULE: ConstStaticCell<RefCell<Module>> =
            ConstStaticCell::new(RefCell::new(Module::new()));
        static RESOURCES: ConstStaticCell<Resources<1, LARGE, LARGE>> =
            ConstStaticCell::new(Resources::new());
        all("1 socket", RESOURCES.take(), MODULE.take(), 0);
    }
    {
        static MODULE: ConstStaticCell<RefCell<Module>> =
            ConstStaticCell::new(RefCell::new(Module::new()));
        static RESOURCES: ConstStaticCell<Resources<12, SMALL, SMALL>> =
            ConstStaticCell::new(Resources::new());
        all("12 sockets", RESOURCES.take(), MODULE.take(), 11);
    }
    {
        static MODULE: ConstStaticCell<RefCell<Module>> =
            ConstStaticCell::new(RefCell::new(Module::new()));
        static RESOURCES: StaticCell<Resources<1, LARGE, LARGE, 256, NoopRawMutex>> =
            StaticCell::new();
        let resources = RESOURCES.init_with(Resources::with_mutex);
        all("1 socket without mutex", resources, MODULE.take(), 0);
    }
    report::exit(0)
}

/// All cases, while `idle` connections do nothing.
fn all<const N: usize, const RX: usize, const TX: usize, M: RawMutex>(
    sockets: &str,
    resources: &'static mut Resources<'static, N, RX, TX, 256, M>,
    module: &'static RefCell<Module>,
    idle: usize,
) {
    let (stack, mut runner) = quectel_nal::new(resources, Config::new("internet"));
    let mut bench = Bench {
        sockets,
        runner: pin!(runner.run(Uart(module), Uart(module))),
    };
    let result = bench.cases(stack, module, idle);
    if let Err(error) = result {
        let _ = writeln!(Output, "{sockets}: failed with {error:?}");
        report::exit(1);
    }
}

struct Bench<'a, R> {
    sockets: &'a str,
    runner: Pin<&'a mut R>,
}

impl<R: Future<Output = RunError>> Bench<'_, R> {
    fn cases<M: RawMutex>(
        &mut self,
        stack: Stack<'static, M>,
        module: &'static RefCell<Module>,
        idle: usize,
    ) -> Result<(), Error> {
        let peer = "192.0.2.1:7".parse().map_err(|_| Error::InvalidAddress)?;
        let mut buffer = [0; LARGE + 1];
        self.measure("bring-up", async { Ok(stack.wait_link_up().await?) })?;
        let mut others = Vec::<TcpConnection<'_, M>, 12>::new();
        for _ in 0..idle {
            let connection = self.run(stack.connect(peer))?;
            let _ = others.push(connection);
        }

        module.borrow_mut().echoes_payload = true;
        let mut connection = self.measure("connect", stack.connect(peer))?;
        self.measure("write 1460 blanks before payload echo is known", async {
            connection.write_all(&BLANKS).await?;
            connection.flush().await
        })?;
        module.borrow_mut().echoes_payload = false;
        for (name, from, count) in [
            ("write 1460 bytes", 0, CHUNK),
            ("write 1460 bytes, misaligned", 1, CHUNK - 1),
            ("write 8192 bytes", 0, LARGE),
        ] {
            self.measure(name, async {
                connection.write_all(&DATA[from..count]).await?;
                connection.flush().await
            })?;
        }
        for (name, from, count) in [
            ("read 1460 bytes", 0, CHUNK),
            ("read 1460 bytes, misaligned", 1, CHUNK - 1),
            ("read 8192 bytes", 0, LARGE),
        ] {
            module.borrow_mut().data = &DATA[..count];
            module.borrow_mut().say(b"\r\n+QIURC: \"recv\",");
            let id = connection.connect_id().map_or(0, |id| id.get());
            module.borrow_mut().say(if id > 9 { b"1" } else { b"" });
            module.borrow_mut().say(&[b'0' + id % 10]);
            module.borrow_mut().say(b"\r\n");
            self.measure(name, async {
                // All that fits is there before the first byte is taken.
                for _ in 0..2000 {
                    pause().await;
                }
                let mut read = 0;
                while read < count {
                    read += connection.read(&mut buffer[from..]).await?;
                }
                Ok(())
            })?;
        }
        self.measure("one connection is written, all others are idle", async {
            for _ in 0..4 {
                connection.write_all(&DATA[..10]).await?;
            }
            connection.flush().await
        })?;
        self.measure("all connections are written", async {
            for other in &mut others {
                other.write_all(&DATA[..100]).await?;
            }
            for other in &mut others {
                other.flush().await?;
            }
            connection.write_all(&DATA[..100]).await?;
            connection.flush().await
        })?;
        self.measure("lines that are no URCs of the stack", async {
            for _ in 0..20 {
                module
                    .borrow_mut()
                    .say(b"\r\n+CTZV: \"08/01/06,00:00:00+08\"\r\n");
                pause().await;
            }
            Ok(())
        })?;
        self.measure("calls that return at once", async {
            let _ = stack.statistics();
            let _ = (stack.link_state(), stack.local_addr(), stack.last_failure());
            let _ = (
                connection.state(),
                connection.can_recv(),
                connection.can_send(),
            );
            let _ = (
                connection.peek(&mut buffer),
                connection.try_read(&mut buffer)?,
            );
            let _ = connection.try_write(&DATA[..CHUNK])?;
            connection.flush().await
        })?;
        self.measure("close", connection.close())?;

        // The waker of a task that waits is cloned while the stack is in use: what is called there finds it so.
        let dropped = RefCell::new(Some(self.run(stack.connect_udp(peer))?));
        let six_tasks = || {
            for number in 1..=6 {
                let waker = count::waker(number);
                let mut context = Context::from_waker(&waker);
                if pin!(stack.wait_link_up()).poll(&mut context).is_ready() {
                    report::print("the stack is not in use\n");
                    report::exit(1);
                }
            }
            drop(dropped.take());
        };
        self.measure(
            "six tasks find the stack in use, and one drops a socket",
            async {
                let waker = count::intruding_waker(&six_tasks);
                let mut changes = stack.link_changes();
                let _ = pin!(changes.next()).poll(&mut Context::from_waker(&waker));
                pause().await;
                Ok(())
            },
        )?;
        if dropped.take().is_some() {
            report::print("no task was there\n");
            report::exit(1);
        }

        let mut connection = self.measure(
            "connect to a name of 245 characters",
            stack.connect_host(NAME, 80),
        )?;
        self.run(connection.flush())?;
        self.run(connection.close())?;
        self.measure("look up a name of 245 characters", stack.resolve(NAME))?;

        let mut socket = self.measure(
            "bind a UDP socket",
            stack.bind_udp("0.0.0.0:0".parse().map_err(|_| Error::InvalidAddress)?),
        )?;
        let recv = |id: u8| {
            module.borrow_mut().say(b"\r\n+QIURC: \"recv\",");
            module.borrow_mut().say(if id > 9 { b"1" } else { b"" });
            module.borrow_mut().say(&[b'0' + id % 10]);
            module.borrow_mut().say(b"\r\n");
        };
        let id = socket.connect_id().map_or(0, |id| id.get());
        self.measure("send a datagram of 1460 bytes", async {
            socket.send(peer, peer, &DATA[..CHUNK]).await?;
            socket.flush().await
        })?;
        module.borrow_mut().data = &DATA[..CHUNK];
        recv(id);
        self.measure(
            "receive a datagram of 1460 bytes",
            socket.receive_into(&mut buffer[1..]),
        )?;
        module.borrow_mut().data = &DATA[..10 * DATAGRAMS];
        module.borrow_mut().most = 10;
        recv(id);
        self.run(async {
            for _ in 0..4000 {
                pause().await;
            }
            Ok(())
        })?;
        module.borrow_mut().data = &DATA[..10];
        module.borrow_mut().fails_at_read = true;
        recv(id);
        self.measure("an error of the UART while 60 datagrams wait", async {
            for _ in 0..200 {
                pause().await;
            }
            Ok(())
        })?;
        module.borrow_mut().most = usize::MAX;
        self.measure("receive 60 datagrams", async {
            for _ in 0..DATAGRAMS {
                socket.receive_into(&mut buffer).await?;
            }
            Ok(())
        })?;
        self.run(socket.close())?;

        let transparent = stack.with_access_mode(AccessMode::Transparent);
        let mut line = self.measure("connect in transparent mode", transparent.connect(peer))?;
        self.measure("write 1460 bytes in transparent mode", async {
            line.write_all(&DATA[..CHUNK]).await?;
            line.flush().await
        })?;
        for (name, data) in [
            ("receive 1460 bytes in transparent mode", &DATA[..CHUNK]),
            (
                "receive 1460 carriage returns in transparent mode",
                &RETURNS,
            ),
        ] {
            module.borrow_mut().say(data);
            self.measure(name, async {
                let mut read = 0;
                while read < CHUNK {
                    read += line.read(&mut buffer).await?;
                }
                Ok(())
            })?;
        }
        self.measure("leave transparent mode", line.close())?;
        self.measure("drop all connections", async {
            drop(others);
            for _ in 0..2000 {
                pause().await;
            }
            Ok(())
        })
    }

    /// Polls the runner and a future in turn until the future is ready.
    fn run<T>(&mut self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000_000 {
            let _ = self.runner.as_mut().poll(&mut context);
            if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result;
            }
            count::pass();
        }
        let _ = writeln!(Output, "{}: a case does not come to its end", self.sockets);
        report::exit(1)
    }

    /// The same, and prints the critical sections in between.
    fn measure<T>(
        &mut self,
        name: &str,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        count::reset();
        let result = self.run(future);
        let (count, longest) = count::measured();
        let _ = writeln!(Output, "{}, {name}: {count} {longest}", self.sockets);
        result
    }
}

/// The runner and the clock go on.
async fn pause() {
    let mut is_due = false;
    core::future::poll_fn(|_| match core::mem::replace(&mut is_due, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await
}
