//! Faults that are an error for somebody.

use core::time::Duration;
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use quectel_nal::at::ErrorCode;
use quectel_nal::{Error, LinkError, Stack};
use testbench::{excerpt, noise, peer};
use virtual_modem::Fault;

use super::{SECOND, bench, download, echo, everything_works, network, survives};

/// With this fault an operation fails with this error, within `limit`; then all works again.
fn fails(
    fault: Fault,
    expected: Error,
    limit: Duration,
    operation: impl AsyncFnOnce(&Stack<'_>) -> Result<(), Error>,
) {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(fault);
        let start = Instant::now();
        let result = operation(&stack).await;
        let Err(error) = result else {
            panic!("no error\n{}", excerpt(&modem));
        };
        assert_eq!(error, expected, "{}", excerpt(&modem));
        let took = start.elapsed();
        assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
        modem.clear_faults();
        while stack.wait_link_up().await.is_err() {}
        everything_works(&stack, &modem).await;
    });
}

#[test]
fn refused_opens() {
    for (code, expected) in [
        (566, Error::ConnectionRefused),
        (565, Error::NameNotFound),
        (552, Error::Module(ErrorCode::INVALID_PARAMETERS)),
        (599, Error::Module(ErrorCode::new(599).unwrap())),
    ] {
        let fault = Fault::RefuseOpen { code, count: 1 };
        fails(fault, expected, SECOND, async |stack| {
            stack.connect(peer(7)).await.map(drop)
        });
    }
}

/// These pass: the open is repeated, after 563 once.
#[test]
fn opens_refused_for_a_passing_reason() {
    for (code, count) in [(563, 1), (568, 3), (569, 3), (571, 3)] {
        survives(10 * SECOND, &[Fault::RefuseOpen { code, count }]);
    }
}

#[test]
fn a_hanging_open() {
    let none = Fault::HangOpen(0);
    fails(none, Error::TimedOut, 151 * SECOND, async |stack| {
        stack.connect(peer(2)).await.map(drop)
    });
    let fault = Fault::HangOpen(1);
    fails(fault, Error::TimedOut, 151 * SECOND, async |stack| {
        stack.connect(peer(7)).await.map(drop)
    });
}

#[test]
fn names_that_cannot_be_found() {
    fails(
        Fault::DnsFails(1),
        Error::NameNotFound,
        SECOND,
        async |stack| stack.resolve("name.example").await.map(drop),
    );
    fails(
        Fault::DnsSilent(1),
        Error::TimedOut,
        61 * SECOND,
        async |stack| stack.resolve("name.example").await.map(drop),
    );
}

/// The module's count tells that it took the data.
#[test]
fn a_lost_send_ok() {
    survives(100 * SECOND, &[Fault::LostSendOk(2)]);
}

#[test]
fn pdpdeact_in_the_middle_of_a_transfer() {
    for after in [1, 1000, 5000] {
        let fault = Fault::PdpDeact { context: 1, after };
        let error = Error::Link(LinkError::ContextLost);
        fails(fault, error, 5 * SECOND, async |stack| {
            echo(stack, &noise(1, 100_000)).await
        });
    }
}

#[test]
fn a_restart_in_the_middle_of_a_transfer() {
    for after in [1, 1000, 5000] {
        bench().run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::Restart { after });
            let start = Instant::now();
            let error = echo(&stack, &noise(1, 100_000)).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Link(_) | Error::DataLost | Error::TimedOut | Error::ConnectionReset
                ),
                "{error}"
            );
            assert!(start.elapsed().as_secs() <= 60);
            while stack.wait_link_up().await.is_err() {}
            everything_works(&stack, &modem).await;
        });
    }
}

#[test]
fn a_module_that_falls_silent_in_the_middle_of_a_transfer() {
    let fault = Fault::Silent(Some(100 * SECOND));
    let error = Error::Link(LinkError::NoAnswer);
    fails(fault, error, 75 * SECOND, async |stack| {
        // Under way when the silence begins.
        let mut connection = match stack.connect(peer(80)).await {
            Ok(connection) => connection,
            Err(Error::TimedOut) => return Err(Error::Link(LinkError::NoAnswer)),
            Err(error) => return Err(error),
        };
        connection.read(&mut [0; 10]).await.map(drop)
    });
}

/// Bytes that the module handed over and that never came: the connection fails, its neighbours do not.
#[test]
fn a_lost_read() {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut other = stack.connect(peer(7)).await.unwrap();
        modem.inject(Fault::ReadLoss(1));
        let start = Instant::now();
        assert_eq!(
            download(&stack).await,
            Err(Error::DataLost),
            "{}",
            excerpt(&modem)
        );
        assert!(start.elapsed().as_secs() <= 15);
        other.write_all(b"alive").await.unwrap();
        let mut back = [0; 5];
        other.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"alive");
        drop(other);
        everything_works(&stack, &modem).await;
    });
}

/// Lines get lost at random: nothing hangs, and no wrong bytes are delivered.
#[test]
fn lost_lines() {
    for seed in 0..20 {
        bench().run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::LineLoss {
                probability: 0.05,
                seed,
            });
            let start = Instant::now();
            for _ in 0..5 {
                // Each checks its bytes.
                let _ = download(&stack).await;
                let _ = echo(&stack, &noise(seed, 3000)).await;
            }
            assert!(start.elapsed().as_secs() <= 3600, "seed {seed}");
            modem.clear_faults();
            while stack.wait_link_up().await.is_err() {}
            everything_works(&stack, &modem).await;
        });
    }
}

#[test]
fn last_failure_is_the_error_whose_kind_a_client_passed_on() {
    bench().run(&network(), async |stack, _| {
        assert_eq!(stack.last_failure(), None);
        assert_eq!(
            stack.connect(peer(1)).await.unwrap_err(),
            Error::ConnectionRefused
        );
        assert_eq!(stack.last_failure(), Some(Error::ConnectionRefused));
        let name = stack.resolve("nobody.example").await;
        assert_eq!(name.unwrap_err(), Error::NameNotFound);
        assert_eq!(stack.last_failure(), Some(Error::NameNotFound));
        // An end in good order is none.
        echo(&stack, &noise(1, 100)).await.unwrap();
        assert_eq!(stack.last_failure(), Some(Error::NameNotFound));
    });
}

#[test]
fn last_failure_is_that_of_a_socket_whose_handle_is_still_there() {
    bench().run(&network(), async |stack, modem| {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        modem.inject(Fault::PdpDeact {
            context: 1,
            after: 0,
        });
        connection.write_all(b"hello").await.unwrap();
        let lost = Error::Link(LinkError::ContextLost);
        let mut buffer = [0; 10];
        let result = loop {
            match connection.read(&mut buffer).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((result, stack.last_failure()), (lost, Some(lost)));
        drop(connection);
        while stack.wait_link_up().await.is_err() {}
        assert_eq!(stack.last_failure(), Some(lost));
    });
}

#[test]
fn last_failure_is_that_of_a_socket_that_was_aborted() {
    bench().run(&network(), async |stack, modem| {
        let mut connection = stack.connect(peer(7)).await.unwrap();
        modem.inject(Fault::PdpDeact {
            context: 1,
            after: 0,
        });
        connection.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 10];
        while connection.read(&mut buffer).await.is_ok() {}
        connection.abort();
        let lost = Error::Link(LinkError::ContextLost);
        assert_eq!(stack.last_failure(), Some(lost));
    });
}
