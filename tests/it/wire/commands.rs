//! The exact bytes of every command, and what a command refuses to hold.

use quectel_nal::at::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::forms;

#[test]
fn every_form_is_written_exactly() {
    for form in forms::all() {
        for example in form.examples {
            assert_eq!(example.written, example.expected, "{}", form.name);
        }
    }
}

#[test]
fn no_command_outgrows_its_buffer() {
    let mut longest = 0;
    for form in forms::all() {
        if form.name == "SendHex" {
            assert_eq!(form.longest(), SendHex::MAX_LENGTH);
        } else {
            longest = longest.max(form.longest());
        }
    }
    assert!(longest <= MAX_COMMAND_LENGTH, "{longest} bytes");
}

#[test]
fn every_command_ends_at_its_only_carriage_return() {
    for form in forms::all() {
        for example in form.examples {
            let position = example.written.find(['\r', '\n']);
            assert_eq!(position, Some(example.written.len() - 1), "{}", form.name);
        }
    }
}

#[test]
fn ids_outside_their_range_are_refused() {
    for number in 0..=u8::MAX {
        assert_eq!(ConnectId::new(number).is_some(), number <= 11, "{number}");
        assert_eq!(
            ContextId::new(number).is_some(),
            (1..=16).contains(&number),
            "{number}"
        );
    }
    assert_eq!(ConnectId::FIRST.get(), 0);
    assert_eq!(ContextId::FIRST.get(), 1);
    assert_eq!(ConnectId::all().count(), ConnectId::COUNT);
    assert!(ConnectId::all().map(ConnectId::get).eq(0..12));
}

#[test]
fn numbers_outside_their_range_are_refused() {
    fn check<const MIN: u32, const MAX: u32>() {
        let refused = |value| {
            let error = OutOfRange {
                value,
                min: MIN,
                max: MAX,
            };
            assert_eq!(Within::<MIN, MAX>::new(value), Err(error));
            assert_eq!(Within::<MIN, MAX>::try_from(value), Err(error));
        };
        if let Some(below) = MIN.checked_sub(1) {
            refused(below);
            assert_eq!(Within::<MIN, MAX>::nearest(below).get(), MIN);
        }
        refused(MAX + 1);
        refused(u32::MAX);
        assert_eq!(Within::<MIN, MAX>::nearest(u32::MAX).get(), MAX);
        assert_eq!(Within::<MIN, MAX>::new(MIN), Ok(Within::MIN));
        assert_eq!(Within::<MIN, MAX>::new(MAX), Ok(Within::MAX));
        assert_eq!(Within::<MIN, MAX>::nearest(MIN).get(), MIN);
    }
    check::<1, 1460>();
    check::<0, 20>();
    check::<3, 20>();
    check::<10_240, 524_288>();

    assert!(SendLength::new(0).is_err(), "0 asks for the counters");
    assert!(SendLength::new(1461).is_err());
    assert!(ReadLength::new(0).is_err(), "0 asks for the counters");
    assert!(ReadLength::new(1501).is_err());
    assert!(PingTimeout::new(0).is_err() && PingTimeout::new(256).is_err());
    assert!(PingCount::new(0).is_err() && PingCount::new(11).is_err());
    assert_eq!(
        SendLength::new(1461).unwrap_err().to_string(),
        "1461 is not within 1 to 1460"
    );
}

#[test]
fn text_cannot_break_out_of_a_command() {
    for character in (0..=u8::MAX).map(char::from) {
        let text = format!("apn{character}");
        let allowed = matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
        let refused = Err(InvalidText::ForbiddenCharacter { position: 3 });
        match AccessPointName::new(&text) {
            Ok(kept) => assert!(allowed && kept.as_str() == text, "{character:?}"),
            Err(error) => assert!(!allowed && Err::<(), _>(error) == refused, "{character:?}"),
        }
    }
    assert!(Text::<9>::try_from("internet\r").is_err());
    assert_eq!(Host::name(""), Err(InvalidText::Empty));
    assert!(Host::name("example.com\",80,0,0\rAT+QPOWD=0\r").is_err());
}

