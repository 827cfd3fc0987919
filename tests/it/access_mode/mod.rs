//! The three access modes: buffer, direct push and transparent.

mod dialogue;
mod push;
mod transparent;

use embedded_nal_async::TcpConnect;
use quectel_nal::at::AccessMode;
use quectel_nal::{LinkState, Stack, TcpConnection};
use testbench::{Bench, adversarial, assert_no_violation, echo, echo_network, noise, peer};
use virtual_modem::{Chop, Fault, InProcess};

const MEGABYTE: usize = 1 << 20;

/// A ring of 512 bytes is enough in every mode.
fn small<T>(
    bench: Bench,
    network: &InProcess,
    body: impl AsyncFnOnce(Stack<'_>, virtual_modem::ModemHandle) -> T,
) -> T {
    bench.run_with::<T, 4, 512, 512>(network, body)
}

async fn tcp<'d>(stack: &Stack<'d>, port: u16) -> TcpConnection<'d> {
    TcpConnect::connect(stack, peer(port)).await.unwrap()
}

fn hostile(bench: Bench) -> Bench {
    bench.baud(921_600).chop(Chop::Random { seed: 11, max: 90 })
}

fn foreign() -> Fault {
    Fault::ForeignUrcs {
        probability: 0.3,
        seed: 5,
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_direct_push_mode() {
    for body in [noise(31, MEGABYTE), adversarial(MEGABYTE)] {
        let network = echo_network();
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let stack = stack.with_access_mode(AccessMode::DirectPush);
            let mut connection = tcp(&stack, 7).await;
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_no_violation(&modem);
            assert!(modem.commands().get("QIRD").is_none_or(|count| *count <= 1));
        });
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_transparent_mode() {
    for body in [noise(32, MEGABYTE), adversarial(MEGABYTE)] {
        let network = echo_network();
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let mut connection = stack
                .with_access_mode(AccessMode::Transparent)
                .connect(peer(7))
                .await
                .unwrap();
            assert_eq!(stack.link_state(), LinkState::Occupied);
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_eq!(stack.link_state(), LinkState::Up);
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn a_megabyte_passes_both_ways_in_buffer_mode() {
    for body in [noise(33, MEGABYTE), adversarial(MEGABYTE)] {
        let network = echo_network();
        small(hostile(Bench::new()), &network, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(foreign());
            let mut connection = tcp(&stack, 7).await;
            echo(connection.split(), &body).await;
            connection.close().await.unwrap();
            assert_no_violation(&modem);
        });
    }
}
