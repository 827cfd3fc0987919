//! Each situation is compared with all counters of `Statistics`.

use core::time::Duration;
use embassy_futures::join::join;
use embedded_io_async::Read;
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, Error, Stack, TcpConnection, UdpService};
use testbench::{Bench, PEER, Script, dialogue, local_port, noise, peer, sleep};
use virtual_modem::InProcess;

use super::Counters;

async fn pushing<'d>(stack: &Stack<'d>, module: &Script<'_>) -> TcpConnection<'d> {
    let stack = stack.with_access_mode(AccessMode::DirectPush);
    let open = module.open("AT+QIOPEN=1,0,\"TCP\",\"198.51.100.7\",7,0,1");
    let (connection, ()) = join(TcpConnect::connect(&stack, peer(7)), open).await;
    connection.unwrap()
}

async fn push(module: &Script<'_>, payload: &[u8]) {
    let length = payload.len();
    module
        .say(format!("\r\n+QIURC: \"recv\",0,{length}\r\n"))
        .await;
    module.say(payload).await;
    module.say("\r\n").await;
}

#[test]
fn lines_that_nobody_has_asked_for() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        stack.wait_link_up().await.unwrap();
        let counters = Counters::of(stack);
        module.line("+QGPS: \"firmware\",0,0").await;
        module.line("SEND OK").await;
        // One that does not fit into the buffer.
        module.line(&"x".repeat(300)).await;
        // As the answer to a read, but there was none.
        module.say("\r\n+QIRD: 5\r\nhello\r\n\r\nOK\r\n").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| {
            counted.foreign_lines += 3;
            counted.late_results += 2;
            counted.skipped_bytes += 300;
        });
    });
}

/// The ring holds 2048 bytes. What comes behind them is lost to the connection, which says so, and counted to the byte.
#[test]
fn pushed_bytes_that_find_a_full_ring() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = pushing(&stack, &module).await;
        let counters = Counters::of(stack);
        let body = noise(1, 3000);
        push(&module, &body[..1500]).await;
        push(&module, &body[1500..]).await;
        sleep(Duration::from_millis(1900)).await;
        // The line is held up, and nothing is lost yet.
        counters.expect(|_| {});
        module.expect("AT+QICLOSE=0,1").await;
        counters.expect(|counted| counted.dropped_bytes += 952);
        // The module has not heard of it yet.
        push(&module, &[0; 100]).await;
        module.line("OK").await;
        sleep(Duration::from_millis(10)).await;

        let mut kept = vec![0; 2048];
        connection.read_exact(&mut kept).await.unwrap();
        assert!(kept == body[..2048], "other bytes");
        assert_eq!(connection.read(&mut [0; 10]).await, Err(Error::Overrun));
        counters.expect(|counted| counted.dropped_bytes += 1052);
    });
}

#[test]
fn pushed_bytes_for_a_connection_that_was_dropped() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let connection = pushing(&stack, &module).await;
        let counters = Counters::of(stack);
        drop(connection);
        module.expect("AT+QICLOSE=0,1").await;
        push(&module, &noise(2, 77)).await;
        module.line("OK").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| counted.dropped_bytes += 77);
    });
}

/// Bytes for a connection that had the line, and whose user is gone.
#[test]
fn transparent_bytes_for_a_connection_that_was_dropped() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = module.exchange("AT+QIOPEN=1,0,\"TCP\",\"198.51.100.7\",7,0,2", "CONNECT");
        let (connection, ()) = join(
            stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7)),
            open,
        )
        .await;
        let connection = connection.unwrap();
        let counters = Counters::of(stack);
        drop(connection);
        module.say(&noise(7, 55)).await;
        module.confirm_escape().await;
        module.expect("AT+QICLOSE=0,1").await;
        module.line("OK").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| counted.dropped_bytes += 55);
    });
}

/// The first holds up the line for the stall time, those behind it are dropped at once, and what fits is kept.
#[test]
fn pushed_datagrams_that_find_a_full_ring() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let opening = stack.with_access_mode(AccessMode::DirectPush);
        let open = module.open("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,1");
        let (service, ()) = join(opening.bind_multiple(local_port(3030)), open).await;
        let mut service: UdpService<'_> = service.unwrap();
        let counters = Counters::of(stack);
        let say = async |payload: &[u8]| {
            let length = payload.len();
            let header = format!("\r\n+QIURC: \"recv\",0,{length},\"192.0.2.1\",5000\r\n");
            module.say(header).await;
            module.say(payload).await;
            module.say("\r\n").await;
        };
        let kept = noise(3, 1400);
        say(&kept).await;
        say(&[1; 700]).await;
        say(&[2; 650]).await;
        sleep(Duration::from_millis(1900)).await;
        counters.expect(|_| {});
        sleep(Duration::from_millis(200)).await;
        counters.expect(|counted| {
            counted.dropped_datagrams += 2;
            counted.dropped_bytes += 1350;
        });

        let mut buffer = [0; 1500];
        let (length, ..) = service.receive_into(&mut buffer).await.unwrap();
        assert!(buffer[..length] == kept, "other bytes");
        say(b"next").await;
        let (length, ..) = service.receive_into(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"next");
        counters.expect(|counted| {
            counted.dropped_datagrams += 2;
            counted.dropped_bytes += 1350;
        });
    });
}

/// In this mode the module is never asked for more than there is room for: only a datagram that is larger than the whole ring
/// is lost.
#[test]
fn datagrams_that_are_larger_than_the_ring() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run_with::<_, 2, 200, 200>(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (_, mut socket) = UdpStack::connect(&stack, peer(9)).await.unwrap();
        socket.send(b"here").await.unwrap();
        let (_, local) = outside.receive().await;
        let counters = Counters::of(stack);
        outside.send(&noise(4, 1000), local);
        outside.send(&noise(5, 179), local);
        let mut buffer = [0; 200];
        assert_eq!(socket.receive_into(&mut buffer).await, Ok(179));
        assert!(buffer[..179] == noise(5, 179), "other bytes");
        counters.expect(|counted| {
            counted.dropped_datagrams += 1;
            counted.dropped_bytes += 1000;
        });
    });
}