#[test]
fn text_has_a_longest_length() {
    let text = "a".repeat(254);
    assert_eq!(
        AccessPointName::new(&text[..101]),
        Err(InvalidText::TooLong { max: 100 })
    );
    assert_eq!(
        Credential::new(&text[..128]),
        Err(InvalidText::TooLong { max: 127 })
    );
    assert_eq!(HostName::new(&text), Err(InvalidText::TooLong { max: 253 }));
    assert_eq!(Pin::new("123456789"), Err(InvalidText::TooLong { max: 8 }));
    assert!(Credential::new(&text[..127]).is_ok());
    assert_eq!(
        Pin::new("123456789").unwrap_err().to_string(),
        "longer than 8 bytes"
    );
}

#[test]
fn a_setting_of_other_families_cannot_end_its_command() {
    let of_length = |length| format!("\"a\",{}", "0".repeat(length - 4)).leak();
    for arguments in [
        "\"close/mode\",1",
        "\"close/mode\",1,\"a, b\"",
        "\"close/mode\",,1",
        of_length(OtherSetting::MAX),
    ] {
        assert!(OtherSetting::new(arguments).is_some(), "{arguments}");
    }
    for arguments in [
        "",
        "1",
        "close/mode,1",
        "\"close/mode\"",
        "\"close/mode\",",
        "\"close/mode\"1",
        "\"close/mode\" ,1",
        " \"close/mode\",1",
        "\"close/mode\",\"1",
        "\"close/mode\",1;+QPOWD",
        "\"close/mode\",1\\",
        "\"close/mode\",1\r",
        "\"close/mode\",\n1",
        "\"close/mode\",\u{7f}",
        "\"close/modé\",1",
        of_length(OtherSetting::MAX + 1),
    ] {
        assert_eq!(OtherSetting::new(arguments), None, "{arguments:?}");
    }
}

#[test]
fn a_setting_with_a_type_of_its_own_is_no_other() {
    let taken = SettingKey::ALL.iter().map(|key| key.as_str());
    for key in taken.chain(["sendinfo"]) {
        let other = |key: &str| OtherSetting::new(format!("\"{key}\",1").leak());
        assert_eq!(other(key), None, "{key}");
        assert_eq!(other(&key.to_uppercase()), None, "{key}");
        assert!(other(&format!("{key}s")).is_some(), "{key}");
        assert!(other(&key[1..]).is_some(), "{key}");
        assert!(other(&key[..key.len() - 1]).is_some(), "{key}");
    }
}

#[test]
fn hex_text_is_pairs_of_digits() {
    let digits = |text: &str| HexText::new(text).map(|text| text.as_str().to_owned());
    assert_eq!(digits("00ffFF").as_deref(), Some("00ffFF"));
    assert_eq!(digits(&"0".repeat(512)).map(|text| text.len()), Some(512));
    assert_eq!(digits("0"), None);
    assert_eq!(digits("0x"), None);
    assert_eq!(digits(&"0".repeat(514)), None);
}

#[test]
fn addresses_are_written_as_every_module_takes_them() {
    let v6 = Ipv6Addr::new(0x2409, 0x8d1e, 0x750c, 0xdfa4, 0, 0, 0, 1);
    assert_eq!(
        format_address(Ipv4Addr::BROADCAST.into()),
        "255.255.255.255"
    );
    assert_eq!(format_address(v6.into()), "2409:8d1e:750c:dfa4:0:0:0:1");
    assert_eq!(
        format_address(Ipv6Addr::UNSPECIFIED.into()),
        "0:0:0:0:0:0:0:0"
    );
    assert_eq!(
        format_address(Ipv6Addr::from_bits(u128::MAX).into()).len(),
        39
    );
    // Not as an IPv4 address behind colons.
    let mapped = Ipv4Addr::new(1, 2, 3, 4).to_ipv6_mapped();
    assert_eq!(format_address(mapped.into()), "0:0:0:0:0:ffff:102:304");
}

