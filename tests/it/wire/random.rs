//! No bytes from the wire make a parser panic, and none make it say what they do not.

use atat::AtatCmd;
use quectel_nal::at::*;
use serde_at::{from_slice, serde::de::DeserializeOwned};
use testbench::{Dice, each_seed};

/// Runs a test with 8000 seeds.
fn at_random(test: impl Fn(&Dice)) {
    each_seed("WIRE", 0..8_000, |seed| test(&Dice::new(seed)));
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
const PIECES: &[&str] = &[
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
];

#[test]
fn no_bytes_make_a_parser_panic() {
    at_random(|dice| read_as_anything(&dice.several(0..300, || dice.byte())));
}

#[test]
fn no_pieces_of_lines_make_a_parser_panic() {
    at_random(|dice| {
        let line = dice.several(0..16, || *dice.pick(PIECES)).concat();
        read_as_anything(line.as_bytes());
    });
}

#[test]
fn no_damage_to_a_line_makes_a_parser_panic() {
    let lines = [
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
    ];
    at_random(|dice| {
        let mut line = dice.pick(&lines).as_bytes().to_vec();
        let place = || dice.roll(line.len() as u64) as usize;
        let (damaged, end) = (dice.several(1..4, place), place());
        for place in damaged {
            line[place] = dice.byte();
        }
        read_as_anything(&line);
        read_as_anything(&line[..end]);
    });
}

#[test]
fn every_notice_of_data_is_read_back() {
    at_random(|dice| {
        let (id, length) = (dice.roll(12) as u8, dice.roll(1 << 32) as u32);
        let (address, port) = (dice.bytes::<4>(), dice.roll(65_536) as u16);
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
    at_random(|dice| {
        let octets = dice.bytes::<16>();
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
    let pieces = [
        ":", ":", ":", "::", "::", ".", ".", "0", "1", "9", "10", "01", "255", "256", "f", "FF",
        "ffff", "10000", "g", "-1", "+1", " ", "1.2.3.4", "1:2:3:4", "5:6:7:8",
    ];
    at_random(|dice| {
        let text = dice.several(0..12, || *dice.pick(&pieces)).concat();
        let numbers = text.split('.').count();
        if numbers != 16 {
            assert_eq!(parse_address(&text), text.parse().ok(), "{text}");
        }
    });
}
