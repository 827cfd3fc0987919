//! Payload that comes unasked, whatever the bytes and however they are cut into pieces.

use core::net::SocketAddr;
use core::task::Poll;
use std::vec;
use std::vec::Vec;

use super::{BEHIND_PAYLOAD, Bench, PLAUSIBLE, Seen, fail_all, payload, unasked_behind};
use crate::engine::rig::{PEER, Rig};
use crate::engine::{Key, PayloadEcho, Request};
use crate::testing::{Random, seeded};

/// What stands before a line, for firmware that has a line end after pushed data and for firmware that has none
/// (quirk 91).
fn line_starts(has_line_end: bool) -> &'static [&'static [u8]] {
    match has_line_end {
        true => &BEHIND_PAYLOAD,
        false => &[b"\r\n"],
    }
}

/// Header, data, and the line end after it if there is one.
fn push(
    random: &mut Random,
    has_line_end: bool,
    bytes: &mut Vec<u8>,
    header: &str,
    payload: &[u8],
) {
    bytes.extend(*random.pick(line_starts(has_line_end)));
    bytes.extend(header.bytes());
    // The line end of a header has one line feed: after it is payload.
    bytes.extend(*random.pick(&[&b"\r\n"[..], b"\n", b"\r\r\n"]));
    bytes.extend(payload);
    if has_line_end {
        bytes.extend(b"\r\n");
    }
}

/// Nothing comes any more.
fn silence(rig: &mut Rig<'_>) {
    rig.next();
    rig.pass(100);
    rig.next();
}

/// Two connections, and a send of one of them, whose prompt and result come between what is pushed.
#[test]
fn any_pushed_payload_arrives_however_it_is_cut_and_whatever_comes_between() {
    for seed in 0..3000 {
        seeded(seed, |seed| {
            let mut random = Random::new(seed);
            let has_line_end = random.below(2) > 0;
            let starts = line_starts(has_line_end);
            // Some rings are smaller than most that is pushed: they hold up the line until they are read.
            let mut bench = Bench::on(match random.below(3) {
                0 => Rig::up::<2, 2048, 64>(),
                1 => Rig::up::<2, 512, 64>(),
                _ => Rig::up::<2, 31, 64>(),
            });
            bench.echo(PayloadEcho::Off);
            let keys = [(); 2].map(|()| bench.pushing(Request::connect(PEER).unwrap()));
            bench.send(keys[0], b"x");

            let (mut bytes, mut events) = (vec![], vec![]);
            let mut pushed = [vec![], vec![]];
            let frames = 1 + random.below(8);
            let prompted = random.below(frames);
            let accepted = prompted + random.below(frames - prompted);
            for frame in 0..frames {
                unasked_behind(starts, PLAUSIBLE, &mut random, &mut bytes, &mut events);
                if frame == prompted {
                    bytes.extend(b"\r\n> ");
                    events.push(Seen::Prompt);
                }
                if frame == accepted {
                    bytes.extend(b"\r\nSEND OK\r\n");
                    events.push(Seen::FinalResult);
                }
                let to = random.below(2);
                let mut payload = payload(&mut random, 1500);
                // A frame without data is none.
                payload.push(b'.');
                payload.truncate(1500);
                let id = bench.rig.id(keys[to]);
                let header = std::format!("+QIURC: \"recv\",{id},{}", payload.len());
                push(&mut random, has_line_end, &mut bytes, &header, &payload);
                pushed[to].extend(payload);
            }
            unasked_behind(starts, PLAUSIBLE, &mut random, &mut bytes, &mut events);

            let mut received = [vec![], vec![]];
            bench.stream(&bytes, fail_all(seed), |rig, stalled| {
                for (key, into) in keys.into_iter().zip(&mut received) {
                    if !stalled && random.below(4) > 0 {
                        continue;
                    }
                    match rig.read_with(key, 1 + random.below(2000)) {
                        Poll::Ready(read) => into.extend(read.unwrap()),
                        Poll::Pending => {}
                    }
                }
            });
            assert_eq!(bench.take(), events);
            bench.rig.finish();
            assert_eq!(bench.rig.flush(keys[0]), Poll::Ready(Ok(())));
            silence(&mut bench.rig);
            for (key, into) in keys.into_iter().zip(&mut received) {
                while let Poll::Ready(read) = bench.rig.read(key) {
                    into.extend(read.unwrap());
                }
            }
            assert!(received == pushed, "other bytes");
            let statistics = bench.rig.engine(|engine| engine.counters.statistics());
            assert_eq!(statistics.dropped_bytes, 0);
            assert_eq!(statistics.skipped_bytes, 0);
            assert_eq!(statistics.late_results, 0);
        });
    }
}

