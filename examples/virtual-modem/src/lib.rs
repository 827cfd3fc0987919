//! A virtual Quectel LTE module.
//!
//! It speaks the AT+QI command language of the *LTE Standard TCP/IP Application Note* V1.1 (below: the
//! note; sections are those of the note) over a serial line inside the process, under virtual or real
//! time. It is strict: commands and bytes that a correct host never sends are answered with ERROR and listed in
//! [`ModemHandle::violations`]. Faults are injected by name ([`Fault`]), and where the note can be read in
//! two ways, either reading can be chosen ([`Readings`]).
//!
//! The same crate provides the program's `embassy-time` driver; see [`time`].
//!
//! ```
//! use embedded_io_async::{Read, Write};
//! use virtual_modem::network::InProcess;
//! use virtual_modem::serial::{Line, pair};
//! use virtual_modem::{Settings, VirtualModem, time};
//!
//! time::run_virtual(async {
//!     let network = InProcess::new();
//!     network.tcp_echo("198.51.100.7", 7);
//!     let modem = VirtualModem::new(Settings::new(), network);
//!     let (mut rx, mut tx, end) = pair(Line::new(115_200));
//!     let host = async {
//!         tx.write_all(b"AT\r").await.unwrap();
//!         let mut answer = [0; 9];
//!         rx.read_exact(&mut answer).await.unwrap();
//!         assert_eq!(&answer, b"AT\r\r\nOK\r\n");
//!     };
//!     futures_lite::future::or(host, modem.run(end)).await;
//! });
//! ```

pub mod code;
pub mod control;
mod engine;
pub mod fault;
pub mod log;
pub mod model;
mod modem;
pub mod network;
pub mod readings;
pub mod serial;
pub mod session;
pub mod settings;
mod syntax;
pub mod time;

pub use engine::{Counters, Service, SocketState};
pub use fault::{Fault, NoAddress, When};
pub use model::Model;
pub use modem::{ModemHandle, VirtualModem};
pub use network::{InProcess, Loopback, Network};
pub use readings::Readings;
pub use serial::{Chop, HostRx, HostTx, Line, ModuleEnd};
pub use settings::{DnsRecord, LeftOpen, LeftOver, Limits, Registration, Settings, Sim, Stored};
