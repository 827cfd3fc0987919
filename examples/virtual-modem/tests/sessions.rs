//! Every session of `sessions/` does what it says, and together they show every command.

use std::fs;
use virtual_modem::{Fault, Model, Readings};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sessions");

/// Name and text of each.
fn sessions() -> Vec<(String, String)> {
    let paths = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let sessions = paths.filter(|path| path.extension().is_some_and(|extension| extension == "at"));
    sessions
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn every_session() {
    let sessions = sessions();
    let failures = sessions.iter().filter_map(|(name, text)| {
        let error = virtual_modem::session::run(text).err()?;
        Some(format!("{name}: {error}"))
    });
    let failures: Vec<_> = failures.collect();
    assert!(sessions.len() > 20, "{} sessions", sessions.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_session_that_is_wrong_tells_its_line() {
    let wrong = virtual_modem::session::run("# a comment\n> AT\n< NO\n").unwrap_err();
    assert!(wrong.starts_with("line 3: < NO"), "{wrong}");
    for text in [
        "set nothing 1\n> AT\n< OK",
        "> AT\n< OK\nnonsense",
        "> AT+QIRD=0\n< ERROR",
        "> AT\n< OK\nconnect 192.0.2.7:7 2020 echo",
        "> AT\n< OK\nconnect 192.0.2.7 2020 echo",
        "> AT\n< OK\ndatagram 192.0.2.7:7",
    ] {
        assert!(virtual_modem::session::run(text).is_err(), "{text}");
    }
}

/// The forms that a form with optional parts stands for.
fn spelled_out(form: &str) -> Vec<String> {
    let Some(start) = form.find('[') else {
        return vec![form.into()];
    };
    let end = form.rfind(']').unwrap();
    let (before, inside, behind) = (&form[..start], &form[start + 1..end], &form[end + 1..]);
    let mut all = vec![format!("{before}{behind}")];
    all.extend(spelled_out(&format!("{before}{inside}{behind}")));
    all
}

/// Whether a command is of that form; `<name>` stands for one argument.
fn is_of(command: &str, form: &str) -> bool {
    let Some((before, rest)) = form.split_once('<') else {
        return command == form;
    };
    let Some(argument) = command.strip_prefix(before) else {
        return false;
    };
    let (_, form) = rest.split_once('>').unwrap();
    let quoted = argument.strip_prefix('"').and_then(|text| text.find('"'));
    let end = match quoted {
        Some(end) => end + 2,
        None => argument.find(',').unwrap_or(argument.len()),
    };
    // The first argument is not empty.
    let is_argument = &argument[..end] != "?" && (end > 0 || !before.ends_with('='));
    is_argument && is_of(&argument[end..], form)
}

/// Every fault, and every reading and shape, shows its bytes: in a session, or in a test that types by hand.
#[test]
fn every_fault_and_every_reading_is_shown() {
    let sessions: String = sessions().into_iter().map(|(_, text)| text).collect();
    let tests = concat!(
        include_str!("faults.rs"),
        include_str!("commands_that_fail.rs"),
        include_str!("serial.rs"),
    );
    for (form, _) in Fault::TABLE {
        let name: String = form.chars().take_while(|c| !"=[".contains(*c)).collect();
        let in_session = [format!("fault {name}\n"), format!("fault {name}=")];
        let in_test = [format!("\"{name}\""), format!("\"{name}=")];
        let shown = in_session.iter().any(|text| sessions.contains(text))
            || in_test.iter().any(|text| tests.contains(text));
        assert!(shown || name == "chop", "{name}");
    }
    for (name, ..) in Readings::TABLE {
        let shown = sessions.contains(&format!("reading {name}\n"));
        assert!(shown || tests.contains(name), "{name}");
    }
    for model in Model::ALL {
        assert!(sessions.contains(&format!("model {}\n", model.name())));
    }
}

/// All forms of `docs/commands.md`, which is not there for whoever has this package alone.
#[test]
fn every_form_of_every_command_is_in_a_session() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.md");
    let Ok(page) = fs::read_to_string(page) else {
        return;
    };
    let forms = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let forms = forms.filter(|(form, _)| form.starts_with("AT"));
    let forms: Vec<_> = forms.flat_map(|(form, _)| spelled_out(form)).collect();
    let sessions = sessions();
    let typed = sessions.iter().flat_map(|(_, text)| text.lines());
    let typed: Vec<_> = typed.filter_map(|line| line.strip_prefix("> ")).collect();
    let missing: Vec<_> = forms
        .iter()
        .filter(|form| !typed.iter().any(|command| is_of(command, form)))
        .collect();
    assert!(forms.len() > 100, "{} forms", forms.len());
    assert!(missing.is_empty(), "{missing:#?}");
}
