//! The other readings of the note.

use embedded_nal_async::TcpConnect;
use quectel_nal::Error;
use testbench::{assert_no_violation, excerpt, peer, sleep};
use virtual_modem::{Chop, Readings};

use super::{SECOND, bench, everything_works, network};

/// Every other reading of the note, alone and with the bytes chopped.
#[test]
fn every_reading() {
    let others = [
        "prompt_bare",
        "prompt_line_end",
        "errors_numeric",
        "errors_text",
        "last_error_without_blank",
        "last_error_other_text",
        "last_error_stale",
    ];
    for name in Readings::NAMES.iter().chain(&others) {
        for chop in [Chop::Whole, Chop::Bytes(1)] {
            let bench = bench()
                .chop(chop)
                .settings(|settings| settings.read(|readings| readings.flip(name).unwrap()));
            bench.run(&network(), async |stack, modem| {
                stack.wait_link_up().await.unwrap();
                everything_works(&stack, &modem).await;
                let error = stack.connect(peer(1)).await.unwrap_err();
                assert!(
                    matches!(
                        error,
                        Error::ConnectionRefused | Error::Module(_) | Error::Equipment(_)
                    ),
                    "{name}: {error}"
                );
                modem.pdpdeact(1);
                sleep(SECOND).await;
                stack.wait_link_up().await.unwrap();
                everything_works(&stack, &modem).await;
                sleep(5 * SECOND).await;
                assert!(modem.sockets().is_empty(), "{name}:\n{}", excerpt(&modem));
                assert_no_violation(&modem);
            });
        }
    }
}
