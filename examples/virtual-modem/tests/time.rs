//! The time driver: real by default, virtual per thread.

use embassy_time::{Duration, Instant, Timer};
use futures_lite::future;
use virtual_modem::time::{self, Limits};

#[test]
fn virtual_time_jumps_to_the_next_alarm() {
    let wall = std::time::Instant::now();
    time::run_virtual(async {
        assert_eq!(Instant::now().as_micros(), 0);
        Timer::after(Duration::from_secs(3600)).await;
        assert_eq!(Instant::now().as_secs(), 3600);
        Timer::after(Duration::from_micros(1)).await;
        assert_eq!(time::micros(), 3_600_000_001);
    });
    assert!(wall.elapsed().as_secs() < 10);
}

#[test]
fn the_earlier_of_two_alarms_comes_first() {
    time::run_virtual(async {
        let late = async { Timer::after_millis(20).await };
        let early = async { Timer::after_millis(10).await };
        future::or(late, early).await;
        assert_eq!(Instant::now().as_millis(), 10);
    });
}

#[test]
fn threads_do_not_share_virtual_time() {
    let threads = [1, 7, 13].map(|hours| {
        std::thread::spawn(move || {
            time::run_virtual(async {
                Timer::after_secs(hours * 3600).await;
                Instant::now().as_secs()
            })
        })
    });
    let ends: Vec<u64> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(ends, [3600, 7 * 3600, 13 * 3600]);
}

#[test]
fn real_time_is_the_default() {
    assert!(!time::is_virtual());
    let wall = std::time::Instant::now();
    time::block_on(async { Timer::after_millis(20).await });
    assert!(wall.elapsed() >= std::time::Duration::from_millis(20));
}

#[test]
fn virtual_time_ends_with_the_run() {
    time::run_virtual(async { Timer::after_secs(100_000 / 2).await });
    assert!(!time::is_virtual());
    time::run_virtual(async { assert_eq!(time::micros(), 0) });
}

#[test]
#[should_panic(expected = "deadlock: at 5s")]
fn a_deadlock_is_told() {
    time::run_virtual(async {
        Timer::after_secs(5).await;
        future::pending::<()>().await;
    });
}

#[test]
#[should_panic(expected = "livelock: 1000 polls")]
fn a_livelock_is_told() {
    let limits = Limits {
        polls: 1000,
        ..Limits::default()
    };
    time::run_virtual_with(limits, async {
        loop {
            future::yield_now().await;
        }
    });
}

#[test]
#[should_panic(expected = "limit of 86400s")]
fn a_day_is_long_enough() {
    time::run_virtual(async {
        loop {
            Timer::after_secs(3600).await;
        }
    });
}
