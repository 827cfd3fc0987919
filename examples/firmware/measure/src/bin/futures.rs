//! Prints the sizes of the library's futures and of its memory, as far as the features have them. Nothing is polled.

#![no_std]
#![no_main]

use core::mem::{size_of, size_of_val};
use core::net::{Ipv4Addr, SocketAddr};

use board::report::print_number;
use cortex_m_rt::entry;
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use measure as _;
use quectel_nal::{Config, Resources, Stack, TcpConnection};
use static_cell::ConstStaticCell;

static RESOURCES: ConstStaticCell<Resources<1, 16, 16>> = ConstStaticCell::new(Resources::new());

const SERVER: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

#[entry]
fn main() -> ! {
    let (rx, tx) = board::start();
    let (stack, mut runner) = quectel_nal::new(RESOURCES.take(), Config::new("internet"));
    print_number("`Runner::run`", size_of_val(&runner.run(rx, tx)));
    tcp(stack);
    #[cfg(feature = "server")]
    server::print(stack);
    #[cfg(feature = "dns")]
    dns(stack);
    #[cfg(feature = "udp")]
    udp::print(stack);
    print_number("`Resources<1, 0, 0>`, memory", resources::<1>());
    print_number(
        "each further socket, memory",
        resources::<2>() - resources::<1>(),
    );
    print_number("`TcpConnection`, memory", size_of::<TcpConnection<'_>>());
    board::report::exit(0)
}

/// The memory for `N` sockets without their ring buffers.
const fn resources<const N: usize>() -> usize {
    size_of::<Resources<'_, N, 8, 8>>() - N * 16
}

fn tcp(stack: Stack<'_>) {
    print_number("`Stack::wait_link_up`", size_of_val(&stack.wait_link_up()));
    print_number(
        "`TcpConnect::connect`",
        size_of_val(&TcpConnect::connect(&stack, SERVER)),
    );
    print_number(
        "`Stack::connect_host`",
        size_of_val(&stack.connect_host("", 80)),
    );
    print_number("`TcpConnection::read`", of(read));
    print_number("`TcpConnection::write`", of(write));
    print_number("`TcpConnection::flush`", of(flush));
    print_number("`TcpConnection::close`", of(close));
}

/// The size of what a function returns, without a call of it.
fn of<A, F>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

type Tcp<'a> = &'a mut TcpConnection<'a>;

fn read<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.read(&mut [])
}

fn write<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.write(&[])
}

fn flush<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.flush()
}

fn close(tcp: TcpConnection<'_>) -> impl Future {
    tcp.close()
}

#[cfg(feature = "server")]
mod server {
    use super::*;
    use quectel_nal::TcpListener;

    pub fn print(stack: Stack<'_>) {
        print_number("`Stack::listen`", size_of_val(&stack.listen(80)));
        print_number("`TcpListener::accept`", of(accept));
    }

    fn accept<'a>(listener: &'a TcpListener<'a>) -> impl Future + use<'a> {
        listener.accept()
    }
}

#[cfg(feature = "dns")]
fn dns(stack: Stack<'_>) {
    use embedded_nal_async::{AddrType, Dns};

    print_number("`Stack::resolve`", size_of_val(&stack.resolve("")));
    print_number(
        "`Dns::get_host_by_name`",
        size_of_val(&stack.get_host_by_name("", AddrType::Either)),
    );
}

#[cfg(feature = "udp")]
mod udp {
    use super::*;
    use embedded_nal_async::{ConnectedUdp, UdpStack, UnconnectedUdp};
    use quectel_nal::{UdpService, UdpSocket};

    pub fn print(stack: Stack<'_>) {
        print_number(
            "`UdpStack::connect`",
            size_of_val(&UdpStack::connect(&stack, SERVER)),
        );
        print_number(
            "`UdpStack::bind_multiple`",
            size_of_val(&stack.bind_multiple(SERVER)),
        );
        print_number("`UdpSocket::send`", of(send));
        print_number("`UdpSocket::receive_into`", of(receive));
        print_number("`UdpService::receive_into`", of(receive_from));
    }

    fn send<'a>(udp: &'a mut UdpSocket<'a>) -> impl Future + use<'a> {
        udp.send(&[])
    }

    fn receive<'a>(udp: &'a mut UdpSocket<'a>) -> impl Future + use<'a> {
        udp.receive_into(&mut [])
    }

    fn receive_from<'a>(udp: &'a mut UdpService<'a>) -> impl Future + use<'a> {
        udp.receive_into(&mut [])
    }
}
