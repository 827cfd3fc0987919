//! `modem_check`: what it finds out about virtual modems of which the reading of each passage is known.

mod bench;

use bench::{Outcome, check};
use programs::check::Mask;
use testbench::program::{modem_on_a_pty, run};
use virtual_modem::Readings;

/// Subject and reading for the defaults of the virtual modem.
const DEFAULTS: &[(&str, &str)] = &[
    ("QIDEACT of an inactive context", "OK"),
    ("a command that needs a context", "ERROR at once"),
    ("QIACT of a context never configured", "ERROR"),
    ("QICSGP with fewer strings", "accepted"),
    ("address after QIACT", "with the first QIACT?"),
    ("QIACT of an active context", "ERROR"),
    ("errors with AT+CMEE", "ERROR"),
    ("unknown command", "ERROR"),
    ("QIGETERROR", "code, comma, blank, text"),
    ("failed name lookup", "the code and two zeros"),
    ("QIOPEN, failure", "OK, then the result"),
    ("blanks behind commas", "refused"),
    ("empty fields", "refused"),
    ("result of QIOPEN", "behind its OK"),
    ("a connectID after a failed open", "free"),
    ("QICLOSE of an unused id", "OK"),
    ("lines of one response", "share one leading CR LF"),
    ("port in use", "uart1"),
    ("state of a connected client", "2"),
    ("local port in QISTATE", "shown"),
    ("prompt", "CR LF > blank"),
    ("result of QISEND", "SEND OK"),
    ("payload echo", "by QISDE alone"),
    ("recv in buffer mode", "without a length"),
    ("end of QIRD", "two line ends before OK"),
    ("end of a push", "CR LF behind the data"),
    (
        "QICLOSE without timeout",
        "waits up to 10 s for the peer's FIN",
    ),
    ("QICLOSE=id,0 with unsent data", "still delivers it"),
    ("rest of a datagram", "the rest stays for the next read"),
    ("push of UDP SERVICE", "with peer address and port"),
    ("TCP INCOMING access mode", "the listener's"),
    ("escape", "+++ and ATO work"),
    ("NO CARRIER", "alone"),
    ("pdpdeact", "alone"),
];

/// The other readings: name, subject, what is found.
const OTHERS: &[(&str, &str, &str)] = &[
    ("open_failure_at_once", "QIOPEN, failure", "ERROR at once"),
    (
        "failed_open_keeps_id",
        "a connectID after a failed open",
        "still taken until QICLOSE",
    ),
    ("close_waits", "QICLOSE without timeout", "closes at once"),
    (
        "forced_close_discards",
        "QICLOSE=id,0 with unsent data",
        "discards it",
    ),
    ("close_unused_is_ok", "QICLOSE of an unused id", "ERROR"),
    ("activate_active_is_ok", "QIACT of an active context", "OK"),
    (
        "deactivate_inactive_is_ok",
        "QIDEACT of an inactive context",
        "ERROR",
    ),
    (
        "missing_context_as_result",
        "a command that needs a context",
        "OK, then the failure as a URC",
    ),
    (
        "deactivation_closes",
        "pdpdeact",
        "with a closed for each socket",
    ),
    ("ok_before_send_ok", "result of QISEND", "OK, then SEND OK"),
    (
        "payload_echo_follows_ate",
        "payload echo",
        "follows ATE as well",
    ),
    (
        "push_ends_with_line_end",
        "end of a push",
        "nothing behind the data",
    ),
    ("push_tells_peer", "push of UDP SERVICE", "without"),
    ("notice_has_length", "recv in buffer mode", "with a length"),
    (
        "read_ends_with_blank_line",
        "end of QIRD",
        "one line end before OK",
    ),
    (
        "incoming_inherits_mode",
        "TCP INCOMING access mode",
        "always buffer mode",
    ),
    ("no_carrier_with_closed", "NO CARRIER", "with a closed URC"),
    (
        "failed_lookup_short",
        "failed name lookup",
        "the code alone",
    ),
    (
        "datagram_rest_is_lost",
        "rest of a datagram",
        "the rest is gone",
    ),
    (
        "lines_have_own_line_end",
        "lines of one response",
        "each with its own",
    ),
    (
        "context_strings_optional",
        "QICSGP with fewer strings",
        "refused",
    ),
    ("unknown_is_cme", "unknown command", "+CME ERROR: number"),
    ("client_state_3", "state of a connected client", "3"),
    ("local_port_zero", "local port in QISTATE", "0"),
    ("blanks_accepted", "blanks behind commas", "accepted"),
    (
        "unconfigured_activates",
        "QIACT of a context never configured",
        "OK",
    ),
    ("prompt_bare", "prompt", "CR LF >"),
    ("prompt_line_end", "prompt", "CR LF > CR LF"),
    (
        "errors_numeric",
        "errors with AT+CMEE",
        "+CME ERROR: number",
    ),
    ("errors_text", "errors with AT+CMEE", "+CME ERROR: text"),
    (
        "last_error_without_blank",
        "QIGETERROR",
        "code, comma, text",
    ),
    ("last_error_other_text", "QIGETERROR", "another text"),
    ("last_error_stale", "QIGETERROR", "0 after a failure"),
];

