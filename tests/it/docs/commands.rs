//! `docs/commands.md` and the code say the same.

use quectel_nal::at::Urc;
use std::collections::BTreeSet;
use std::fs;

use super::root;
use crate::wire::forms::{self, Form};

/// The rows of the table under a heading of `docs/commands.md`, without its head.
fn table(heading: &str) -> Vec<String> {
    let path = root().join("docs/commands.md");
    let page = fs::read_to_string(path).expect("docs/commands.md is there");
    page.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(str::to_owned)
        .collect()
}

fn sources() -> Vec<String> {
    fs::read_dir(root().join("src/at"))
        .expect("src/at is there")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).expect("a source file"))
        .collect()
}

fn row(form: &Form) -> String {
    let first = &form.examples[0];
    format!(
        "| `{}` | `{}` | `{}` | {} | {} s | {} |",
        form.syntax,
        form.name,
        first.response,
        form.section,
        first.timeout_ms / 1_000,
        form.longest(),
    )
}

fn assert_same(table: &[String], code: &[String]) {
    let both = |rows: &[String]| rows.iter().cloned().collect::<BTreeSet<_>>();
    let (in_table, in_code) = (both(table), both(code));
    let missing: Vec<_> = in_code.difference(&in_table).cloned().collect();
    let surplus: Vec<_> = in_table.difference(&in_code).cloned().collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "docs/commands.md lacks\n{}\nand should not have\n{}",
        missing.join("\n"),
        surplus.join("\n")
    );
    assert_eq!(table.len(), in_table.len(), "rows are there twice");
    assert_eq!(table, code, "the order differs");
}

#[test]
fn the_table_lists_every_form() {
    let code: Vec<_> = forms::all().iter().map(row).collect();
    assert_same(&table("## Commands"), &code);
}

#[test]
fn the_forms_cover_every_command_in_the_source() {
    let mut declared = BTreeSet::new();
    for source in sources() {
        assert!(!source.contains("AtatCmd for"), "written by hand");
        for attribute in source.split("\n#[at_cmd(").skip(1) {
            let (_, item) = attribute.split_once("\npub struct ").unwrap();
            let name = item.split([' ', '<', ';']).next().unwrap();
            assert!(declared.insert(name.to_owned()), "{name} twice");
        }
        for line in source.lines().filter(|line| line.contains("\" -> ")) {
            let name = line.trim_start().split(' ').next().unwrap();
            assert!(declared.insert(name.to_owned()), "{name} twice");
        }
    }
    let listed = forms::all().into_iter().map(|form| form.name.to_owned());
    assert_eq!(declared, listed.collect());
}

#[test]
fn every_example_is_of_its_form() {
    for form in forms::all() {
        let fixed = form.syntax.split(['<', '[']).next().unwrap();
        let complete = fixed.len() == form.syntax.len();
        for example in form.examples {
            let command = example.written.trim_end_matches('\r');
            assert!(
                command.starts_with(fixed),
                "{command} is not {}",
                form.syntax
            );
            assert!(
                !complete || command == fixed,
                "{command} is not {}",
                form.syntax
            );
        }
    }
}

#[test]
fn every_test_read_and_write_form_of_the_note_is_there() {
    // Command, section, and whether it has a read form; all have test and write forms, but for
    // the last, which is executed.
    let note = [
        ("AT+QICSGP", "2.1.1", false),
        ("AT+QIACT", "2.1.2", true),
        ("AT+QIDEACT", "2.1.3", false),
        ("AT+QIOPEN", "2.1.4", false),
        ("AT+QICLOSE", "2.1.5", false),
        ("AT+QISTATE", "2.1.6", true),
        ("AT+QISEND", "2.1.7", false),
        ("AT+QIRD", "2.1.8", false),
        ("AT+QISENDEX", "2.1.9", false),
        ("AT+QISWTMD", "2.1.10", false),
        ("AT+QPING", "2.1.11", false),
        ("AT+QNTP", "2.1.12", true),
        ("AT+QIDNSCFG", "2.1.13", false),
        ("AT+QIDNSGIP", "2.1.14", false),
        ("AT+QICFG", "2.1.15", false),
        ("AT+QISDE", "2.1.16", true),
        ("AT+QIGETERROR", "2.1.17", false),
    ];
    let forms = forms::all();
    for (command, section, read) in note {
        let of_section = forms.iter().filter(|form| form.section == section);
        let syntaxes: Vec<_> = of_section.map(|form| form.syntax).collect();
        let has = |form: String| syntaxes.contains(&form.as_str());
        assert!(has(format!("{command}=?")), "{command}");
        assert_eq!(has(format!("{command}?")), read, "{command}");
        let written = syntaxes
            .iter()
            .any(|syntax| syntax.starts_with(&format!("{command}=")) && !syntax.ends_with("=?"));
        assert_eq!(written, command != "AT+QIGETERROR", "{command}");
        assert!(
            syntaxes.iter().all(|syntax| syntax.starts_with(command)),
            "{command}"
        );
    }
}

