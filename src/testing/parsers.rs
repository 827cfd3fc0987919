//! Lines with any values, written in each of the ways that modules have.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::Choices;
use crate::at::*;

/// What is written is read back: fields of lines with and without blanks and quotes, addresses in all forms, settings and timers.
/// Any bytes at all are refused or read, and never panic.
pub fn parsers(input: &[u8]) {
    let mut choices = Choices::new(input);
    while !choices.is_empty() {
        match choices.below(11) {
            0 => read_header(&mut choices),
            1 => received(&mut choices),
            2 => short_urcs(&mut choices),
            3 => registration(&mut choices),
            4 => contexts(&mut choices),
            5 => socket(&mut choices),
            6 => ping(&mut choices),
            7 => resolution(&mut choices),
            8 => setting(&mut choices),
            9 => timers(&mut choices),
            _ => any_bytes(&mut choices),
        }
    }
}

fn number(choices: &mut Choices<'_>) -> u16 {
    u16::from(choices.byte()) << 8 | u16::from(choices.byte())
}

/// A line of these fields, with blanks where modules have them.
fn line(choices: &mut Choices<'_>, prefix: &str, fields: &[String]) -> String {
    let colon = ["", " ", "  "][choices.below(3)];
    let comma = [",", ", ", " ,"][choices.below(3)];
    format!("{prefix}:{colon}{}", fields.join(comma))
}

/// A text that has no comma in it: some modules omit the quotes.
fn text(choices: &mut Choices<'_>, text: &str) -> String {
    match choices.below(3) {
        0 => text.to_string(),
        _ => format!("\"{text}\""),
    }
}

fn address(choices: &mut Choices<'_>) -> (IpAddr, String) {
    let octets = |choices: &mut Choices<'_>| [(); 4].map(|()| choices.byte());
    if choices.below(2) == 0 {
        let address = Ipv4Addr::from(octets(choices));
        return (address.into(), text(choices, &address.to_string()));
    }
    let mut segments = [0; 8];
    for segment in &mut segments {
        if choices.below(2) == 0 {
            *segment = number(choices);
        }
    }
    let address = Ipv6Addr::from(segments);
    let groups: Vec<String> = segments.iter().map(|it| format!("{it:x}")).collect();
    let mut written = match choices.below(4) {
        0 => address.to_string(),
        1 => groups.join(":"),
        2 => groups.join(":").to_uppercase(),
        _ => {
            let octets = address.octets().map(|octet| octet.to_string());
            return (address.into(), text(choices, &octets.join(".")));
        }
    };
    if choices.below(4) == 0 {
        written += ["%1", "%eth0"][choices.below(2)];
    }
    if choices.below(4) == 0 {
        written = format!("[{written}]");
    }
    (address.into(), text(choices, &written))
}

/// Address and port, or neither.
fn peer(choices: &mut Choices<'_>, fields: &mut Vec<String>) -> Peer {
    if choices.below(3) == 0 {
        return Peer(None);
    }
    let (address, written) = address(choices);
    let port = number(choices);
    fields.extend([written, port.to_string()]);
    Peer(Some(SocketAddr::new(address, port)))
}

#[track_caller]
fn same<T: Debug + PartialEq>(line: &str, read: Option<T>, expected: T) {
    assert_eq!(read, Some(expected), "{line}");
}

fn read_header(choices: &mut Choices<'_>) {
    let length = u32::from(number(choices));
    let mut fields = [length.to_string()].to_vec();
    let peer = peer(choices, &mut fields);
    let line = line(choices, "+QIRD", &fields);
    let header: Option<ReadHeader> = read(line.as_bytes());
    same(
        &line,
        header.map(|header| (header.length, header.peer)),
        (length, peer),
    );
}

fn connect_id(choices: &mut Choices<'_>) -> ConnectId {
    ConnectId::new(choices.below(12) as u8).expect("below 12")
}

fn received(choices: &mut Choices<'_>) {
    let connect_id = connect_id(choices);
    let mut fields = ["\"recv\"".to_string(), connect_id.get().to_string()].to_vec();
    let (mut length, mut from) = (None, Peer(None));
    match choices.below(4) {
        0 => {}
        1 => fields.push("\"buff full\"".to_string()),
        _ => {
            length = Some(u32::from(number(choices)));
            fields.extend(length.map(|length| length.to_string()));
            from = peer(choices, &mut fields);
        }
    }
    let line = line(choices, "+QIURC", &fields);
    let received = Received {
        connect_id,
        length: NoticedLength(length),
        peer: from,
    };
    let urc = Urc::Indication(Indication::Received(received));
    same(&line, Urc::parse(line.as_bytes()), urc);
}

