//! Information lines as modules send them, those of the note and others that were seen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use atat::{AtatCmd, InternalError};
use quectel_nal::at::*;
use serde_at::{from_slice, serde::de::DeserializeOwned};

fn read<T: DeserializeOwned>(line: &str) -> T {
    from_slice(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refuse<T: DeserializeOwned>(line: &str) {
    assert!(from_slice::<T>(line.as_bytes()).is_err(), "{line}");
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn context_configuration() {
    let empty: ContextConfiguration = read("+QICSGP: 1,\"\",\"\",\"\",0");
    assert_eq!(empty.context_type, ContextType::Ipv4);
    assert_eq!(empty.apn.as_str(), "");
    assert_eq!(empty.authentication, Some(Authentication::None));

    let full: ContextConfiguration = read("+QICSGP: 3,\"UNINET\",\"me\",\"a,b\",2,0");
    assert_eq!(full.context_type, ContextType::Ipv4v6);
    assert_eq!(full.apn.as_str(), "UNINET");
    assert_eq!(full.username.as_str(), "me");
    assert_eq!(full.password.as_str(), "a,b");
    assert_eq!(full.authentication, Some(Authentication::Chap));

    let short: ContextConfiguration = read("+QICSGP: 1,\"UNINET\"");
    assert_eq!(short.apn.as_str(), "UNINET");
    assert_eq!(short.authentication, None);
}

#[test]
fn active_contexts() {
    let one: ActiveContext = read("+QIACT: 1,1,1,\"10.7.157.1\"");
    assert_eq!(one.context.get(), 1);
    assert_eq!(one.state, ContextState::Activated);
    assert_eq!(one.context_type, ContextType::Ipv4);
    assert_eq!(one.addresses.ipv4(), Some(Ipv4Addr::new(10, 7, 157, 1)));
    assert_eq!(one.addresses.ipv6(), None);

    let both: ActiveContext = read("+QIACT: 1,1,3,\"10.28.33.36\",\"2409:8D1E:750C:DFA4::1\"");
    assert_eq!(both.addresses.ipv4(), Some(Ipv4Addr::new(10, 28, 33, 36)));
    assert_eq!(
        both.addresses.ipv6().map(IpAddr::V6),
        Some(address("2409:8d1e:750c:dfa4::1"))
    );

    let dotted = "+QIACT: 2,1,2,\"36.9.141.30.117.12.223.164.0.0.0.0.0.0.0.1\"";
    let dotted: ActiveContext = read(dotted);
    assert_eq!(
        dotted.addresses.ipv6().map(IpAddr::V6),
        Some(address("2409:8d1e:750c:dfa4::1"))
    );
    assert_eq!(dotted.addresses.ipv4(), None);

    let none: ActiveContext = read("+QIACT: 16,0,1");
    assert_eq!(
        (none.state, none.addresses.ipv4()),
        (ContextState::Deactivated, None)
    );
    let bare: ActiveContext = read("+QIACT: 1,1,1,10.7.157.1");
    assert_eq!(bare.addresses.ipv4(), Some(Ipv4Addr::new(10, 7, 157, 1)));
    let empty: ActiveContext = read("+QIACT: 1,1,1,\"\"");
    assert_eq!(empty.addresses.ipv4(), None);
    for line in [
        "+QIACT: 1,1,1,\"0.0.0.0\"",
        "+QIACT: 1,1,2,\"0:0:0:0:0:0:0:0\"",
        "+QIACT: 1,1,2,\"::\"",
        "+QIACT: 1,1,3,\"0.0.0.0\",\"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0\"",
    ] {
        let none: ActiveContext = read(line);
        let addresses = (none.addresses.ipv4(), none.addresses.ipv6());
        assert_eq!(addresses, (None, None), "{line}");
    }
    for line in [
        "+QIACT: 1,1,2,\"[fe80::1]\"",
        "+QIACT: 1,1,2,\"fe80::1%1\"",
        "+QIACT: 1,1,3,\"0.0.0.0\",\"FE80:0:0:0:0:0:0:1\"",
    ] {
        let own: ActiveContext = read(line);
        assert_eq!(own.addresses.ipv4(), None, "{line}");
        assert_eq!(
            own.addresses.ipv6().map(IpAddr::V6),
            Some(address("fe80::1")),
            "{line}"
        );
    }

    refuse::<ActiveContext>("+QIACT: 17,1,1,\"10.7.157.1\"");
    refuse::<ActiveContext>("+QIACT: (1-16)");
}

#[test]
fn bearers() {
    let bearer: BearerState = read("+CGACT: 9,1");
    assert_eq!((bearer.context, bearer.state), (9, ContextState::Activated));
}

#[test]
fn any_number_of_lines() {
    let parse = |bytes: &[u8]| ListActiveContexts.parse(Ok(bytes)).unwrap();
    assert!(parse(b"").is_empty(), "nothing active is a bare OK");
    assert_eq!(parse(b"+QIACT: 1,1,1,\"10.7.157.1\"").len(), 1);
    let two =
        parse(b"+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\n+CTZV: 1\r\n+QIACT: 2,1,1,\"10.7.157.2\"");
    assert_eq!(two.len(), 2, "a line of another kind is left out");
    assert_eq!(parse(&b"+QIACT: 1,1,1\r\n".repeat(4)).len(), 3);

    let socket = QuerySocket {
        connect_id: ConnectId::new(0).unwrap(),
    };
    assert!(socket.parse(Ok(b"")).unwrap().is_empty(), "the id is free");
}

#[test]
fn a_stray_line_does_not_fail_a_command_without_an_answer() {
    for line in [&b""[..], b"AT\r", b"+CTZV: 1", b"\xff\x00"] {
        assert_eq!(Attention.parse(Ok(line)), Ok(NoResponse));
    }
    assert!(Attention.parse(Err(InternalError::Error)).is_err());
}

#[test]
fn sockets_of_the_note() {
    let line = "+QISTATE: 0,\"TCP\",\"220.180.239.201\",8009,65514,2,1,0,0,\"usbmodem\"";
    let client: SocketStatus = read(line);
    assert_eq!(client.connect_id.get(), 0);
    assert_eq!(client.service, ServiceType::Tcp);
    assert_eq!(client.address.as_str(), "220.180.239.201");
    assert_eq!((client.remote_port, client.local_port), (8009, 65514));
    assert_eq!(client.state, SocketState::Connected);
    assert_eq!(client.context.get(), 1);
    assert_eq!(client.server_id, 0);
    assert_eq!(client.access_mode, AccessMode::Buffer);
    assert_eq!(client.at_port.as_str(), "usbmodem");

    let line = "+QISTATE: 0,\"TCP\",\"220.180.239.201\",8009,65344,2,1,0,1,\"usbmodem\"";
    assert_eq!(
        read::<SocketStatus>(line).access_mode,
        AccessMode::DirectPush
    );

    let line = "+QISTATE: 2,\"UDP SERVICE\",\"10.7.157.1\",0,3030,2,1,2,0,\"usbmodem\"";
    let service: SocketStatus = read(line);
    assert_eq!(service.service, ServiceType::UdpService);
    assert_eq!((service.remote_port, service.local_port), (0, 3030));
}

#[test]
fn sockets_as_modules_show_them() {
    let line = "+QISTATE: 0,\"TCP\",\"104.155.82.190\",1883,22742,3,1,0,0,\"uart1\"";
    assert_eq!(read::<SocketStatus>(line).state, SocketState::Listening);

    let line = "+QISTATE: 11,\"TCP incoming\",\"www.example.com\",80,0,5,1,1,0,\"cmux1\"";
    let accepted: SocketStatus = read(line);
    assert_eq!(accepted.service, ServiceType::TcpIncoming);
    assert_eq!(accepted.address.as_str(), "www.example.com");
    assert_eq!(accepted.state, SocketState::Unknown(5));
    assert_eq!(accepted.local_port, 0);
    assert_eq!(accepted.server_id, 1);
    assert_eq!(accepted.at_port.as_str(), "cmux1");

    let name = "n".repeat(200);
    let line = format!("+QISTATE: 1,\"UDP\",\"{name}\",53,0,4,1,0,2,usb at, or so");
    let clipped: SocketStatus = read(&line);
    assert_eq!(clipped.address.as_str(), &name[..40]);
    assert_eq!(clipped.state, SocketState::Closing);
    assert_eq!(clipped.access_mode, AccessMode::Transparent);
    assert_eq!(clipped.at_port.as_str(), "usb at, or s");

    let line = "+QISTATE: 1,\"UDP\",\"10.0.0.1\",53,0,0,1,0,0";
    assert_eq!(read::<SocketStatus>(line).at_port.as_str(), "");

    refuse::<SocketStatus>("+QISTATE: 12,\"UDP\",\"10.0.0.1\",53,0,0,1,0,0,\"uart1\"");
    refuse::<SocketStatus>("+QISTATE: 1,\"SCTP\",\"10.0.0.1\",53,0,0,1,0,0,\"uart1\"");
}

#[test]
fn socket_states_and_service_types_keep_what_they_mean() {
    for number in 0..=u8::MAX {
        let unknown = SocketState::from(number) == SocketState::Unknown(number);
        assert_eq!(unknown, number > 4, "{number}");
    }
    for service in ["TCP", "UDP", "tcp listener", "Udp Incoming", "UDP LISTENER"] {
        let parsed = ServiceType::parse(service).unwrap();
        assert_eq!(parsed.as_str(), service.to_uppercase());
    }
    assert_eq!(ServiceType::parse("TCP SERVIC"), None);
}

#[test]
fn sent_and_received_counters() {
    let sent = |line| {
        let sent: SentData = read(line);
        (sent.total, sent.acknowledged, sent.unacknowledged)
    };
    assert_eq!(sent("+QISEND: 9,9,0"), (9, 9, 0));
    assert_eq!(sent("+QISEND: 14,14,0"), (14, 14, 0));
    assert_eq!(sent("+QISEND: 100,60,40"), (100, 60, 40));
    assert_eq!(
        sent("+QISEND: 5000000000, 5000000000, 0"),
        (5_000_000_000, 5_000_000_000, 0)
    );
    refuse::<SentData>("+QISEND: 9,9");
    refuse::<SentData>("+QISEND: 99999999999999999999,0,0");

    let received = |line| {
        let received: ReceivedData = read(line);
        (received.total, received.read, received.unread)
    };
    assert_eq!(received("+QIRD: 10,10,0"), (10, 10, 0));
    assert_eq!(received("+QIRD: 3615,3529,86"), (3615, 3529, 86));
    refuse::<ReceivedData>("+QIRD: 10");
}

#[test]
fn read_headers() {
    let header = |line| {
        let header: ReadHeader = read(line);
        (header.length, header.peer.0)
    };
    let peer = |text: &str| Some(text.parse::<SocketAddr>().unwrap());
    assert_eq!(header("+QIRD: 5"), (5, None));
    assert_eq!(header("+QIRD: 0"), (0, None));
    assert_eq!(header("+QIRD: 1500"), (1500, None));
    assert_eq!(
        header("+QIRD: 4,\"10.7.76.34\",7687"),
        (4, peer("10.7.76.34:7687"))
    );
    assert_eq!(
        header("+QIRD: 14,\"195.34.89.241\",7"),
        (14, peer("195.34.89.241:7"))
    );
    assert_eq!(
        header("+QIRD: 14, 195.34.89.241, 7"),
        (14, peer("195.34.89.241:7"))
    );
    assert_eq!(
        header("+QIRD: 0,\"10.7.76.34\",7687"),
        (0, peer("10.7.76.34:7687")),
        "empty"
    );
    assert_eq!(
        header("+QIRD: 3,\"2001:DB8::1\",9"),
        (3, peer("[2001:db8::1]:9"))
    );
    assert_eq!(header("+QIRD: 3,\"[2409::1]\",9"), (3, peer("[2409::1]:9")));
    assert_eq!(header("+QIRD: 3,\"fe80::1%1\",9"), (3, peer("[fe80::1]:9")));
    // The length counts even where the peer does not.
    assert_eq!(header("+QIRD: 4,\"10.7.76.34\""), (4, None));
    assert_eq!(header("+QIRD: 4,\"?\",7687"), (4, None));
    assert_eq!(header("+QIRD: 0,\"\",0"), (0, None));
    refuse::<ReadHeader>("+QIRD: 10,10,0");
    refuse::<ReadHeader>("+QIRD: 5,test1");
    refuse::<ReadHeader>("+QIRD: (0-11),(0-1500)");
    refuse::<ReadHeader>("+QIRD: ");
    refuse::<ReadHeader>("+QIRD: 5x");
    refuse::<ReadHeader>("+QIRD: -5");
}

#[test]
fn last_errors() {
    for (line, code, description) in [
        (
            "+QIGETERROR: 552, invalid parameters",
            552,
            "invalid parameters",
        ),
        (
            "+QIGETERROR: 552,invalid parameters",
            552,
            "invalid parameters",
        ),
        (
            "+QIGETERROR: 552,\"invalid, parameters\"",
            552,
            "invalid, parameters",
        ),
        ("+QIGETERROR: 552", 552, ""),
        ("+QIGETERROR: 552,", 552, ""),
        (
            "+QIGETERROR: 572,operation not allowed",
            572,
            "operation not allowed",
        ),
        ("+QIGETERROR: 9999,\u{fc}ber", 9999, "??ber"),
    ] {
        let last: LastError = read(line);
        assert_eq!(
            (last.code, last.description.as_str()),
            (code, description),
            "{line}"
        );
        assert_eq!(last.error(), ErrorCode::new(code));
    }
    let none: LastError = read("+QIGETERROR: 0,operate successfully");
    assert_eq!((none.code, none.error()), (0, None));
}

#[test]
fn error_codes() {
    for code in 0..=u16::MAX {
        let error = ErrorCode::new(code);
        assert_eq!(error.map_or(0, ErrorCode::code), code);
        let known = error.is_some_and(|error| !error.to_string().contains("not known"));
        assert_eq!(known, (550..=574).contains(&code), "{code}");
        assert_eq!(ErrorCode::check(code).err(), error);
    }
    assert_eq!(ErrorCode::new(563), Some(ErrorCode::ID_IN_USE));
    assert_eq!(
        ErrorCode::ID_IN_USE.to_string(),
        "socket id is in use already (563)"
    );
    assert_eq!(
        ErrorCode::new(600).unwrap().to_string(),
        "code not known (600)"
    );
}

#[test]
fn failures() {
    for (line, failure) in [
        ("ERROR", Failure::Plain),
        ("+CME ERROR: 3", Failure::Number(3)),
        ("+CME ERROR:10", Failure::Number(10)),
        ("+CME ERROR: 564", Failure::Number(564)),
        ("+CME ERROR: SIM failure", Failure::Text("SIM failure")),
        ("+CME ERROR: 99999", Failure::Text("99999")),
        ("+CME ERROR: ", Failure::Text("")),
        ("+CMS ERROR: 300", Failure::Number(300)),
        ("+CMS ERROR: ME failure", Failure::Text("ME failure")),
    ] {
        assert_eq!(Failure::parse(line.as_bytes()), Some(failure), "{line}");
    }
    for line in ["OK", "ERRORS", "+CME", "SEND FAIL", "", "+QIRD: 0"] {
        assert_eq!(Failure::parse(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn dns_servers() {
    let servers: DnsServers = read("+QIDNSCFG: 1,\"8.8.8.8\",\"2001:4860:4860::8888\"");
    assert_eq!(servers.context.get(), 1);
    assert_eq!(servers.primary.0, Some(address("8.8.8.8")));
    assert_eq!(servers.secondary.0, Some(address("2001:4860:4860::8888")));
    let one: DnsServers = read("+QIDNSCFG: 1,8.8.8.8,\"\"");
    assert_eq!(
        (one.primary.0, one.secondary.0),
        (Some(address("8.8.8.8")), None)
    );
    let none: DnsServers = read("+QIDNSCFG: 1");
    assert_eq!((none.primary.0, none.secondary.0), (None, None));
}

#[test]
fn time() {
    let server: TimeServer = read("+QNTP: \"202.112.10.36\",123");
    assert_eq!(
        (server.server.as_str(), server.port),
        ("202.112.10.36", 123)
    );
    let clock: Clock = read("+CCLK: \"19/07/21,06:11:05+00\"");
    let time = DateTime {
        year: 2019,
        month: 7,
        day: 21,
        hour: 6,
        minute: 11,
        second: 5,
        zone: Some(0),
    };
    assert_eq!(clock.time, time);

    let zone = |text| DateTime::parse(text).map(|time| time.zone);
    assert_eq!(DateTime::parse("2019/07/21,06:11:05+00"), Some(time));
    assert_eq!(zone("2026/07/02,14:27:52+32"), Some(Some(32)));
    assert_eq!(zone("2026/07/02,14:27:52+56"), Some(Some(56)));
    assert_eq!(zone("2026/07/02,14:27:52-48"), Some(Some(-48)));
    assert_eq!(zone("80/01/06,00:00:12"), Some(None));
    for text in [
        "",
        "2026/07/02",
        "2026/07/02,14:27",
        "026/07/02,14:27:52+32",
        "2026/13/02,14:27:52+32",
        "2026/00/02,14:27:52+32",
        "2026/07/32,14:27:52+32",
        "2026/07/02,24:27:52+32",
        "2026/07/02,14:60:52+32",
        "2026/07/02,14:27:61+32",
        "2026/07/02,14:27:52+57",
        "2026/07/02,14:27:52-49",
        "2026/07/02,14:27:52+",
        "2026/07/02,14:27:52+3\u{fc}",
        "2026/07/02/01,14:27:52",
    ] {
        assert_eq!(DateTime::parse(text), None, "{text}");
    }
}

#[test]
fn settings() {
    let on = Switch::On;
    let known = [
        (
            "\"transpktsize\",1024",
            Setting::TransparentPacketSize(Within::nearest(1024)),
        ),
        (
            "\"transwaittm\",2",
            Setting::TransparentWait(Within::nearest(2)),
        ),
        (
            "\"dataformat\",0,1",
            Setting::DataFormats {
                send: DataFormat::Text,
                receive: DataFormat::Hex,
            },
        ),
        ("\"viewmode\",1", Setting::ViewMode(ViewMode::Comma)),
        (
            "\"tcp/retranscfg\",12,600",
            Setting::TcpRetransmission {
                max_backoffs: Within::nearest(12),
                max_interval: Within::nearest(600),
            },
        ),
        ("\"dns/cache\",1", Setting::DnsCache(on)),
        ("\"qisend/timeout\",0", Setting::SendTimeout(Within::MIN)),
        ("\"passiveclosed\",1", Setting::PassiveClose(on)),
        ("\"udp/readmode\",1", Setting::UdpReadMode(UdpMode::Stream)),
        ("\"udp/sendmode\",0", Setting::UdpSendMode(UdpMode::Block)),
        ("\"tcp/accept\",1", Setting::TcpAccept(on)),
        ("\"tcp/keepalive\",0", Setting::TcpKeepAlive(KeepAlive::Off)),
        (
            "\"tcp/keepalive\",1,1,30,3",
            Setting::TcpKeepAlive(KeepAlive::On {
                idle: Within::nearest(1),
                interval: Within::nearest(30),
                probes: Within::nearest(3),
            }),
        ),
        (
            "\"recv/buffersize\",10240",
            Setting::ReceiveBufferSize(Within::MIN),
        ),
        ("\"recvind\",1", Setting::ReceiveIndication(on)),
    ];
    for (fields, setting) in known {
        let answer: SettingAnswer = read(&format!("+QICFG: {fields}"));
        assert_eq!(Some(answer.key), setting.key());
        assert_eq!(answer.setting(), Some(setting), "{fields}");
        // The note prints the answer about keep-alive without its first word.
        assert_eq!(read::<SettingAnswer>(fields), answer);
    }
    let beyond: SettingAnswer = read("+QICFG: \"transpktsize\",4096");
    assert_eq!((beyond.values.as_str(), beyond.setting()), ("4096", None));
    let bare: SettingAnswer = read("+QICFG: \"recvind\"");
    assert_eq!(bare.setting(), None);
    refuse::<SettingAnswer>("+QICFG: \"sendinfo\",0");

    assert_eq!(read::<DataEcho>("+QISDE: 1").echo, Switch::from(true));
    assert_eq!(read::<DataEcho>("+QISDE: 0").echo, Switch::from(false));
    refuse::<DataEcho>("+QISDE: (0,1)");
    assert_eq!(
        read::<UrcPort>("+QURCCFG: \"urcport\",\"usbat\"")
            .port
            .as_str(),
        "usbat"
    );
}

#[test]
fn sim_and_network() {
    for (line, state) in [
        ("+CPIN: READY", SimState::Ready),
        ("+CPIN:READY", SimState::Ready),
        ("+CPIN: SIM PIN", SimState::Pin),
        ("+CPIN: SIM PUK", SimState::Puk),
        ("+CPIN: NOT READY", SimState::NotReady),
        ("+CPIN: NOT INSERTED", SimState::NotInserted),
        ("+CPIN: SIM PIN2", SimState::Pin2),
        ("+CPIN: PH-NET PIN", SimState::DeviceLocked),
    ] {
        assert_eq!(read::<SimStatus>(line).state, state, "{line}");
    }

    for (line, status) in [
        ("+CREG: 0,1", RegistrationStatus::Home),
        (
            "+CREG: 2,5,\"1A2B\",\"01C3D4E5\",7",
            RegistrationStatus::Roaming,
        ),
        ("+CREG: 1", RegistrationStatus::Home),
        ("+CREG: 1,\"1A2B\",\"01C3D4E5\",7", RegistrationStatus::Home),
        ("+CGREG: 0,2", RegistrationStatus::Searching),
        ("+CEREG: 0,3", RegistrationStatus::Denied),
        ("+CEREG: 0,4", RegistrationStatus::NotKnown),
        ("+CEREG: 4,0", RegistrationStatus::NotRegistered),
        ("+CEREG: 0,11", RegistrationStatus::Unknown(11)),
    ] {
        let registration: Registration = read(line);
        assert_eq!(registration.status, status, "{line}");
    }
    assert!(RegistrationStatus::Home.is_registered());
    assert!(RegistrationStatus::Roaming.is_registered());
    assert!(!RegistrationStatus::Searching.is_registered());

    let signal: SignalQuality = read("+CSQ: 24,99");
    assert_eq!(
        (signal.rssi, signal.bit_error_rate, signal.dbm()),
        (24, 99, Some(-65))
    );
    assert_eq!(read::<SignalQuality>("+CSQ: 0,0").dbm(), Some(-113));
    assert_eq!(read::<SignalQuality>("+CSQ: 31,7").dbm(), Some(-51));
    assert_eq!(read::<SignalQuality>("+CSQ: 99,99").dbm(), None);
}

#[test]
fn text_is_kept_and_cut_off() {
    for line in [
        "+QIOPEN: (1-16),(0-11),\"TCP/UDP/TCP LISTENER/UDP SERVICE\",\"<IP_address>\",(0-2)",
        "+QICFG: \"tcp/keepalive\",(0,1),(1-120),(25-100),(3-10)",
        "Quectel",
        "Revision: EC25EFAR06A03M4G",
        "861234567890123",
        "",
    ] {
        assert_eq!(read::<AnswerText>(line).as_str(), line);
    }
    assert_eq!(
        read::<AnswerText>(&"x".repeat(300)).as_str(),
        "x".repeat(256)
    );
}

#[test]
fn registration_with_any_fields_behind_the_status() {
    use RegistrationStatus::*;
    for (line, status) in [
        ("+CEREG: 0,6", HomeSmsOnly),
        ("+CEREG: 0,7", RoamingSmsOnly),
        ("+CREG: 0,8", EmergencyOnly),
        ("+CREG: 0,9", HomeNoFallback),
        ("+CREG: 2,10,\"1A2B\",\"01C3D4E5\",7", RoamingNoFallback),
        ("+CREG: 0,11", Unknown(11)),
        ("+CEREG: 2,3,,,,0,15", Denied),
        ("+CEREG: 2,3,\"\",\"\",,0,\"15\"", Denied),
        ("+CEREG: 3,,,,0,15", Denied),
        ("+CEREG: 2,,,", Searching),
        ("+CEREG: 1,\"1A2B\",\"01C3D4E5\",7", Home),
        (
            "+CEREG: 4,5,\"1A2B\",\"01C3D4E5\",7,,,\"00000001\"",
            Roaming,
        ),
    ] {
        let registration: Registration = read(line);
        assert_eq!(registration.status, status, "{line}");
    }
    let is_usable = |number: u8| RegistrationStatus::from(number).is_registered();
    let usable: Vec<_> = (0..=u8::MAX).filter(|&number| is_usable(number)).collect();
    assert_eq!(usable, [1, 5, 9, 10]);
}

#[test]
fn the_operator_and_the_module() {
    let operator: Operator = read("+COPS: 0,0,\"Telekom.de, LTE\",7");
    assert_eq!((operator.mode, operator.format), (0, Some(0)));
    assert_eq!(operator.name.as_str(), "Telekom.de, LTE");
    assert_eq!(operator.access_technology, Some(AccessTechnology::Lte));
    for (line, name, technology) in [
        ("+COPS: 1,2,\"26201\"", "26201", None),
        (
            "+COPS: 0,0,Verizon,8",
            "Verizon",
            Some(AccessTechnology::CatM1),
        ),
        ("+COPS: 0,0,\"\",9", "", Some(AccessTechnology::NbIot)),
        ("+COPS: 2,,,13", "", Some(AccessTechnology::Unknown(13))),
    ] {
        let operator = QueryOperator.parse(Ok(line.as_bytes())).unwrap();
        let found = (operator.name.as_str(), operator.access_technology);
        assert_eq!(found, (name, technology), "{line}");
    }
    for damaged in [
        "+COPS: ",
        "+COPS: 0,0,\"Virtual\",x",
        "+COPS: 0,0,\"Virtual\",7,1",
        "+COPS: 0,0,\"Virtual\",256",
    ] {
        assert!(
            QueryOperator.parse(Ok(damaged.as_bytes())).is_err(),
            "{damaged}"
        );
    }
    let long: Operator = read(&format!("+COPS: 0,0,\"{}\",7", "x".repeat(99)));
    assert_eq!(long.name.as_str(), "x".repeat(32));
    let none: Operator = read("+COPS: 0");
    assert_eq!(
        (none.name.as_str(), none.access_technology),
        ("", None),
        "no operator"
    );
}

#[test]
fn numbers_of_module_card_and_subscriber() {
    let imei = QueryImei.parse(Ok(b"867698040023455")).unwrap();
    assert_eq!(imei.as_str(), "867698040023455");
    for answer in [
        "867698040023455",
        "+CGSN: 867698040023455",
        "+CGSN: \"867698040023455\"",
        "RING\r\n867698040023455",
        "867698040023455\r\nRING",
    ] {
        let imei = QuerySerialNumber.parse(Ok(answer.as_bytes())).unwrap();
        assert_eq!(imei.as_str(), "867698040023455", "{answer:?}");
    }
    for damaged in [
        "",
        "86769804002345",
        "86769804002345A",
        "86769804002345\u{fffd}",
        "86769804002345567",
        "867698040023455,1",
        "OK",
    ] {
        let refused = QuerySerialNumber.parse(Ok(damaged.as_bytes()));
        assert!(refused.is_err(), "{damaged:?}");
    }
    for (answer, number) in [
        ("+QCCID: 89490200001234567890", "89490200001234567890"),
        ("+QCCID: 89014103211118510720F", "89014103211118510720"),
        ("+QCCID: \"898600220909A0206023\"", "898600220909A0206023"),
        ("8901000000000000000", "8901000000000000000"),
    ] {
        let iccid = QueryCardNumber.parse(Ok(answer.as_bytes())).unwrap();
        assert_eq!(iccid.to_string(), number, "{answer}");
    }
    let refused = QueryCardNumber.parse(Ok(b"+QCCID: 8949020000123456789G"));
    assert!(refused.is_err());
    let imsi = QuerySubscriber.parse(Ok(b"262011234567890")).unwrap();
    assert_eq!(&*imsi, "262011234567890");
    assert!(QuerySubscriber.parse(Ok(b"26201")).is_err());
}

#[test]
fn signals() {
    let lte: ExtendedSignalQuality = read("+CESQ: 99,99,255,255,20,60");
    assert_eq!(
        (
            lte.rsrp_dbm(),
            lte.rsrq_db(),
            lte.rxlev_dbm(),
            lte.rscp_dbm(),
            lte.ecno_db()
        ),
        (Some(-81), Some(-10), None, None, None)
    );
    let umts: ExtendedSignalQuality = read("+CESQ: 99,99,37,24,255,255");
    assert_eq!((umts.rscp_dbm(), umts.ecno_db()), (Some(-84), Some(-13)));
    let gsm: ExtendedSignalQuality = read("+CESQ: 40,0,255,255,255,255");
    assert_eq!((gsm.rxlev_dbm(), gsm.rsrp_dbm()), (Some(-71), None));
    // A module for 5G.
    let more: ExtendedSignalQuality = read("+CESQ: 99, 99, 255, 255, 26, 64, 255, 255, 255");
    assert_eq!(more.rsrp_dbm(), Some(-77));
    let ends: ExtendedSignalQuality = read("+CESQ: 63,7,96,49,34,97");
    assert_eq!(
        (
            ends.rxlev_dbm(),
            ends.rscp_dbm(),
            ends.ecno_db(),
            ends.rsrq_db(),
            ends.rsrp_dbm()
        ),
        (Some(-48), Some(-25), Some(0), Some(-3), Some(-44))
    );
    let beyond: ExtendedSignalQuality = read("+CESQ: 64,8,97,50,35,98");
    assert_eq!(
        (
            beyond.rxlev_dbm(),
            beyond.rscp_dbm(),
            beyond.ecno_db(),
            beyond.rsrq_db(),
            beyond.rsrp_dbm()
        ),
        (None, None, None, None, None)
    );

    for damaged in [
        "+CESQ: 99,99,255,255,20",
        "+CESQ: 99,99,255,255,20,256",
        "+CESQ: 99,99,255,255,20,-60",
        "+CESQ: 99,99,255,255,20,60,255,255,255,0",
    ] {
        let refused = QueryExtendedSignalQuality.parse(Ok(damaged.as_bytes()));
        assert!(refused.is_err(), "{damaged}");
    }

    let lte: CellSignal = read("+QCSQ: \"LTE\",-61,-95,150,-12");
    assert_eq!(lte.network, CellNetwork::Lte);
    assert_eq!(
        (lte.rssi_dbm(), lte.rsrp_dbm(), lte.sinr_db(), lte.rsrq_db()),
        (Some(-61), Some(-95), Some(10), Some(-12))
    );
    assert_eq!((lte.rscp_dbm(), lte.ecio_db()), (None, None));
    for (name, network) in [
        ("CAT-M1", CellNetwork::CatM1),
        ("eMTC", CellNetwork::CatM1),
        ("CAT-NB1", CellNetwork::NbIot),
        ("NBIoT", CellNetwork::NbIot),
    ] {
        let signal: CellSignal = read(&format!("+QCSQ: \"{name}\",-65,-85,168,-5"));
        assert_eq!((signal.network, signal.sinr_db()), (network, Some(13)));
    }
    // Without its sign.
    let umts: CellSignal = read("+QCSQ: \"WCDMA\",69,-72,-4");
    assert_eq!(
        (
            umts.rssi_dbm(),
            umts.rscp_dbm(),
            umts.ecio_db(),
            umts.rsrp_dbm()
        ),
        (Some(-69), Some(-72), Some(-4), None)
    );
    let gsm: CellSignal = read("+QCSQ: \"GSM\",-70");
    assert_eq!(
        (gsm.rssi_dbm(), gsm.rsrp_dbm(), gsm.sinr_db()),
        (Some(-70), None, None)
    );
    for line in ["+QCSQ: \"NOSERVICE\"", "+QCSQ: \"NR5G\",-68,38,-11"] {
        let none: CellSignal = read(line);
        assert_eq!(
            (
                none.rssi_dbm(),
                none.rsrp_dbm(),
                none.sinr_db(),
                none.rsrq_db(),
                none.rscp_dbm()
            ),
            (None, None, None, None, None)
        );
    }
    for damaged in [
        "+QCSQ: ",
        "+QCSQ: \"LTE\",-61,-95,150,-12,1",
        "+QCSQ: \"LTE\",-6x1",
        "+QCSQ: \"LTE\",--61",
        "+QCSQ: \"LTE\",-",
        "+QCSQ: \"LTE\",-32768",
    ] {
        assert!(
            QueryCellSignal.parse(Ok(damaged.as_bytes())).is_err(),
            "{damaged}"
        );
    }
    assert_eq!(
        read::<CellSignal>("+QCSQ: \"LTE\",-61,-95,251").sinr_db(),
        None
    );
}

#[test]
fn sleep() {
    let mode: PowerSavingMode = read("+CPSMS: 1,,,\"00011000\",\"00001010\"");
    assert_eq!(mode.mode, Switch::On);
    let seconds = mode.periodic_update.and_then(PeriodicUpdateTimer::seconds);
    assert_eq!(seconds, Some(4 * 3_600));
    assert_eq!(mode.active.and_then(ActiveTimer::seconds), Some(20));
    let off: PowerSavingMode = read("+CPSMS: 0");
    assert_eq!((off.mode, off.periodic_update), (Switch::Off, None));
    let deactivated: PowerSavingMode = read("+CPSMS: 1,,,\"11100000\",\"11100000\"");
    assert_eq!(deactivated.active, Some(ActiveTimer::OFF));
    assert_eq!(ActiveTimer::OFF.seconds(), None);
    refuse::<PowerSavingMode>("+CPSMS: 1,,,\"0001100\",\"00001010\"");
    refuse::<PowerSavingMode>("+CPSMS: 1,,,\"+0011000\",\"00001010\"");
    refuse::<PowerSavingMode>("+CPSMS: 1,,,\"00012000\",\"00001010\"");

    let edrx: Edrx = read("+CEDRXRDP: 4,\"0101\",\"0011\",\"1111\"");
    assert_eq!(edrx.network, EdrxNetwork::Lte);
    assert_eq!(edrx.requested.map(EdrxCycle::milliseconds), Some(81_920));
    assert_eq!(edrx.granted.map(EdrxCycle::milliseconds), Some(40_960));
    assert_eq!(edrx.paging_window.as_str(), "1111");
    let none: Edrx = read("+CEDRXRDP: 0");
    assert_eq!((none.network, none.requested), (EdrxNetwork::None, None));
    let lines = QueryEdrx.parse(Ok(b"+CEDRXS: 4,\"0101\"\r\n+CEDRXS: 5,\"0010\""));
    assert_eq!(lines.unwrap().len(), 2);
    let sleep: UartSleep = read("+QSCLK: 1");
    assert_eq!(sleep.sleep, Switch::On);
}

#[test]
fn a_timer_is_never_shorter_than_demanded() {
    let mut longest = 0;
    for seconds in (0..200).chain((200..40_000_000).step_by(997)) {
        let periodic = PeriodicUpdateTimer::at_least(seconds).seconds().unwrap();
        assert!(periodic >= seconds.min(31 * 1_152_000) && periodic >= longest);
        longest = periodic;
        let active = ActiveTimer::at_least(seconds).seconds().unwrap();
        assert!(active >= seconds.min(31 * 360), "{seconds}");
    }
    assert_eq!(PeriodicUpdateTimer::at_least(62).seconds(), Some(62));
    assert_eq!(PeriodicUpdateTimer::at_least(63).seconds(), Some(90));
    assert_eq!(ActiveTimer::at_least(u32::MAX).seconds(), Some(31 * 360));
    for milliseconds in (0..12_000_000).step_by(731) {
        let cycle = EdrxCycle::at_least(milliseconds).milliseconds();
        assert!(cycle >= milliseconds.min(10_485_760), "{milliseconds}");
    }
    assert_eq!(EdrxCycle::at_least(5_121).milliseconds(), 10_240);
}