#[test]
fn addresses_are_read_as_any_module_writes_them() {
    let v6: IpAddr = "2409:8d1e:750c:dfa4::1".parse().unwrap();
    assert_eq!(
        parse_address("10.7.157.1"),
        Some(Ipv4Addr::new(10, 7, 157, 1).into())
    );
    assert_eq!(parse_address("2409:8D1E:750C:DFA4::1"), Some(v6));
    assert_eq!(parse_address("2409:8d1e:750c:dfa4:0:0:0:1"), Some(v6));
    assert_eq!(
        parse_address("36.9.141.30.117.12.223.164.0.0.0.0.0.0.0.1"),
        Some(v6)
    );
    assert_eq!(parse_address("[2409:8d1e:750c:dfa4::1]"), Some(v6));
    assert_eq!(parse_address("2409:8d1e:750c:dfa4::1%1"), Some(v6));
    assert_eq!(parse_address("[2409:8d1e:750c:dfa4::1%eth0]"), Some(v6));
    assert_eq!(parse_address("::"), Some(Ipv6Addr::UNSPECIFIED.into()));
    for text in [
        "",
        "example.com",
        "10.7.157",
        "[10.7.157.1]",
        "10.7.157.1%1",
        "[2409::1",
        "2409::1]",
        "[]",
        "%1",
        ":%1",
        "10.7.157.256",
        "36.9.141.30.117.12.223.164.0.0.0.0.0.0.0",
        "36.9.141.30.117.12.223.164.0.0.0.0.0.0.0.1.2",
        "36.9.141.30.117.12.223.164.0.0.0.0.0.0.0.256",
        "36.9.141.30.117.12.223.164.0.0.0.0.0.0.0.+1",
        "36.9.141.30.117.12.223.164.0.0.0.0.0.0..1",
    ] {
        assert_eq!(parse_address(text), None, "{text}");
    }
}

#[test]
fn waiting_times_follow_the_arguments() {
    let close = |timeout| CloseSocket {
        connect_id: ConnectId::new(0).unwrap(),
        timeout,
    };
    assert_eq!(close(None).max_response_ms(), 10_000);
    assert_eq!(close(Some(0)).max_response_ms(), 10_000);
    assert_eq!(close(Some(30)).max_response_ms(), 35_000);
    assert_eq!(close(Some(u16::MAX)).max_response_ms(), 65_540_000);

    let ping = Ping::new(ContextId::new(1).unwrap(), Host::NONE);
    assert_eq!(ping.max_duration_ms(), 76_000);
    assert_eq!(ping.count(PingCount::MIN).max_duration_ms(), 64_000);
    let longest = ping.timeout(PingTimeout::MAX).count(PingCount::MAX);
    assert_eq!(longest.max_duration_ms(), 2_610_000);
}

/// The types of this crate as parts of a command that atat derives.
#[test]
fn a_users_own_command_is_made_of_the_same_types() {
    use atat::{AtatCmd as _, atat_derive::AtatCmd};

    #[derive(AtatCmd)]
    #[at_cmd("+OWN", Lines<SignalQuality, 2>)]
    struct Own<'a> {
        context: ContextId,
        connect_id: ConnectId,
        number: Within<1, 9>,
        text: Text<'a, 8>,
        host: Host<'a>,
        address: Address,
        switch: Switch,
    }

    let own = Own {
        context: ContextId::FIRST,
        connect_id: ConnectId::FIRST,
        number: Within::MAX,
        text: Text::new("a b").unwrap(),
        host: Host::name("example.com").unwrap(),
        address: Ipv6Addr::LOCALHOST.into(),
        switch: Switch::On,
    };
    let mut buffer = [0; MAX_COMMAND_LENGTH];
    let length = own.write(&mut buffer);
    assert_eq!(
        &buffer[..length],
        b"AT+OWN=1,0,9,\"a b\",\"example.com\",\"0:0:0:0:0:0:0:1\",1\r"
    );
    let lines = own.parse(Ok(b"+CSQ: 24,99\r\n+CSQ: 7,0\r\n+CSQ: 1,1"));
    let strengths: Vec<u8> = lines.unwrap().iter().map(|quality| quality.rssi).collect();
    assert_eq!(strengths, [24, 7]);
}
