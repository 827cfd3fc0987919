//! The `embedded-nal` traits: sockets without `async`, an executor, threads or interrupts.
//!
//! [`Stack`] owns the future of the runner and polls it once per call. The calls of the `nb` traits never wait, not even while
//! the module takes 150 s to activate its context: they return [`WouldBlock`](embedded_nal::nb::Error::WouldBlock), and the
//! application can do something else before it calls again.
//!
//! ```
//! # fn example<U>(uart: U) -> Result<(), Box<dyn core::error::Error>>
//! # where U: embedded_io::Read + embedded_io::ReadReady + embedded_io::Write {
//! use core::pin::pin;
//! use embedded_nal::TcpClientStack;
//! use embedded_nal::nb::block;
//! use quectel_nal::{Config, Resources, blocking};
//!
//! let mut resources = Resources::<2, 2048, 1024>::new();
//! let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
//!
//! let uart = blocking::Uart::new(uart);
//! let (rx, tx) = uart.split();
//! let running = pin!(runner.run(rx, tx));
//! let stack = blocking::Stack::new(stack, running);
//!
//! block!(stack.link_up())?;
//! let mut tcp = stack.tcp();
//! let mut socket = tcp.socket()?;
//! block!(tcp.connect(&mut socket, "192.0.2.7:7".parse()?))?;
//! block!(tcp.send(&mut socket, b"hello"))?;
//! let mut answer = [0; 64];
//! let length = block!(tcp.receive(&mut socket, &mut answer))?;
//! tcp.close(socket)?;
//! # let _ = length;
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! The runner needs a time driver for `embassy-time`. The timer queue that most drivers have by default panics when it gets a
//! waker that is not of embassy's executor, which all wakers of this module are: without that executor enable one of the
//! features `generic-queue-8` to `generic-queue-128` of `embassy-time-queue-utils`, or the same of `embassy-time`. Eight
//! timers are enough.
//!
//! # How often to call
//!
//! The serial line is served by the calls and by nothing else. An application that is busy with other work calls
//! [`Stack::poll`] before the receive buffer of the UART driver is full, or wires RTS and CTS so that the module waits.

#[cfg(feature = "at-client")]
mod at_client;
#[cfg(feature = "dns")]
mod dns;
mod inherent;
mod socket;
mod stack;
mod tcp;
mod tcp_stream;
mod uart;
#[cfg(feature = "udp")]
mod udp;

#[cfg(feature = "at-client")]
pub use at_client::AtClient;
pub use stack::Stack;
pub use tcp::{Tcp, TcpSocket};
pub use tcp_stream::TcpStream;
pub use uart::{Uart, UartRx, UartTx};
#[cfg(feature = "udp")]
pub use udp::{Udp, UdpSocket};
