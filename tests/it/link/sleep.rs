//! A module that sleeps while there is nothing to do (AT+QSCLK=1 and DTR). On the virtual modem, which hears nothing while it sleeps
//! and loses the first command after that.

use core::cell::{Cell, RefCell};
use std::fs;

use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::{Read, Write};
use quectel_nal::{Config, ControlLines, LinkMode, LinkState, Resources, Stack};
use testbench::{PEER, assert_no_violation, excerpt, peer};
use virtual_modem::network::InProcess;
use virtual_modem::serial::{Line, pair};
use virtual_modem::{ModemHandle, Settings, VirtualModem};

/// DTR, and when it was off.
struct DataTerminalReady<'a> {
    modem: &'a ModemHandle,
    slept_at: Option<Instant>,
    sleeps: &'a RefCell<Vec<(Instant, Instant)>>,
}

impl ControlLines for DataTerminalReady<'_> {
    fn can_sleep(&self) -> bool {
        true
    }

    async fn sleep(&mut self) {
        self.modem.data_terminal_ready(false);
        self.slept_at = Some(Instant::now());
    }

    async fn wake(&mut self) {
        self.modem.data_terminal_ready(true);
        if let Some(since) = self.slept_at.take() {
            self.sleeps.borrow_mut().push((since, Instant::now()));
        }
        Timer::after_millis(20).await;
    }
}

/// Returns when the module slept, and the module.
fn run(
    network: InProcess,
    program: impl AsyncFnOnce(Stack<'_>, &ModemHandle),
) -> (Vec<(Instant, Instant)>, ModemHandle) {
    virtual_modem::time::run_virtual(async {
        let modem = VirtualModem::new(Settings::new(), network);
        let handle = modem.handle();
        let sleeps = RefCell::default();
        let lines = DataTerminalReady {
            modem: &handle,
            slept_at: None,
            sleeps: &sleeps,
        };
        let mut resources = Box::new(Resources::<2, 512, 512>::new());
        let (stack, runner) = quectel_nal::new(&mut resources, Config::new("internet"));
        let (rx, tx, end) = pair(Line::new(115_200));
        let mut runner = runner.control_lines(lines);
        let engine = select(modem.run(end), runner.run(rx, tx));
        let program = program(stack, &handle);
        assert!(matches!(select(engine, program).await, Either::Second(())));
        assert_no_violation(&handle);
        // The first command after a sleep was lost, and it was never another one than AT.
        assert!(sleeps.borrow().len() <= handle.commands()["AT"]);
        (sleeps.take(), handle)
    })
}

#[test]
fn no_byte_is_lost_when_data_arrives_while_the_module_sleeps() {
    let network = InProcess::new();
    // It sends each byte back after ten minutes.
    network.tcp(PEER, 7, |mut stream| async move {
        let mut byte = [0];
        while stream.read_exact(&mut byte).await.is_ok() {
            Timer::after_secs(600).await;
            let _ = stream.write_all(&byte).await;
        }
    });
    let (sleeps, _) = run(network, async |stack, modem| {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        let start = Instant::now();
        for byte in 0..6 {
            connection.write_all(&[byte]).await.unwrap();
            connection.flush().await.unwrap();
            let mut back = [0xff];
            connection.read_exact(&mut back).await.unwrap();
            assert_eq!(back, [byte], "{}", excerpt(modem));
        }
        assert!(Instant::now() - start >= Duration::from_secs(3600));
    });
    let asleep: u64 = sleeps
        .iter()
        .map(|(from, to)| (*to - *from).as_secs())
        .sum();
    assert!(asleep >= 3500, "{asleep} of 3600 s");
    assert!(sleeps.len() >= 6);
}

#[test]
fn the_module_sleeps_while_the_link_is_turned_off() {
    for mode in [LinkMode::Down, LinkMode::Airplane, LinkMode::Minimum] {
        let (sleeps, modem) = run(InProcess::new(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            stack.set_link(mode);
            assert_eq!(stack.wait_link_mode().await, Ok(mode));
            modem.reset_counts();
            Timer::after_secs(1800).await;
            // The user's own commands wake it.
            stack.module().imei().await.unwrap();
            Timer::after_secs(1800).await;
            assert_eq!(stack.link_state(), LinkState::TurnedOff(mode));
            assert!(modem.commands()["AT"] <= 3, "{:?}", modem.commands());
            stack.set_link(LinkMode::Up);
            stack.wait_link_up().await.unwrap();
        });
        let times = sleeps.iter().map(|(from, to)| (*to - *from).as_secs());
        let asleep: u64 = times.sum();
        assert!(asleep >= 3590, "{asleep} of 3600 s: {}", excerpt(&modem));
    }
}

/// A module that is off has nothing to be woken with.
#[test]
fn dtr_is_left_alone_while_the_module_is_off() {
    let (sleeps, _) = run(InProcess::new(), async |stack, _| {
        stack.wait_link_up().await.unwrap();
        stack.set_link(LinkMode::Off);
        stack.wait_link_mode().await.unwrap();
        Timer::after_secs(3600).await;
    });
    assert_eq!(sleeps, []);
}

#[test]
fn the_guide_shows_this_hour_of_traffic() {
    const MINUTE: Duration = Duration::from_secs(60);
    let network = InProcess::new();
    network.tcp(PEER, 7, |mut stream| async move {
        let mut bytes = [0; 2];
        let answers = async {
            loop {
                if stream.read_exact(&mut bytes).await.is_err()
                    || stream.write_all(&bytes).await.is_err()
                {
                    break;
                }
            }
        };
        select(answers, Timer::after(MINUTE * 25)).await;
        let _ = stream.write_all(b"hi").await;
        while stream.read_exact(&mut bytes).await.is_ok() {
            let _ = stream.write_all(&bytes).await;
        }
    });
    let start = Cell::new(Instant::MIN);
    let (sleeps, modem) = run(network, async |stack, modem| {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        Timer::after_secs(10).await;
        start.set(Instant::now());
        modem.reset_counts();
        let (mut reader, mut writer) = connection.split();
        let pings = async {
            for _ in 0..6 {
                Timer::after(MINUTE * 10 - Duration::from_secs(1)).await;
                writer.write_all(&[0xc0, 0]).await.unwrap();
                writer.flush().await.unwrap();
            }
        };
        let answers = async {
            let mut bytes = [0; 2];
            for _ in 0..7 {
                reader.read_exact(&mut bytes).await.unwrap();
            }
        };
        embassy_futures::join::join(pings, answers).await;
        Timer::after(start.get() + MINUTE * 60 - Instant::now()).await;
    });
    let start = start.get();
    let minutes: String = (0..60)
        .map(|minute| {
            let (from, to) = (start + MINUTE * minute, start + MINUTE * (minute + 1));
            let last = sleeps.last().map_or(start, |(_, end)| *end);
            let sleeps_through = sleeps
                .iter()
                .any(|(begin, end)| *begin <= from && to <= *end);
            // The last sleep has not ended.
            let is_last = last + Duration::from_secs(5) <= from;
            if sleeps_through || is_last { '.' } else { '+' }
        })
        .collect();
    let commands: usize = modem.commands().values().sum();
    let drawn = format!(
        "minute 0         10        20        30        40        50\n       {minutes}\n{commands} AT commands\n"
    );
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/guide/17-sleep.md"
    ))
    .unwrap();
    let shown = page.split("<!-- hour -->\n```text\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    assert_eq!(shown, drawn, "the picture of the guide should be:\n{drawn}");
}