/// A URC as the note gives it, one of that shape, and where it is described.
const URCS: &[(&str, &str, &str)] = &[
    (
        "+QIURC: \"closed\",<connectID>",
        "+QIURC: \"closed\",0",
        "2.2.1",
    ),
    (
        "+QIURC: \"recv\",<connectID>",
        "+QIURC: \"recv\",0",
        "2.2.2",
    ),
    (
        "+QIURC: \"recv\",<connectID>,<currentrecvlength>",
        "+QIURC: \"recv\",0,4",
        "2.2.2",
    ),
    (
        "+QIURC: \"recv\",<connectID>,<currentrecvlength>,<remoteIP>,<remote_port>",
        "+QIURC: \"recv\",1,13,\"1.1.1.1\",65534",
        "2.2.2",
    ),
    (
        "+QIURC: \"recv\",<connectID>,\"buff full\"",
        "+QIURC: \"recv\",0,\"buff full\"",
        "BC25",
    ),
    (
        "+QIURC: \"incoming full\"",
        "+QIURC: \"incoming full\"",
        "2.2.3",
    ),
    (
        "+QIURC: \"incoming\",<connectID>,<serverID>,<remoteIP>,<remote_port>",
        "+QIURC: \"incoming\",11,1,\"172.31.242.222\",54091",
        "2.2.4",
    ),
    (
        "+QIURC: \"pdpdeact\",<contextID>",
        "+QIURC: \"pdpdeact\",1",
        "2.2.5",
    ),
    (
        "+QIURC: \"dnsgip\",<err>[,<IP_count>[,<DNS_ttl>]]",
        "+QIURC: \"dnsgip\",0,1,300",
        "2.1.14",
    ),
    (
        "+QIURC: \"dnsgip\",<hostIPaddr>",
        "+QIURC: \"dnsgip\",\"195.34.89.241\"",
        "2.1.14",
    ),
    ("+QIOPEN: <connectID>,<err>", "+QIOPEN: 0,0", "2.1.4"),
    (
        "+QPING: <result>[,<IP_address>,<bytes>,<time>,<ttl>]",
        "+QPING: 0,\"61.135.169.125\",32,192,255",
        "2.1.11",
    ),
    (
        "+QPING: <finresult>[,<sent>,<rcvd>,<lost>,<min>,<max>,<avg>]",
        "+QPING: 0,4,4,0,192,479,287",
        "2.1.11",
    ),
    (
        "+QNTP: <err>[,<time>]",
        "+QNTP: 0,\"2019/07/21,06:10:59+00\"",
        "2.1.12",
    ),
    ("NO CARRIER", "NO CARRIER", "1.2"),
    ("RDY", "RDY", "Quectel"),
    ("APP RDY", "APP RDY", "Quectel"),
    ("POWERED DOWN", "POWERED DOWN", "Quectel"),
    ("NORMAL POWER DOWN", "NORMAL POWER DOWN", "Quectel"),
    ("PSM POWER DOWN", "PSM POWER DOWN", "Quectel"),
    ("+QUSIM: <type>", "+QUSIM: 1", "Quectel"),
    ("+QIND: <text>", "+QIND: SMS DONE", "Quectel"),
    ("+CFUN: <fun>", "+CFUN: 1", "27.007"),
    ("+CPIN: <code>", "+CPIN: READY", "27.007"),
    (
        "+CEDRXP: <AcT-type>[,<requested>[,<granted>[,<window>]]]",
        "+CEDRXP: 4,\"0101\",\"0101\",\"0011\"",
        "27.007",
    ),
    ("+QPSMTIMER: <text>", "+QPSMTIMER: 3600,60", "Quectel"),
];

/// The variant that a line is read as.
fn variant(line: &str) -> String {
    let name = |debug: String| debug.split(['(', ' ']).next().unwrap().to_owned();
    match Urc::parse(line.as_bytes()).unwrap_or_else(|| panic!("{line} is a URC")) {
        Urc::Indication(indication) => format!("Indication::{}", name(format!("{indication:?}"))),
        urc => format!("Urc::{}", name(format!("{urc:?}"))),
    }
}

#[test]
fn the_table_lists_every_urc() {
    let row = |&(shape, line, section): &(&str, &str, &str)| {
        format!("| `{shape}` | `{}` | {section} |", variant(line))
    };
    assert_same(&table("## URCs"), &URCS.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn the_urcs_cover_every_variant_in_the_source() {
    let source = fs::read_to_string(root().join("src/at/urc.rs")).unwrap();
    let variants = |name: &str| -> Vec<String> {
        let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
        let (body, _) = body.split_once("\n}\n").unwrap();
        body.lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(char::is_uppercase))
            .map(|line| format!("{name}::{}", line.split(['(', ' ', ',']).next().unwrap()))
            .collect()
    };
    let mut declared: BTreeSet<String> = variants("Urc").into_iter().collect();
    assert!(declared.remove("Urc::Indication"), "it is what it contains");
    declared.extend(variants("Indication"));
    let listed = URCS.iter().map(|&(_, line, _)| variant(line)).collect();
    assert_eq!(declared, listed);
}
