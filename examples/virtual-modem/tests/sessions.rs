//! Every session of `sessions/` does what it says.

#[test]
fn every_session() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sessions");
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "at") {
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(error) = virtual_modem::session::run(&text) {
            failures.push(format!("{}: {error}", path.display()));
        }
    }
    assert!(count > 20, "{count} sessions");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_session_that_is_wrong_tells_its_line() {
    let wrong = virtual_modem::session::run("# a comment\n> AT\n< NO\n").unwrap_err();
    assert!(wrong.starts_with("line 3: < NO"), "{wrong}");
    assert!(virtual_modem::session::run("set nothing 1\n> AT\n< OK").is_err());
    assert!(virtual_modem::session::run("> AT\n< OK\nnonsense").is_err());
    assert!(virtual_modem::session::run("> AT+QIRD=0\n< ERROR").is_err());
}
