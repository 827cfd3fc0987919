//! A module at UART1 of an ESP32-C3: the hardware's FIFO, RTS/CTS.
//!
//! | pin | module |
//! |---|---|
//! | GPIO4 (TX) | RXD |
//! | GPIO5 (RX) | TXD |
//! | GPIO6 (RTS) | RTS |
//! | GPIO7 (CTS) | CTS |
//! | GPIO10 | PWRKEY, through a transistor |
//! | GPIO3 | STATUS |

#![no_std]
#![no_main]

use application::{PowerKey, Sockets};
use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::Async;
use esp_hal::gpio::{Input, InputConfig, Level, Output, OutputConfig, Pull};
use esp_hal::timer::timg::TimerGroup;
use esp_hal::uart::{Config, CtsConfig, HwFlowControl, RtsConfig, RxConfig, Uart, UartRx, UartTx};
use esp_println as _;
use quectel_nal::Runner;
use static_cell::ConstStaticCell;

esp_bootloader_esp_idf::esp_app_desc!();

type ModuleRunner = Runner<'static, PowerKey<Output<'static>, Input<'static>>>;

static SOCKETS: ConstStaticCell<Sockets> = ConstStaticCell::new(Sockets::new());
/// Of the 128 bytes of the FIFO: the runner is woken at the first, RTS stops the module at the second. At 115200 bit/s the time from
/// the one to the other is 4 ms.
const WAKE: u16 = 60;
const STOP: u8 = 110;

#[esp_rtos::main]
async fn main(spawner: Spawner) -> ! {
    let board = esp_hal::init(esp_hal::Config::default());
    esp_rtos::start(TimerGroup::new(board.TIMG0).timer0, board.FROM_CPU_INTR0);
    let config = Config::default()
        .with_baudrate(115_200)
        .with_rx(RxConfig::default().with_fifo_full_threshold(WAKE))
        .with_hw_flow_ctrl(HwFlowControl {
            cts: CtsConfig::Enabled,
            rts: RtsConfig::Enabled(STOP),
        });
    let uart = Uart::new(board.UART1, config).expect("a rate that this clock can make");
    let uart = uart
        .with_tx(board.GPIO4)
        .with_rx(board.GPIO5)
        .with_rts(board.GPIO6)
        .with_cts(board.GPIO7);
    let (rx, tx) = uart.into_async().split();
    let power_key = PowerKey::new(
        Output::new(board.GPIO10, Level::Low, OutputConfig::default()),
        Input::new(board.GPIO3, InputConfig::default().with_pull(Pull::Down)),
    );

    let (stack, runner) = quectel_nal::new(SOCKETS.take(), application::config());
    let runner = runner.control_lines(power_key);
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    application::run(stack).await
}

#[embassy_executor::task]
async fn modem(runner: ModuleRunner, rx: UartRx<'static, Async>, tx: UartTx<'static, Async>) -> ! {
    application::run_modem(runner, rx, tx).await
}
