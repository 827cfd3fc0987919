//! A module at UARTE0 of an nRF52840-DK: DMA into a ring, RTS/CTS. The module sleeps while there is nothing to do.
//!
//! | pin | module |
//! |---|---|
//! | P1.02 (TXD) | RXD |
//! | P1.01 (RXD) | TXD |
//! | P1.03 (RTS) | RTS |
//! | P1.04 (CTS) | CTS |
//! | P1.05 | PWRKEY, through a transistor |
//! | P1.06 | STATUS |
//! | P1.07 | DTR |

#![no_std]
#![no_main]

mod lines;

use application::{PowerKey, Sockets};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::bind_interrupts;
use embassy_nrf::buffered_uarte::{
    BufferedUarte, BufferedUarteRx, BufferedUarteTx, InterruptHandler,
};
use embassy_nrf::config::HfclkSource;
use embassy_nrf::gpio::{Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::peripherals::UARTE0;
use embassy_nrf::uarte::{Baudrate, Config};
use panic_probe as _;
use quectel_nal::Runner;
use static_cell::ConstStaticCell;

use lines::Lines;

bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<UARTE0>;
});

type ModuleRunner = Runner<'static, Lines>;

static SOCKETS: ConstStaticCell<Sockets> = ConstStaticCell::new(Sockets::new());
/// Filled by halves: at 115200 bit/s each lasts 44 ms. When both are full, RTS stops the module.
static RECEIVE_RING: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
static TRANSMIT_RING: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut clocks = embassy_nrf::config::Config::default();
    // The internal oscillator is not exact enough for high rates.
    clocks.hfclk_source = HfclkSource::ExternalXtal;
    let board = embassy_nrf::init(clocks);
    let mut config = Config::default();
    config.baudrate = Baudrate::Baud115200;
    let uart = BufferedUarte::new_with_rtscts(
        board.UARTE0,
        // They count the received bytes.
        board.TIMER1,
        board.PPI_CH0,
        board.PPI_CH1,
        board.PPI_GROUP0,
        board.P1_01,
        board.P1_02,
        board.P1_04,
        board.P1_03,
        Interrupts,
        config,
        RECEIVE_RING.take(),
        TRANSMIT_RING.take(),
    );
    let (rx, tx) = uart.split();
    let power_key = PowerKey::new(
        Output::new(board.P1_05, Level::Low, OutputDrive::Standard),
        Input::new(board.P1_06, Pull::Down),
    );
    let dtr = Output::new(board.P1_07, Level::Low, OutputDrive::Standard);

    let (stack, runner) = quectel_nal::new(SOCKETS.take(), application::config());
    let runner = runner.control_lines(Lines::new(power_key, dtr));
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    application::run(stack).await
}

#[embassy_executor::task]
async fn modem(
    runner: ModuleRunner,
    rx: BufferedUarteRx<'static>,
    tx: BufferedUarteTx<'static>,
) -> ! {
    application::run_modem(runner, rx, tx).await
}
