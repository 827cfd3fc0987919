//! How large the futures and the memory of the library are. Nothing is run.

#![no_std]
#![no_main]

use core::mem::{size_of, size_of_val};
use core::net::{Ipv4Addr, SocketAddr};

use board::report;
use cortex_m_rt::entry;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, TcpConnect, UdpStack, UnconnectedUdp};
use measure as _;
use quectel_nal::{Config, Resources, Stack, TcpConnection, TcpListener, UdpService, UdpSocket};
use static_cell::ConstStaticCell;

static RESOURCES: ConstStaticCell<Resources<1, 16, 16>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    let (rx, tx) = board::start();
    let (stack, mut runner) = quectel_nal::new(RESOURCES.take(), Config::new("internet"));
    say("`Runner::run`", size_of_val(&runner.run(rx, tx)));
    futures_of_stack(stack);
    say(
        "memory: `Resources<1, 0, 0>`, rings apart",
        resources::<1>(),
    );
    say(
        "memory: each further socket, rings apart",
        resources::<2>() - resources::<1>(),
    );
    say("memory: `TcpConnection`", size_of::<TcpConnection<'_>>());
    report::exit(0)
}

fn say(name: &str, size: usize) {
    report::print_number(name, size);
}

const fn resources<const N: usize>() -> usize {
    size_of::<Resources<'_, N, 8, 8>>() - N * 16
}

fn futures_of_stack(stack: Stack<'_>) {
    let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 80);
    say("`Stack::wait_link_up`", size_of_val(&stack.wait_link_up()));
    say(
        "`TcpConnect::connect`",
        size_of_val(&TcpConnect::connect(&stack, server)),
    );
    say(
        "`Stack::connect_host`",
        size_of_val(&stack.connect_host("", 80)),
    );
    say("`Stack::listen`", size_of_val(&stack.listen(80)));
    say("`Stack::resolve`", size_of_val(&stack.resolve("")));
    say(
        "`Dns::get_host_by_name`",
        size_of_val(&stack.get_host_by_name("", AddrType::Either)),
    );
    say(
        "`UdpStack::connect`",
        size_of_val(&UdpStack::connect(&stack, server)),
    );
    say(
        "`UdpStack::bind_multiple`",
        size_of_val(&stack.bind_multiple(server)),
    );
    say("`TcpConnection::read`", of(tcp_read));
    say("`TcpConnection::write`", of(tcp_write));
    say("`TcpConnection::flush`", of(tcp_flush));
    say("`TcpConnection::close`", of(TcpConnection::close));
    say("`TcpListener::accept`", of(tcp_accept));
    say("`UdpSocket::send`", of(udp_send));
    say("`UdpSocket::receive_into`", of(udp_receive));
    say("`UdpService::receive_into`", of(udp_receive_from));
}

/// The size of what a function returns, without a call of it.
fn of<A, F>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

type Tcp<'a> = &'a mut TcpConnection<'a>;

fn tcp_read<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.read(&mut [])
}

fn tcp_write<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.write(&[])
}

fn tcp_flush<'a>(tcp: Tcp<'a>) -> impl Future + use<'a> {
    tcp.flush()
}

fn tcp_accept<'a>(listener: &'a TcpListener<'a>) -> impl Future + use<'a> {
    listener.accept()
}

fn udp_send<'a>(udp: &'a mut UdpSocket<'a>) -> impl Future + use<'a> {
    udp.send(&[])
}

fn udp_receive<'a>(udp: &'a mut UdpSocket<'a>) -> impl Future + use<'a> {
    udp.receive_into(&mut [])
}

fn udp_receive_from<'a>(udp: &'a mut UdpService<'a>) -> impl Future + use<'a> {
    udp.receive_into(&mut [])
}
