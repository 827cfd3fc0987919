//! What the module reports of the network, of itself and of its SIM card.

use embassy_futures::join::join;
use quectel_nal::at::{AccessTechnology, CellNetwork};
use quectel_nal::{Error, ErrorCode};
use testbench::{Bench, assert_no_violation, config, dialogue};
use virtual_modem::Sim;

use crate::user_command::network;

#[test]
fn a_registered_module_tells_everything() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let module = stack.module();
        assert_eq!(module.signal_quality().await.unwrap().dbm(), Some(-63));
        let signal = module.extended_signal_quality().await.unwrap();
        assert_eq!(
            (signal.rsrp_dbm(), signal.rsrq_db()),
            (Some(-95), Some(-12))
        );
        let cell = module.cell_signal().await.unwrap();
        assert_eq!(
            (cell.network, cell.rsrp_dbm(), cell.sinr_db()),
            (CellNetwork::Lte, Some(-95), Some(10))
        );
        let operator = module.operator().await.unwrap();
        assert_eq!(&*operator.name, "Virtual");
        assert_eq!(operator.access_technology, Some(AccessTechnology::Lte));
        assert!(module.imei().await.unwrap().starts_with("86"));
        assert!(module.iccid().await.unwrap().starts_with("89"));
        assert!(module.imsi().await.unwrap().len() >= 14);
        assert_no_violation(&modem);
    });
}

#[test]
fn without_a_card_the_module_tells_what_it_can() {
    let bench = Bench::new().settings(|settings| settings.sim(Sim::Missing));
    bench.run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap_err();
        let module = stack.module();
        assert_eq!(module.iccid().await, Err(Error::Equipment(10)));
        assert_eq!(module.imsi().await, Err(Error::Equipment(10)));
        assert_eq!(module.signal_quality().await.unwrap().dbm(), None);
        let signal = module.extended_signal_quality().await.unwrap();
        assert_eq!((signal.rsrp_dbm(), signal.rxlev_dbm()), (None, None));
        let cell = module.cell_signal().await.unwrap();
        assert_eq!(
            (cell.network, cell.rssi_dbm()),
            (CellNetwork::NoService, None)
        );
        let operator = module.operator().await.unwrap();
        assert_eq!((&*operator.name, operator.access_technology), ("", None));
        assert_eq!(module.imei().await.unwrap().len(), 15);
        assert_no_violation(&modem);
    });
}

/// AT+QIGETERROR would tell of another command.
#[test]
fn a_refusal_is_not_asked_for_its_reason() {
    let unknown = Error::Module(ErrorCode::UNSPECIFIED);
    dialogue(config(), async |stack, script| {
        script.bring_up().await;
        let module = stack.module();
        let (refused, ()) = join(module.cell_signal(), script.exchange("AT+QCSQ", "ERROR")).await;
        assert_eq!(refused, Err(unknown));
        let answer = script.exchange("AT+CGSN", "8676980400234\r\n\r\nOK");
        let (damaged, ()) = join(module.imei(), answer).await;
        assert_eq!(damaged, Err(unknown));
        let answer = script.exchange("AT+QCCID", "+CME ERROR: 13");
        let (failed, ()) = join(module.iccid(), answer).await;
        assert_eq!(failed, Err(Error::Equipment(13)));
        let answer = script.exchange("AT+COPS?", "+COPS: 0,0,\"A, B\",9\r\n\r\nOK");
        let (operator, ()) = join(module.operator(), answer).await;
        assert_eq!(&*operator.unwrap().name, "A, B");
    });
}