fn short_urcs(choices: &mut Choices<'_>) {
    let connect_id = connect_id(choices);
    let id = connect_id.get().to_string();
    let (prefix, fields, urc) = match choices.below(3) {
        0 => (
            "+QIURC",
            ["\"closed\"".to_string(), id].to_vec(),
            Urc::Indication(Indication::Closed(connect_id)),
        ),
        1 => {
            let code = number(choices);
            let result = ErrorCode::check(code);
            let opened = Opened { connect_id, result };
            (
                "+QIOPEN",
                [id, code.to_string()].to_vec(),
                Urc::Opened(opened),
            )
        }
        _ => {
            let server_id = self::connect_id(choices);
            let server = server_id.get().to_string();
            let mut fields = ["\"incoming\"".to_string(), id, server].to_vec();
            let peer = peer(choices, &mut fields);
            let incoming = Incoming {
                connect_id,
                server_id,
                peer,
            };
            let urc = Urc::Indication(Indication::Incoming(incoming));
            ("+QIURC", fields, urc)
        }
    };
    let line = line(choices, prefix, &fields);
    same(&line, Urc::parse(line.as_bytes()), urc);
}

fn registration(choices: &mut Choices<'_>) {
    let number = choices.byte();
    let mut fields = Vec::new();
    // As an information response with <n>, as a URC without.
    if choices.below(2) == 0 {
        fields.push(choices.below(6).to_string());
    }
    fields.push(number.to_string());
    let rest = [
        "",
        ",\"1A2B\",\"01C3D4E5\",7",
        ",,,,0,15",
        ",\"\",\"\",,0,\"15\"",
    ];
    // Without anything after it a single number is the status.
    let line = line(choices, "+CEREG", &fields) + rest[choices.below(4)];
    let registration: Option<Registration> = read(line.as_bytes());
    same(&line, registration.map(|it| it.status), number.into());
}

fn contexts(choices: &mut Choices<'_>) {
    let context = 1 + choices.below(16) as u8;
    let mut fields = [context.to_string(), "1".to_string(), "3".to_string()].to_vec();
    let (mut v4, mut v6) = (None, None);
    for _ in 0..choices.below(3) {
        let (address, written) = address(choices);
        if fields.len() == 4 && address.is_ipv6() {
            // At most one of each family: IPv4 comes first.
            continue;
        }
        fields.push(written);
        if address.is_unspecified() {
            continue;
        }
        match address {
            IpAddr::V4(address) => v4 = v4.or(Some(address)),
            IpAddr::V6(address) => v6 = v6.or(Some(address)),
        }
    }
    let line = line(choices, "+QIACT", &fields);
    let active: Option<ActiveContext> = read(line.as_bytes());
    let found = active.map(|it| (it.context.get(), it.addresses.ipv4(), it.addresses.ipv6()));
    same(&line, found, (context, v4, v6));
}

fn socket(choices: &mut Choices<'_>) {
    let id = connect_id(choices);
    let service = ServiceType::ALL[choices.below(ServiceType::ALL.len())];
    let state = choices.byte();
    let mut name = service.as_str().to_string();
    if choices.below(2) == 0 {
        name = name.to_lowercase();
    }
    let fields = [
        id.get().to_string(),
        text(choices, &name),
        address(choices).1,
        number(choices).to_string(),
        number(choices).to_string(),
        state.to_string(),
        "1".to_string(),
        choices.byte().to_string(),
        choices.below(3).to_string(),
        text(choices, "uart1"),
    ];
    let count = fields.len() - choices.below(2);
    let line = line(choices, "+QISTATE", &fields[..count]);
    let status: Option<SocketStatus> = read(line.as_bytes());
    let found = status.map(|status| (status.connect_id, status.service, status.state));
    same(&line, found, (id, service, state.into()));
}

fn ping(choices: &mut Choices<'_>) {
    let code = number(choices);
    let (address, written) = address(choices);
    let (bytes, time) = (number(choices), number(choices));
    let fields = [
        code.to_string(),
        written,
        bytes.to_string(),
        time.to_string(),
        "64".to_string(),
    ];
    let line = line(choices, "+QPING", &fields);
    let reply = PingReport::Reply {
        result: ErrorCode::check(code),
        address,
        bytes,
        time: time.into(),
        time_to_live: 64,
    };
    same(&line, Urc::parse(line.as_bytes()), Urc::Ping(reply));
}

fn resolution(choices: &mut Choices<'_>) {
    let (address, written) = address(choices);
    let fields = ["\"dnsgip\"".to_string(), written];
    let line = line(choices, "+QIURC", &fields);
    let urc = Urc::Indication(Indication::Resolution(Resolution::Address(address)));
    same(&line, Urc::parse(line.as_bytes()), urc);
}

