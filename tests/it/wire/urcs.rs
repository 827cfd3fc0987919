//! The lines that come unasked, those of the note and others that were seen.

use std::net::{IpAddr, SocketAddr};

use quectel_nal::at::*;

fn socket(id: u8) -> ConnectId {
    ConnectId::new(id).unwrap()
}

fn peer(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[track_caller]
fn check(line: &str, urc: Urc) {
    assert_eq!(Urc::parse(line.as_bytes()), Some(urc), "{line}");
}

#[track_caller]
fn refuse(line: &str) {
    assert_eq!(Urc::parse(line.as_bytes()), None, "{line}");
}

fn received(id: u8, length: Option<u32>, peer: Option<SocketAddr>) -> Urc {
    Urc::Indication(Indication::Received(Received {
        connect_id: socket(id),
        length: NoticedLength(length),
        peer: Peer(peer),
    }))
}

#[test]
fn closed() {
    check(
        "+QIURC: \"closed\",0",
        Urc::Indication(Indication::Closed(socket(0))),
    );
    check(
        "+QIURC: \"closed\",11",
        Urc::Indication(Indication::Closed(socket(11))),
    );
    check(
        "+QIURC:\"closed\",3",
        Urc::Indication(Indication::Closed(socket(3))),
    );
    check(
        "+QIURC: \"closed\", 3",
        Urc::Indication(Indication::Closed(socket(3))),
    );
    refuse("+QIURC: \"closed\",12");
    refuse("+QIURC: \"closed\",256");
    refuse("+QIURC: \"closed\",-1");
    refuse("+QIURC: \"closed\",0x");
    refuse("+QIURC: \"closed\",");
    refuse("+QIURC: \"closed\"");
    refuse("+QIURC: closed,0");
    refuse("+QIURC: \"closed\",0,0");
    refuse("+QIURC: \"closed,0");
}

#[test]
fn data_received() {
    check("+QIURC: \"recv\",0", received(0, None, None));
    check("+QIURC: \"recv\",11", received(11, None, None));
    check("+QIURC:\"recv\",2", received(2, None, None));
    check("+QIURC: \"recv\",0,5", received(0, Some(5), None));
    check("+QIURC: \"recv\",0,1500", received(0, Some(1500), None));
    check("+QIURC: \"recv\", 0, 1500", received(0, Some(1500), None));
    let from = |length, address| received(1, Some(length), peer(address));
    check(
        "+QIURC: \"recv\",1,13,\"1.1.1.1\",65534",
        from(13, "1.1.1.1:65534"),
    );
    check(
        "+QIURC: \"recv\",1,13,1.1.1.1,65534",
        from(13, "1.1.1.1:65534"),
    );
    check(
        "+QIURC: \"recv\",1,0,\"1.1.1.1\",65534",
        from(0, "1.1.1.1:65534"),
    );
    check(
        "+QIURC: \"recv\",1, 13, \"2001:DB8::1\", 9",
        from(13, "[2001:db8::1]:9"),
    );
    // The length counts even where the peer does not.
    check(
        "+QIURC: \"recv\",1,13,\"?\",65534",
        received(1, Some(13), None),
    );
    check("+QIURC: \"recv\",0,\"buff full\"", received(0, None, None));
    check(
        "+QIURC: \"recv\",1,13,\"[2409::1]\",9",
        from(13, "[2409::1]:9"),
    );
    check(
        "+QIURC: \"recv\",1,13,\"fe80::1%1\",9",
        from(13, "[fe80::1]:9"),
    );
    refuse("+QIURC: \"recv\",0,\"buff full");
    refuse("+QIURC: \"recv\",0,buff full");
    refuse("+QIURC: \"recv\",12");
    refuse("+QIURC: \"recv\",0,4,test");
    refuse("+QIURC: \"recv\",0,5x");
    refuse("+QIURC: \"recv\",0,99999999999");
    refuse("+QIURC: \"recv\",0,4,\"1.1.1.1\",65536");
    refuse("+QIURC: \"recv\",0,4,\"1.1.1.1\",1,1");
    refuse("+QIURC: \"recvind\",0");
}

#[test]
fn incoming_connections() {
    let incoming = |connect_id, server_id, peer| {
        Urc::Indication(Indication::Incoming(Incoming {
            connect_id: socket(connect_id),
            server_id: socket(server_id),
            peer: Peer(peer),
        }))
    };
    check(
        "+QIURC: \"incoming\",11,1,\"172.31.242.222\",54091",
        incoming(11, 1, peer("172.31.242.222:54091")),
    );
    check(
        "+QIURC: \"incoming\",11,0,\"78.94.9.92\",62060",
        incoming(11, 0, peer("78.94.9.92:62060")),
    );
    check(
        "+QIURC: \"incoming\",10,0,78.94.9.92,1",
        incoming(10, 0, peer("78.94.9.92:1")),
    );
    check(
        "+QIURC: \"incoming\",10,0,\"[2409::1]\",1",
        incoming(10, 0, peer("[2409::1]:1")),
    );
    check(
        "+QIURC: \"incoming\",10,0,\"fe80::1%1\",1",
        incoming(10, 0, peer("[fe80::1]:1")),
    );
    check("+QIURC: \"incoming\",10,0,\"?\",1", incoming(10, 0, None));
    check(
        "+QIURC: \"incoming full\"",
        Urc::Indication(Indication::IncomingFull),
    );
    check(
        "+QIURC:\"incoming full\"",
        Urc::Indication(Indication::IncomingFull),
    );
    refuse("+QIURC: \"incoming full\",1");
    refuse("+QIURC: \"incoming\"");
    refuse("+QIURC: \"incoming\",12,0,\"78.94.9.92\",62060");
    refuse("+QIURC: \"incoming\",11,12,\"78.94.9.92\",62060");
}

#[test]
fn context_lost() {
    check(
        "+QIURC: \"pdpdeact\",1",
        Urc::Indication(Indication::ContextLost(ContextId::new(1).unwrap())),
    );
    check(
        "+QIURC: \"pdpdeact\",16",
        Urc::Indication(Indication::ContextLost(ContextId::new(16).unwrap())),
    );
    refuse("+QIURC: \"pdpdeact\",0");
    refuse("+QIURC: \"pdpdeact\",17");
}

#[test]
fn names() {
    let resolved = |result, count, time_to_live| {
        Urc::Indication(Indication::Resolution(Resolution::Result {
            result,
            count,
            time_to_live,
        }))
    };
    let address = |text| Urc::Indication(Indication::Resolution(Resolution::Address(ip(text))));
    check(
        "+QIURC: \"dnsgip\",0,1,300",
        resolved(Ok(()), Some(1), Some(300)),
    );
    check(
        "+QIURC: \"dnsgip\",0,1,0",
        resolved(Ok(()), Some(1), Some(0)),
    );
    check("+QIURC: \"dnsgip\",0,1", resolved(Ok(()), Some(1), None));
    check(
        "+QIURC: \"dnsgip\",565",
        resolved(Err(ErrorCode::DNS_FAILED), None, None),
    );
    check(
        "+QIURC: \"dnsgip\",565,0,0",
        resolved(Err(ErrorCode::DNS_FAILED), Some(0), Some(0)),
    );
    check(
        "+QIURC: \"dnsgip\",\"195.34.89.241\"",
        address("195.34.89.241"),
    );
    check("+QIURC: \"dnsgip\",195.34.89.241", address("195.34.89.241"));
    check(
        "+QIURC: \"dnsgip\",\"2001:DB8:0:0:0:0:0:1\"",
        address("2001:db8::1"),
    );
    refuse("+QIURC: \"dnsgip\"");
    refuse("+QIURC: \"dnsgip\",\"example.com\"");
    refuse("+QIURC: \"dnsgip\",");
}

#[test]
fn opened() {
    let opened = |id, result| {
        Urc::Opened(Opened {
            connect_id: socket(id),
            result,
        })
    };
    check("+QIOPEN: 0,0", opened(0, Ok(())));
    check("+QIOPEN: 11,0", opened(11, Ok(())));
    check("+QIOPEN:1,0", opened(1, Ok(())));
    check("+QIOPEN: 0,563", opened(0, Err(ErrorCode::ID_IN_USE)));
    check("+QIOPEN: 2, 566", opened(2, Err(ErrorCode::CONNECT_FAILED)));
    check(
        "+QIOPEN: 2,700",
        opened(2, Err(ErrorCode::new(700).unwrap())),
    );
    refuse("+QIOPEN: 12,0");
    refuse("+QIOPEN: 1");
    refuse("+QIOPEN: (1-16),(0-11),\"TCP/UDP/TCP LISTENER/UDP SERVICE\"");
}

#[test]
fn pings() {
    let reply = |time| {
        Urc::Ping(PingReport::Reply {
            result: Ok(()),
            address: ip("61.135.169.125"),
            bytes: 32,
            time,
            time_to_live: 255,
        })
    };
    check("+QPING: 0,\"61.135.169.125\",32,192,255", reply(192));
    check("+QPING: 0,\"61.135.169.125\",32,479,255", reply(479));
    check("+QPING: 0,61.135.169.125,32,241,255", reply(241));
    let summary = |received, lost, min, max, average| {
        Urc::Ping(PingReport::Summary {
            result: Ok(()),
            sent: 4,
            received,
            lost,
            min,
            max,
            average,
        })
    };
    check("+QPING: 0,4,4,0,192,479,287", summary(4, 0, 192, 479, 287));
    check("+QPING: 0,4,0,4,0,0,0", summary(0, 4, 0, 0, 0));
    check("+QPING: 0,4,0,4", summary(0, 4, 0, 0, 0));
    let timeout = PingReport::Result(Err(ErrorCode::TIMEOUT));
    check("+QPING: 569", Urc::Ping(timeout));
    check("+QPING: 0", Urc::Ping(PingReport::Result(Ok(()))));
    refuse("+QPING: (1-16),<host>,(1-255),(1-10)");
    refuse("+QPING: ");
}

#[test]
fn time() {
    let line = "+QNTP: 0,\"2019/07/21,06:10:59+00\"";
    let time = DateTime::parse("2019/07/21,06:10:59+00");
    assert!(time.is_some());
    check(
        line,
        Urc::TimeSynchronized(TimeSynchronized {
            result: Ok(()),
            time,
        }),
    );
    let time = DateTime::parse("2026/07/02,14:27:52+32");
    check(
        "+QNTP: 0,\"26/07/02,14:27:52+32\"",
        Urc::TimeSynchronized(TimeSynchronized {
            result: Ok(()),
            time,
        }),
    );
    let failed = Urc::TimeSynchronized(TimeSynchronized {
        result: Err(ErrorCode::DNS_FAILED),
        time: None,
    });
    check("+QNTP: 565", failed.clone());
    check("+QNTP: 565,\"\"", failed);
    // The answer to the read command.
    refuse("+QNTP: \"202.112.10.36\",123");
}

#[test]
fn the_module_itself() {
    check("RDY", Urc::Ready);
    check("APP RDY", Urc::ApplicationReady);
    check("POWERED DOWN", Urc::PoweredDown);
    check("NORMAL POWER DOWN", Urc::NormalPowerDown);
    check("PSM POWER DOWN", Urc::PsmPowerDown);
    refuse("PSM POWER DOWN: 1");
    check("NO CARRIER", Urc::NoCarrier);
    let sim = |line: &str| match Urc::parse(line.as_bytes()) {
        Some(Urc::Sim(status)) => Some(status.state),
        _ => None,
    };
    check(
        "+CFUN: 1",
        Urc::Functionality(FunctionalityChanged { level: 1 }),
    );
    assert_eq!(sim("+CPIN: READY"), Some(SimState::Ready));
    assert_eq!(sim("+CPIN: NOT INSERTED"), Some(SimState::NotInserted));
    for (code, state) in [
        ("SIM PIN", SimState::Pin),
        ("SIM PUK", SimState::Puk),
        ("SIM PIN2", SimState::Pin2),
        ("SIM PUK2", SimState::Puk2),
        ("PH-SIM PIN", SimState::DeviceLocked),
        ("PH-NET PUK", SimState::DeviceLocked),
        ("NOT READY", SimState::NotReady),
        ("SIM PIN3", SimState::Other),
    ] {
        assert_eq!(sim(&format!("+CPIN: {code}")), Some(state), "{code}");
    }
    let text = |line: &str| match Urc::parse(line.as_bytes()) {
        Some(Urc::PowerSaving(rest) | Urc::SimType(rest) | Urc::Status(rest)) => {
            rest.text.as_str().to_owned()
        }
        urc => panic!("{urc:?}"),
    };
    assert_eq!(text("+QPSMTIMER: 3600,60"), "3600,60");
    assert_eq!(text("+QUSIM: 1"), "1");
    assert_eq!(text("+QIND: SMS DONE"), "SMS DONE");
    assert_eq!(text("+QIND: \"SMS DONE\""), "SMS DONE");
}

#[test]
fn lines_that_are_not_ours() {
    for line in [
        "",
        " ",
        "+",
        ":",
        "OK",
        "ERROR",
        "CONNECT",
        "SEND OK",
        "RDYX",
        "NO CARRIERS",
        "APP",
        "+CTZV: 1",
        "+CREG: 1",
        "+CEREG: 1,\"1A2B\",\"01C3D4E5\",7",
        "+QGPS: \"firmware\",0,0",
        "+QMTRECV: 0,0,\"topic\",\"recv\"",
        "+QIRD: 5",
        "+QISTATE: 11,\"TCP\",\"10.0.0.1\",1,1,2,1,0,0,\"uart1\"",
        "+QIURC",
        "+QIURC:",
        "+QIURC: ",
        "+QIURC: \"\"",
        "+QIURC: \"other\",1",
        "+QIURCX: \"recv\",1",
        "AT+QIURC: \"recv\",1",
    ] {
        refuse(line);
    }
}
