//! The types go where the consumers want them, as they are.

use embedded_io_async::{Read, ReadReady, Write, WriteReady};
use embedded_nal_async::{ConnectedUdp, Dns, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::{Stack, TcpConnection, TcpReader, TcpWriter, UdpService, UdpSocket, blocking};
use reqwless::client::{HttpClient, TlsConfig};
use rust_mqtt::buffer::AllocBuffer;
use rust_mqtt::client::Client;

fn network<T: TcpConnect + UdpStack + Dns + Copy + Send + Sync>() {}
fn stream<T: Read + Write + ReadReady + WriteReady + Send + Sync>() {}
fn reader<T: Read + ReadReady + Send>() {}
fn writer<T: Write + WriteReady + Send>() {}
fn connected<T: ConnectedUdp + Send + Sync>() {}
fn unconnected<T: UnconnectedUdp + Send + Sync>() {}
fn same<A, B>(_: fn(A) -> B, _: fn(B) -> A) {}

#[test]
fn the_traits_are_there() {
    network::<Stack<'static>>();
    stream::<TcpConnection<'static>>();
    reader::<TcpReader<'static, 'static>>();
    writer::<TcpWriter<'static, 'static>>();
    connected::<UdpSocket<'static>>();
    unconnected::<UdpService<'static>>();
    // Connections name no lifetime but that of the memory they live in: they can be kept in a struct or a task.
    same::<<Stack<'static> as TcpConnect>::Connection<'_>, TcpConnection<'static>>(
        |it| it,
        |it| it,
    );
}

/// None of these is ever called: that they compile is the test.
#[expect(dead_code)]
mod hand_over {
    use super::*;

    fn reqwless<'a>(stack: &'a Stack<'a>) -> HttpClient<'a, Stack<'a>, Stack<'a>> {
        HttpClient::new(stack, stack)
    }

    fn reqwless_tls<'a>(
        stack: &'a Stack<'a>,
        tls: TlsConfig<'a>,
    ) -> HttpClient<'a, Stack<'a>, Stack<'a>> {
        HttpClient::new_with_tls(stack, stack, tls)
    }

    async fn rust_mqtt(stack: Stack<'static>, server: core::net::SocketAddr) {
        let mut buffer = AllocBuffer;
        let mut client = Client::<'_, '_, _, _, 1, 1, 1, 1, 1, 0, 0>::new(&mut buffer);
        let connection = TcpConnect::connect(&stack, server).await.unwrap();
        let _ = client.connect(connection, &Default::default(), None).await;
    }

    async fn minimq<'a, 'b>(
        session: &'a mut minimq::Session<'b>,
        connection: TcpConnection<'static>,
    ) -> minimq::Connection<'a, 'b, TcpConnection<'static>> {
        session.connect(connection).await.unwrap()
    }

    fn embedded_nal_minimal_coapserver<H: coap_handler::Handler>(
        mut udp: blocking::Udp<'_, 'static>,
        socket: &mut blocking::UdpSocket<'static>,
        handler: &mut H,
    ) {
        let _ = embedded_nal_minimal_coapserver::poll(&mut udp, socket, handler);
    }

    async fn embedded_nal_coap<H: coap_handler::Handler, R: rand_core::RngCore>(
        stack: Stack<'static>,
        local: core::net::SocketAddr,
        mut handler: H,
        mut random: R,
    ) {
        let shared = embedded_nal_coap::CoAPShared::<1>::new();
        let (_, runner) = shared.split();
        let mut socket = stack.bind_multiple(local).await.unwrap();
        let _ = runner.run(&mut socket, &mut handler, &mut random).await;
    }
}
