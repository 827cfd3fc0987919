//! URCs that the stack does not handle, for the user.

use atat::UrcChannel;
use atat::atat_derive::{AtatResp, AtatUrc};
use core::time::Duration;
use embassy_futures::join::join;
use quectel_nal::{RunError, Runner, Stack};
use testbench::{Bench, adversarial, assert_no_violation, echo, echo_network, noise, peer, sleep};
use virtual_modem::serial::{HostRx, HostTx};
use virtual_modem::{Chop, InProcess, ModemHandle};

#[derive(Debug, Clone, PartialEq, AtatResp)]
struct Number {
    number: u32,
}

#[derive(Debug, Clone, PartialEq, AtatUrc)]
enum Urc {
    #[at_urc("RING")]
    Ring,
    #[at_urc("+MYTICK")]
    Tick(Number),
    /// One of the stack's own, which never comes here.
    #[at_urc("+QIURC")]
    Stolen,
    /// The result of a command of the stack's.
    #[at_urc("+QIOPEN")]
    Opened,
}

type Channel<const CAPACITY: usize> = UrcChannel<Urc, CAPACITY, 1>;

fn run<T, const CAPACITY: usize>(
    bench: Bench,
    network: &InProcess,
    channel: &Channel<CAPACITY>,
    body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
) -> T {
    let run = async |runner: Runner<'_>, rx: HostRx, tx: HostTx| -> RunError {
        runner.urcs(channel).run(rx, tx).await
    };
    bench.run_as::<T, 2, 512, 512>(network, run, body)
}

/// Each comes once and in order, whatever the payload beside it says, and none of the stack's own is among them.
#[test]
fn all_arrive_beside_a_bulk_transfer() {
    const TICKS: u32 = 200;
    for chop in [
        Chop::Whole,
        Chop::Bytes(1),
        Chop::Random { seed: 3, max: 90 },
    ] {
        let network = echo_network();
        let channel = Channel::<4>::new();
        let bench = Bench::new().baud(115_200).chop(chop);
        run(bench, &network, &channel, async |stack, modem| {
            let mut urcs = channel.subscribe().unwrap();
            stack.wait_link_up().await.unwrap();
            let before = stack.statistics();
            let mut connection = stack.connect(peer(7)).await.unwrap();
            let body = [noise(1, 20_000), adversarial(20_000)].concat();
            let transfer = echo(connection.split(), &body);
            let listen = async {
                for number in 0..TICKS {
                    modem.urc(format!("\r\n+MYTICK: {number}\r\n").as_bytes());
                    let urc = urcs.next_message_pure().await;
                    assert_eq!(urc, Urc::Tick(Number { number }));
                }
                modem.urc(b"\r\nRING\r\n");
                assert_eq!(urcs.next_message_pure().await, Urc::Ring);
            };
            join(transfer, listen).await;
            connection.close().await.unwrap();
            assert_eq!(urcs.try_next_message(), None);
            assert_eq!(stack.statistics().dropped_urcs, 0);
            let foreign = stack.statistics().foreign_lines - before.foreign_lines;
            assert_eq!(foreign, TICKS + 1);
            assert_no_violation(&modem);
        });
    }
}

/// Nobody waits for who does not read: what finds the channel full is dropped and counted, and the oldest are kept.
#[test]
fn a_full_channel_holds_up_nothing() {
    let network = echo_network();
    let channel = Channel::<4>::new();
    run(Bench::new(), &network, &channel, async |stack, modem| {
        let mut urcs = channel.subscribe().unwrap();
        stack.wait_link_up().await.unwrap();
        while urcs.try_next_message_pure().is_some() {}
        let before = stack.statistics().dropped_urcs;
        for number in 0..10 {
            modem.urc(format!("\r\n+MYTICK: {number}\r\n").as_bytes());
        }
        let mut connection = stack.connect(peer(7)).await.unwrap();
        echo(connection.split(), &noise(2, 5000)).await;
        assert_eq!(stack.statistics().dropped_urcs - before, 6);
        for number in 0..4 {
            let urc = urcs.try_next_message_pure();
            assert_eq!(urc, Some(Urc::Tick(Number { number })));
        }
        assert_eq!(urcs.try_next_message_pure(), None);

        // There is room again.
        modem.urc(b"\r\nRING\r\n");
        assert_eq!(urcs.next_message_pure().await, Urc::Ring);
        assert_eq!(stack.statistics().dropped_urcs - before, 6);
    });
}

/// Lines that the user's type does not know, or cannot read, go by without taking a place.
#[test]
fn lines_of_nobody_take_no_place() {
    let network = InProcess::new();
    let channel = Channel::<2>::new();
    run(Bench::new(), &network, &channel, async |stack, modem| {
        let mut urcs = channel.subscribe().unwrap();
        stack.wait_link_up().await.unwrap();
        while urcs.try_next_message_pure().is_some() {}
        let before = stack.statistics();
        for _ in 0..10 {
            modem.urc(b"\r\n+QGPS: \"firmware\",0,0\r\n\r\n+MYTICK: many\r\n");
        }
        modem.urc(b"\r\n+MYTICK: 7\r\n");
        assert_eq!(
            urcs.next_message_pure().await,
            Urc::Tick(Number { number: 7 })
        );
        assert_eq!(stack.statistics().dropped_urcs, before.dropped_urcs);
        let foreign = stack.statistics().foreign_lines - before.foreign_lines;
        assert_eq!(foreign, 21);
    });
}

/// Without a subscriber there is nobody to keep anything for.
#[test]
fn nobody_listens() {
    let network = echo_network();
    let channel = Channel::<1>::new();
    run(Bench::new(), &network, &channel, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for number in 0..10 {
            modem.urc(format!("\r\n+MYTICK: {number}\r\n").as_bytes());
            sleep(Duration::from_millis(10)).await;
        }
        let mut connection = stack.connect(peer(7)).await.unwrap();
        echo(connection.split(), b"still there").await;
        let mut urcs = channel.subscribe().unwrap();
        modem.urc(b"\r\nRING\r\n");
        assert_eq!(urcs.next_message_pure().await, Urc::Ring);
    });
}
