//! A module at UART0 of a Raspberry Pi Pico: interrupts into a ring, RTS/CTS.
//!
//! | pin | module |
//! |---|---|
//! | GP0 (TX) | RXD |
//! | GP1 (RX) | TXD |
//! | GP3 (RTS) | RTS |
//! | GP2 (CTS) | CTS |
//! | GP4 | PWRKEY, through a transistor |
//! | GP5 | STATUS |

#![no_std]
#![no_main]

use application::{PowerKey, Sockets};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_rp::bind_interrupts;
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::UART0;
use embassy_rp::uart::{
    BufferedInterruptHandler, BufferedUart, BufferedUartRx, BufferedUartTx, Config,
};
use panic_probe as _;
use quectel_nal::Runner;
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<UART0>;
});

type ModuleRunner = Runner<'static, PowerKey<Output<'static>, Input<'static>>>;

static SOCKETS: ConstStaticCell<Sockets> = ConstStaticCell::new(Sockets::new());
/// At 115200 bit/s it lasts 44 ms. When it is full, the hardware's FIFO fills, and RTS stops the module.
static RECEIVE_RING: ConstStaticCell<[u8; 512]> = ConstStaticCell::new([0; 512]);
static TRANSMIT_RING: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_rp::init(Default::default());
    let mut config = Config::default();
    config.baudrate = 115_200;
    let uart = BufferedUart::new_with_rtscts(
        board.UART0,
        board.PIN_0,
        board.PIN_1,
        board.PIN_3,
        board.PIN_2,
        Interrupts,
        TRANSMIT_RING.take(),
        RECEIVE_RING.take(),
        config,
    );
    let (tx, rx) = uart.split();
    let power_key = PowerKey::new(
        Output::new(board.PIN_4, Level::Low),
        Input::new(board.PIN_5, Pull::Down),
    );

    let (stack, runner) = quectel_nal::new(SOCKETS.take(), application::config());
    let runner = runner.control_lines(power_key);
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    application::run(stack).await
}

#[embassy_executor::task]
async fn modem(runner: ModuleRunner, rx: BufferedUartRx, tx: BufferedUartTx) -> ! {
    application::run_modem(runner, rx, tx).await
}