/// The bytes of a command, without `AT` and CR.
fn written(command: &impl atat::AtatCmd) -> String {
    let mut buffer = [0; MAX_COMMAND_LENGTH];
    let length = command.write(&mut buffer);
    let command = str::from_utf8(&buffer[..length]).expect("commands are ASCII");
    let inner = command
        .strip_prefix("AT")
        .and_then(|it| it.strip_suffix('\r'));
    inner.expect("AT and CR").to_string()
}

/// A command that sets something, as the answer to the query of it.
fn as_answer(command: &impl atat::AtatCmd) -> String {
    written(command).replacen('=', ": ", 1)
}

fn setting(choices: &mut Choices<'_>) {
    let value = u32::from(number(choices));
    let keep_alive = KeepAlive::On {
        idle: Within::nearest(value),
        interval: Within::nearest(value >> 4),
        probes: Within::nearest(value >> 8),
    };
    let switch = Switch::from(value & 1 == 1);
    let setting = match choices.below(8) {
        0 => Setting::TransparentPacketSize(Within::nearest(value)),
        1 => Setting::TcpRetransmission {
            max_backoffs: Within::nearest(value & 31),
            max_interval: Within::nearest(value),
        },
        2 => Setting::SendTimeout(Within::nearest(value)),
        3 => Setting::TcpKeepAlive(keep_alive),
        4 => Setting::TcpKeepAlive(KeepAlive::Off),
        5 => Setting::ReceiveBufferSize(Within::nearest(value << 4)),
        6 => Setting::DnsCache(switch),
        _ => Setting::ReceiveIndication(switch),
    };
    let line = as_answer(&ConfigureSetting { setting });
    let answer: Option<SettingAnswer> = read(line.as_bytes());
    same(&line, answer.and_then(|answer| answer.setting()), setting);
}

fn timers(choices: &mut Choices<'_>) {
    let seconds = u32::from(number(choices)) << choices.below(16);
    let (periodic, active) = (
        PeriodicUpdateTimer::at_least(seconds),
        ActiveTimer::at_least(seconds),
    );
    let set = SetPowerSavingMode {
        mode: Switch::On,
        gprs_periodic_update: (choices.below(2) == 0).then_some(PeriodicUpdateTimer::OFF),
        gprs_ready: None,
        periodic_update: Some(periodic),
        active: (choices.below(2) == 0).then_some(active),
    };
    let line = as_answer(&set);
    let answer: Option<PowerSavingMode> = read(line.as_bytes());
    let found = answer.map(|it| (it.gprs_periodic_update, it.periodic_update, it.active));
    let expected = (set.gprs_periodic_update, Some(periodic), set.active);
    same(&line, found, expected);
    assert!(periodic.seconds() >= Some(seconds.min(31 * 1_152_000)));
    assert!(active.seconds() >= Some(seconds.min(31 * 360)));
}

fn any_bytes(choices: &mut Choices<'_>) {
    const STARTS: [&str; 12] = [
        "",
        "+QIURC: ",
        "+QIURC: \"recv\",",
        "+QIRD: ",
        "+QISTATE: ",
        "+QIACT: ",
        "+QPING: 0,",
        "+QNTP: 0,\"",
        "+QICFG: \"",
        "+CEREG: ",
        "+CPIN: ",
        "+CME ERROR: ",
    ];
    let mut line = STARTS[choices.below(12)].as_bytes().to_vec();
    let length = choices.below(64);
    line.extend(choices.take(length));
    let _ = (Urc::parse(&line), Failure::parse(&line));
    let _ = (Prefix::of_line(&line), ResultCode::of(&line));
    let _ = (read::<ReadHeader>(&line), read::<SocketStatus>(&line));
    let _ = (read::<Registration>(&line), read::<SimStatus>(&line));
    let _ = (
        read::<ContextConfiguration>(&line),
        read::<LastError>(&line),
    );
    let _ = (read::<PowerSavingMode>(&line), read::<Edrx>(&line));
    if let Some(answer) = read::<SettingAnswer>(&line) {
        let _ = answer.setting();
    }
    if let Some(active) = read::<ActiveContext>(&line) {
        let _ = (active.addresses.ipv4(), active.addresses.ipv6());
    }
    if let Ok(text) = str::from_utf8(&line) {
        let _ = DateTime::parse(text);
        if let Some(address) = parse_address(text) {
            assert_eq!(parse_address(&format_address(address)), Some(address));
        }
    }
}
