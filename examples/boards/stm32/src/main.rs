//! A module at USART1 of a NUCLEO-F446RE: DMA into a ring, RTS/CTS.
//!
//! | pin | module |
//! |---|---|
//! | PA9 (TX) | RXD |
//! | PA10 (RX) | TXD |
//! | PA12 (RTS) | RTS |
//! | PA11 (CTS) | CTS |
//! | PB4 | PWRKEY, through a transistor |
//! | PB5 | STATUS |

#![no_std]
#![no_main]

use application::{PowerKey, Sockets};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_stm32::gpio::{Input, Level, Output, Pull, Speed};
use embassy_stm32::mode::Async;
use embassy_stm32::peripherals::{DMA2_CH2, DMA2_CH7, USART1};
use embassy_stm32::usart::{self, RingBufferedUartRx, Uart, UartTx};
use embassy_stm32::{bind_interrupts, dma};
use panic_probe as _;
use quectel_nal::Runner;
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    USART1 => usart::InterruptHandler<USART1>;
    DMA2_STREAM2 => dma::InterruptHandler<DMA2_CH2>;
    DMA2_STREAM7 => dma::InterruptHandler<DMA2_CH7>;
});

type ModuleRunner = Runner<'static, PowerKey<Output<'static>, Input<'static>>>;

static SOCKETS: ConstStaticCell<Sockets> = ConstStaticCell::new(Sockets::new());
/// The DMA controller fills it in circles, whether it was read or not: RTS does not stop the module. At 115200 bit/s it lasts 178 ms.
static RING: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = embassy_stm32::init(embassy_stm32::Config::default());
    let mut config = usart::Config::default();
    config.baudrate = 115_200;
    let uart = Uart::new_with_rtscts(
        board.USART1,
        board.PA10,
        board.PA9,
        board.PA12,
        board.PA11,
        board.DMA2_CH7,
        board.DMA2_CH2,
        Interrupts,
        config,
    );
    let (tx, rx) = uart.expect("a rate that this clock can make").split();
    let rx = rx.into_ring_buffered(RING.take());
    let power_key = PowerKey::new(
        Output::new(board.PB4, Level::Low, Speed::Low),
        Input::new(board.PB5, Pull::Down),
    );

    let (stack, runner) = quectel_nal::new(SOCKETS.take(), application::config());
    let runner = runner.control_lines(power_key);
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    application::run(stack).await
}

#[embassy_executor::task]
async fn modem(
    runner: ModuleRunner,
    rx: RingBufferedUartRx<'static>,
    tx: UartTx<'static, Async>,
) -> ! {
    application::run_modem(runner, rx, tx).await
}