/// A datagram as the user gets it, with its sender.
type Datagram = (Vec<u8>, Option<SocketAddr>);

fn receive(rig: &mut Rig<'_>, key: Key) -> Poll<Datagram> {
    let mut into = [0; 1500];
    rig.engine(|engine| engine.poll_receive(key, &mut into))
        .map(|result| {
            let (length, peer) = result.unwrap();
            (into[..length].to_vec(), peer)
        })
}

/// A socket for many peers and one with a single peer.
#[test]
fn any_pushed_datagram_arrives_however_it_is_cut_and_whatever_comes_between() {
    const SENDERS: [&str; 2] = ["192.0.2.1:5000", "203.0.113.77:65535"];
    for seed in 0..2000 {
        seeded(seed, |seed| {
            let mut random = Random::new(seed);
            let has_line_end = random.below(2) > 0;
            let starts = line_starts(has_line_end);
            // The small ring takes one datagram of those here, and holds up the line for the next.
            let (rig, most) = match random.below(2) {
                0 => (Rig::up::<2, 4096, 64>(), 1460),
                _ => (Rig::up::<2, 200, 64>(), 179),
            };
            let mut bench = Bench::on(rig);
            let keys = [
                bench.pushing(Request::service(3030)),
                bench.pushing(Request::datagrams(PEER, 4040).unwrap()),
            ];

            let (mut bytes, mut events) = (vec![], vec![]);
            let mut pushed: [Vec<Datagram>; 2] = [vec![], vec![]];
            for _ in 0..1 + random.below(10) {
                unasked_behind(starts, PLAUSIBLE, &mut random, &mut bytes, &mut events);
                let to = random.below(2);
                let mut payload = payload(&mut random, most);
                if most < 200 && payload.is_empty() {
                    // An empty one has no data that could be held up.
                    payload.push(b'.');
                }
                let id = bench.rig.id(keys[to]);
                let mut header = std::format!("+QIURC: \"recv\",{id},{}", payload.len());
                let sender = (to == 0).then(|| *random.pick(&SENDERS));
                let sender = sender.map(|sender| sender.parse::<SocketAddr>().unwrap());
                if let Some(sender) = sender {
                    header += &std::format!(",\"{}\",{}", sender.ip(), sender.port());
                }
                if payload.is_empty() {
                    // Nothing follows the header but its line end.
                    bytes.extend(std::format!("\r\n{header}\r\n").bytes());
                } else {
                    push(&mut random, has_line_end, &mut bytes, &header, &payload);
                }
                pushed[to].push((payload, sender));
            }
            unasked_behind(starts, PLAUSIBLE, &mut random, &mut bytes, &mut events);

            let mut received: [Vec<Datagram>; 2] = [vec![], vec![]];
            bench.stream(&bytes, fail_all(seed), |rig, stalled| {
                for (key, into) in keys.into_iter().zip(&mut received) {
                    if !stalled && random.below(4) > 0 {
                        continue;
                    }
                    if let Poll::Ready(datagram) = receive(rig, key) {
                        into.push(datagram);
                    }
                }
            });
            assert_eq!(bench.take(), events);
            silence(&mut bench.rig);
            for (key, into) in keys.into_iter().zip(&mut received) {
                while let Poll::Ready(datagram) = receive(&mut bench.rig, key) {
                    into.push(datagram);
                }
            }
            assert!(received == pushed, "other datagrams");
            let statistics = bench.rig.engine(|engine| engine.counters.statistics());
            assert_eq!(statistics.dropped_datagrams, 0);
            assert_eq!(statistics.dropped_bytes, 0);
        });
    }
}
