//! The tables of README.md are those of the code. `UPDATE_README=1` writes them.

use virtual_modem::{Fault, Model, Readings, control};

fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    let columns = head.matches('|').count() - 1;
    let rule = "|---".repeat(columns) + "|";
    format!("{head}\n{rule}\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

fn with_table(text: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- {name} -->\n");
    let (before, rest) = text.split_once(&start).expect(name);
    let (_, after) = rest.split_once("<!-- end -->").expect("the end");
    format!("{before}{start}{table}<!-- end -->{after}")
}

/// What README.md refers to is in the package.
#[test]
fn the_links_lead_somewhere() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let links: Vec<_> = text.split("](").skip(1).collect();
    for link in &links {
        let (link, _) = link.split_once(')').unwrap();
        assert!(
            link.starts_with("https://") || folder.join(link).exists(),
            "{link}"
        );
        assert!(
            !link.starts_with("..") && !link.starts_with("outside"),
            "{link}"
        );
    }
    assert!(links.len() > 4);
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(std::fs::read(folder.join(licence)).is_ok_and(|text| text.len() > 500));
    }
}

#[test]
fn the_tables_are_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let pairs = |rows: &[(&str, &str)]| {
        let rows = rows.iter();
        rows.map(|(form, meaning)| format!("| `{}` | {} |", cell(form), cell(meaning)))
            .collect::<Vec<_>>()
    };
    let requests = table(
        "| request | what it does |",
        pairs(control::REQUESTS).into_iter(),
    );
    let faults = table("| fault | what it does |", pairs(Fault::TABLE).into_iter());
    let readings = Readings::TABLE.iter().map(|(name, meaning, default)| {
        let default = if *default { "yes" } else { "no" };
        format!("| `{name}` | {} | {default} |", cell(meaning))
    });
    let readings = table("| name | what it says | holds by default |", readings);
    let models = Model::ALL.iter().flat_map(|model| {
        let facts = model.facts().iter();
        facts.map(|fact| {
            format!(
                "| `{}` | {} | {} |",
                model.name(),
                cell(fact.what),
                fact.mark
            )
        })
    });
    let models = table("| model | fact | origin |", models);
    let mut current = with_table(&text, "requests", &requests);
    current = with_table(&current, "faults", &faults);
    current = with_table(&current, "readings", &readings);
    current = with_table(&current, "models", &models);
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    assert!(text == current, "UPDATE_README=1 writes the tables");
}
