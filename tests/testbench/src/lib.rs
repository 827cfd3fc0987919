//! What the tests of `quectel-nal` run on: a module that is a script, line by line ([`Script`]), and the virtual modem
//! beside a stack ([`Bench`]). Both run under virtual time; the virtual modem with real peers runs in real time.

mod chance;
pub mod fuzzed;
mod pair;
pub mod polled;
pub mod program;
mod script;
mod streams;
mod tasks;

pub use chance::{Dice, each_seed};
pub use pair::{Bench, assert_no_violation, excerpt};
pub use script::{SERVER, Script, config, dialogue, dialogue_with_lines};
pub use streams::{
    arrives, arrives_whole, collect, echo, echo_network, exchange, read_to_end, serve,
};
pub use tasks::{Work, run_tasks};

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use embassy_time::Timer;

/// The peer of most tests.
pub const PEER: &str = "198.51.100.7";

pub fn peer(port: u16) -> core::net::SocketAddr {
    core::net::SocketAddr::new(PEER.parse().unwrap(), port)
}

/// The address and port of a text.
pub fn address(text: &str) -> core::net::SocketAddr {
    text.parse().unwrap()
}

/// A local port, whatever the address.
pub fn local_port(port: u16) -> core::net::SocketAddr {
    core::net::SocketAddr::new([0, 0, 0, 0].into(), port)
}

/// A time of embassy's.
pub fn seconds(seconds: u64) -> embassy_time::Duration {
    embassy_time::Duration::from_secs(seconds)
}

pub async fn sleep(duration: Duration) {
    Timer::after_micros(duration.as_micros() as u64).await;
}

/// Polls at most `polls` times, then drops the future. Says what came of it.
pub async fn cancelled<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => {
                // The last poll has been: do not wait for a wake that may never come.
                if left == 0 {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    })
    .await
}

/// Bytes that look random and are the same each time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Payload that means something elsewhere in the language.
pub fn adversarial(length: usize) -> Vec<u8> {
    let all: Vec<u8> = (0..=255).collect();
    let parts: [&[u8]; 9] = [
        b"\r\nOK\r\n",
        b"\r\n+QIURC: \"closed\",0\r\n",
        b"> ",
        b"+++",
        b"\r\nNO CARRIER\r\n",
        b"\r\nSEND OK\r\n",
        b"\r\n+QIRD: 1500\r\n",
        b"\r\nRDY\r\n",
        &all,
    ];
    parts.concat().into_iter().cycle().take(length).collect()
}