/// Every subject has its default, but for this one.
#[track_caller]
fn finds(outcome: &Outcome, name: &str, other: Option<(&str, &str)>) {
    let report = &outcome.report;
    for (subject, default) in DEFAULTS {
        let expected = match other {
            Some((changed, reading)) if changed == *subject => reading,
            _ => default,
        };
        let why = report.open.iter().find(|(open, _)| open == subject);
        assert_eq!(
            report.reading(subject),
            Some(expected),
            "{name}: {subject} {why:?}"
        );
    }
}

#[test]
fn the_literal_readings_are_found() {
    let outcome = check(&[], &[]);
    finds(&outcome, "the defaults", None);
    assert!(outcome.report.open.is_empty(), "{:?}", outcome.report.open);
    assert!(outcome.report.is_clean(), "{:?}", outcome.report.asked);
}

#[test]
fn each_other_reading_is_found() {
    for (name, subject, reading) in OTHERS {
        let outcome = check(&[name], &[]);
        finds(&outcome, name, Some((subject, reading)));
    }
}

/// If the virtual modem learns another one, `modem_check` has to find it.
#[test]
fn no_reading_is_forgotten() {
    for name in Readings::NAMES {
        assert!(
            OTHERS.iter().any(|(known, _, _)| known == name),
            "{name} has no check"
        );
    }
}

#[test]
fn readings_are_found_under_faults() {
    for (index, (name, subject, reading)) in OTHERS.iter().enumerate() {
        let urcs = format!("foreign-urcs=0.3,{}", index + 1);
        let outcome = check(&[name], &["chop=1", &urcs]);
        finds(&outcome, name, Some((subject, reading)));
    }
}

/// All at once, as far as one does not hide another.
#[test]
fn many_other_readings_together_are_found() {
    let names: Vec<&str> = OTHERS
        .iter()
        .map(|(name, _, _)| *name)
        .filter(|name| {
            !name.starts_with("prompt_line")
                && !name.starts_with("errors_")
                && !name.starts_with("last_error")
        })
        .collect();
    let outcome = check(&names, &["chop=random,5,9", "foreign-urcs=0.2,8"]);
    for (name, subject, reading) in OTHERS {
        if names.contains(name) {
            assert_eq!(outcome.report.reading(subject), Some(*reading), "{name}");
        }
    }
}

