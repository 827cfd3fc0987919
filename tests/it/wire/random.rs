//! No bytes from the wire make a parser panic, and none make it say what they do not.

use atat::AtatCmd;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use quectel_nal::at::*;
use serde_at::{from_slice, serde::de::DeserializeOwned};

const SEEDS: [u8; 4] = [1, 2, 3, 4];

/// Runs a property with fixed seeds; a failure tells the seed and the smallest input.
fn for_all<S: Strategy>(strategy: &S, property: impl Fn(S::Value)) {
    for seed in SEEDS {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let config = Config {
            cases: 2_000,
            failure_persistence: None,
            ..Config::default()
        };
        let result = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
            property(value);
            Ok(())
        });
        if let Err(error) = result {
            panic!("seed {seed}: {error}");
        }
    }
}

/// Reads a line as everything it could be.
fn read_as_anything(line: &[u8]) {
    fn read<T: DeserializeOwned>(line: &[u8]) {
        let _ = from_slice::<T>(line);
    }
    let _ = Urc::parse(line);
    let _ = Failure::parse(line);
    read::<ActiveContext>(line);
    read::<AnswerText>(line);
    read::<BearerState>(line);
    read::<Clock>(line);
    read::<ContextConfiguration>(line);
    read::<DataEcho>(line);
    read::<DnsServers>(line);
    read::<LastError>(line);
    read::<Lines<SocketStatus, 12>>(line);
    read::<NoResponse>(line);
    read::<ReadHeader>(line);
    read::<ReceivedData>(line);
    read::<Registration>(line);
    read::<SentData>(line);
    read::<SettingAnswer>(line);
    read::<SignalQuality>(line);
    read::<SimStatus>(line);
    read::<SocketStatus>(line);
    read::<TimeServer>(line);
    read::<UrcPort>(line);
    let _ = ListSockets.parse(Ok(line));
    if let Ok(text) = core::str::from_utf8(line) {
        let _ = parse_address(text);
        let _ = DateTime::parse(text);
        let _ = ServiceType::parse(text);
        let _ = Text::<8>::new(text);
        let _ = HexText::new(text);
    }
}

/// Lines made of pieces that the parsers look for.
fn likely_line() -> impl Strategy<Value = Vec<u8>> {
    let pieces = select(vec![
        "+QIURC: ",
        "+QIURC:",
        "+QIOPEN: ",
        "+QPING: ",
        "+QNTP: ",
        "+QIRD: ",
        "+QISTATE: ",
        "+QIACT: ",
        "+QICSGP: ",
        "+QISEND: ",
        "+QIGETERROR: ",
        "+QIDNSCFG: ",
        "+QICFG: ",
        "+CREG: ",
        "+CSQ: ",
        "+CPIN: ",
        "+CCLK: ",
        "+CFUN: ",
        "+CME ERROR: ",
        "RDY",
        "NO CARRIER",
        "\"recv\"",
        "\"closed\"",
        "\"incoming\"",
        "\"incoming full\"",
        "\"pdpdeact\"",
        "\"dnsgip\"",
        "\"TCP\"",
        "\"UDP SERVICE\"",
        "\"10.7.157.1\"",
        "10.7.157.1",
        "\"2409:8D1E:750C:DFA4::1\"",
        "\"26/07/02,14:27:52+32\"",
        "\"tcp/keepalive\"",
        "\"uart1\"",
        "\"",
        "\\",
        "\\\"",
        ",",
        ",",
        ",",
        ",",
        " ",
        ":",
        "+",
        "-",
        "0",
        "1",
        "11",
        "12",
        "255",
        "256",
        "65535",
        "65536",
        "4294967296",
        "99999999999999999999999",
        "\r\n",
        "\u{fc}",
        "\0",
        "true",
        "[",
        "}",
    ]);
    vec(pieces, 0..16).prop_map(|pieces| pieces.concat().into_bytes())
}

#[test]
fn no_bytes_make_a_parser_panic() {
    for_all(&vec(any::<u8>(), 0..300), |line| read_as_anything(&line));
}

#[test]
fn no_pieces_of_lines_make_a_parser_panic() {
    for_all(&likely_line(), |line| read_as_anything(&line));
}

#[test]
fn no_damage_to_a_line_makes_a_parser_panic() {
    let lines = select(vec![
        "+QIURC: \"recv\",1,13,\"1.1.1.1\",65534",
        "+QIURC: \"incoming\",11,1,\"172.31.242.222\",54091",
        "+QIURC: \"dnsgip\",0,1,300",
        "+QPING: 0,\"61.135.169.125\",32,192,255",
        "+QPING: 0,4,4,0,192,479,287",
        "+QNTP: 0,\"2019/07/21,06:10:59+00\"",
        "+QISTATE: 0,\"TCP\",\"220.180.239.201\",8009,65514,2,1,0,0,\"usbmodem\"",
        "+QIACT: 1,1,3,\"10.28.33.36\",\"2409:8D1E:750C:DFA4::1\"",
        "+QICSGP: 3,\"UNINET\",\"me\",\"a,b\",2,0",
        "+QIGETERROR: 552, invalid parameters",
        "+QIRD: 14,\"195.34.89.241\",7",
        "+QICFG: \"tcp/keepalive\",1,1,30,3",
        "+CREG: 2,5,\"1A2B\",\"01C3D4E5\",7",
    ]);
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    for_all(
        &(lines, damage, any::<prop::sample::Index>()),
        |(line, damage, end)| {
            let mut line = line.as_bytes().to_vec();
            for (place, byte) in damage {
                let place = place.index(line.len());
                line[place] = byte;
            }
            read_as_anything(&line);
            read_as_anything(&line[..end.index(line.len())]);
        },
    );
}

#[test]
fn every_notice_of_data_is_read_back() {
    let notice = (0_u8..12, any::<u32>(), any::<[u8; 4]>(), any::<u16>());
    for_all(&notice, |(id, length, address, port)| {
        let address = std::net::Ipv4Addr::from(address);
        let line = format!("+QIURC: \"recv\",{id},{length},\"{address}\",{port}");
        let expected = Urc::Indication(Indication::Received(Received {
            connect_id: ConnectId::new(id).unwrap(),
            length: NoticedLength(Some(length)),
            peer: Peer(Some((address, port).into())),
        }));
        assert_eq!(Urc::parse(line.as_bytes()), Some(expected));
    });
}

#[test]
fn every_address_is_read_back() {
    for_all(&any::<[u8; 16]>(), |octets| {
        let address = std::net::Ipv6Addr::from(octets);
        assert_eq!(
            parse_address(&format_address(address.into())),
            Some(address.into())
        );
        assert_eq!(parse_address(&address.to_string()), Some(address.into()));
        let dotted = octets.map(|octet| octet.to_string()).join(".");
        assert_eq!(parse_address(&dotted), Some(address.into()));
    });
}

/// But for the sixteen numbers, which are no address to others.
#[test]
fn addresses_are_what_they_are_to_others() {
    let pieces = select(vec![
        ":", ":", ":", "::", "::", ".", ".", "0", "1", "9", "10", "01", "255", "256", "f", "FF",
        "ffff", "10000", "g", "-1", "+1", " ", "1.2.3.4", "1:2:3:4", "5:6:7:8",
    ]);
    let text = vec(pieces, 0..12).prop_map(|pieces| pieces.concat());
    for_all(&text, |text| {
        let numbers = text.split('.').count();
        if numbers != 16 {
            assert_eq!(parse_address(&text), text.parse().ok(), "{text}");
        }
    });
}
