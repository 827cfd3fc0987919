//! The other readings of the note, the shapes of the wire that modules showed, and the families.

use quectel_nal::Error;
use testbench::{assert_no_violation, excerpt, peer, sleep};
use virtual_modem::{Chop, Model, Readings, Settings};

use super::{SECOND, bench, everything_works, network};

/// Everything works on a module with these settings, whole and with the bytes chopped, also after the context was lost.
fn works(name: &str, change: impl Fn(Settings) -> Settings) {
    for chop in [Chop::Whole, Chop::Bytes(1)] {
        bench()
            .chop(chop)
            .settings(&change)
            .run(&network(), async |stack, modem| {
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

/// Every other reading of the note and every shape of the wire, alone.
#[test]
fn every_reading() {
    for (name, ..) in Readings::TABLE {
        works(name, |settings| {
            settings.read(|readings| readings.flip(name).unwrap())
        });
    }
}

#[test]
fn every_family() {
    for model in Model::ALL {
        works(model.name(), |settings| settings.model(*model));
    }
}