/// What a module does on top of the readings.
#[test]
fn odd_modules_are_told_apart() {
    let outcome = check(&[], &["payload-echo"]);
    let fact = |outcome: &Outcome, name: &str| {
        let facts = &outcome.report.facts;
        facts
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(fact(&outcome, "payload echo with AT+QISDE=0"), "yes");
    let outcome = check(&[], &["echo-stays"]);
    assert_eq!(fact(&outcome, "echo at first"), "yes");
    finds(&outcome, "echo-stays", None);
    let outcome = bench::check_with(|mut settings| {
        settings.port = "usbmodem".into();
        settings
    });
    assert_eq!(outcome.error, None);
    finds(&outcome, "another port", Some(("port in use", "usbmodem")));
}

#[test]
fn what_identifies_is_not_in_the_report() {
    let mut outcome = check(&[], &["chop=random,2,5"]);
    let (markdown, json) = (outcome.report.markdown(), outcome.report.json_lines());
    for text in [&markdown, &json] {
        for secret in ["861107030000000", "10.0.0.2", "secret.apn", "198.51.100.9"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    for part in [
        "| prompt | CR LF > blank | `> ` |",
        "EC25EFAR06A01M4G",
        "<15 digits>",
    ] {
        assert!(markdown.contains(part), "{part} is missing: {markdown}");
    }
    assert!(json.contains("\"to module\":\"AT+QIACT?\\r\""), "{json}");
    assert!(
        json.contains("\"from module\":\"\\r\\nOK\\r\\n\""),
        "{json}"
    );
    for line in json.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn a_module_without_a_network_is_said_to_be_one() {
    let outcome = bench::check_with(|settings| {
        settings.registration(virtual_modem::Registration::Denied, Default::default())
    });
    assert!(outcome.error.unwrap().contains("no network"));
    // What can be found out without a network is in the report.
    assert!(outcome.report.reading("unknown command").is_some());
}

#[cfg(unix)]
#[test]
fn the_program_writes_both_reports() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let peer = run_peer();
    let address = peer.next_line().replace("listening on ", "");
    let options = [
        "--fault",
        "chop=random,1,30",
        "--fault",
        "foreign-urcs=0.1,3",
        "--fault",
        "reading=prompt_bare",
    ];
    let (_modem, port) = modem_on_a_pty(folder.join("check-port"), &options);
    let report = folder.join(format!("check-{}", std::process::id()));
    let report = report.to_str().unwrap();
    let arguments = [
        "--modem", &port, "--peer", &address, "--report", report, "-n", "20000", "--quick",
    ];
    let outcome = run("examples/modem_check", &arguments).succeeds();
    let markdown = std::fs::read_to_string(format!("{report}.md")).unwrap();
    let json = std::fs::read_to_string(format!("{report}.jsonl")).unwrap();
    for part in [
        "| prompt | CR LF > |",
        "| transparent, down |",
        "| push, up |",
        "| refused connection |",
    ] {
        assert!(markdown.contains(part), "{part} is missing: {markdown}");
    }
    assert!(json.contains("\"subject\":\"prompt\""));
    assert!(outcome.messages.contains("report"), "{}", outcome.messages);
}

fn run_peer() -> testbench::program::Background {
    testbench::program::Background::start("examples/modem_check_peer", &["127.0.0.1:0"])
}

#[test]
fn numbers_and_addresses_are_masked() {
    let mut mask = Mask::default();
    mask.hide("secret.apn", "apn");
    for (text, masked) in [
        ("861107030000000", "<15 digits>"),
        ("+CGSN: \"8611070300000001\"", "+CGSN: \"<16 digits>\""),
        (
            "\"10.0.0.2\",\"10.0.0.3\"",
            "\"<address 1>\",\"<address 2>\"",
        ),
        ("10.0.0.2:80", "<address 1>:80"),
        ("127.0.0.1 0.0.0.0 1.2.3", "127.0.0.1 0.0.0.0 1.2.3"),
        ("\"10.0.0.3\" again", "\"<address 2>\" again"),
        ("2409:8D1E:750C:DFA4::1", "<address 3>"),
        ("12:34:56 2026/11/27", "12:34:56 2026/11/27"),
        ("1,\"secret.apn\"", "1,\"<apn>\""),
        ("EC25EFAR06A01M4G", "EC25EFAR06A01M4G"),
    ] {
        assert_eq!(mask.text(text), masked, "{text}");
    }
}
