//! Documents and code agree: links, cited quirks, cargo features, paths, transactions and time limits.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// All files with this extension below a directory of the repository, without build output and hidden directories.
fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a text file")
}

/// The lines of a page outside code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    })
}

/// The targets of the links on a page: `[text](target)` and `[name]: target`.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page) {
        for (start, _) in line.match_indices("](") {
            let rest = &line[start + 2..];
            let end = rest.find(')').expect("the end of a link");
            found.push(rest[..end].to_owned());
        }
        if let Some((_, target)) = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: "))
        {
            found.push(target.trim().to_owned());
        }
    }
    found
}

/// The anchors of a page, as code hosts make them of its headings, and those that it names itself.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in prose(page) {
        if let Some(heading) = line.strip_prefix('#') {
            let kept = |character: char| match character {
                ' ' => Some('-'),
                '-' | '_' => Some(character),
                _ => character
                    .is_alphanumeric()
                    .then(|| character.to_ascii_lowercase()),
            };
            let heading = heading.trim_start_matches('#').trim();
            found.insert(heading.chars().filter_map(kept).collect());
        }
        for part in line.split("<a id=\"").skip(1) {
            found.insert(part.split('"').next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut pages = Vec::new();
    files(root(), "md", &mut pages);
    assert!(pages.len() > 15, "{pages:?}");
    let mut broken = Vec::new();
    for path in pages {
        let page = text(&path);
        for link in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let is_found =
                target.exists() && (anchor.is_empty() || anchors(&text(&target)).contains(anchor));
            if !is_found {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// The numbers of the entries of `docs/quirks.md`.
fn quirks() -> Vec<u16> {
    let page = text(&root().join("docs/quirks.md"));
    page.lines()
        .filter_map(|line| line.strip_prefix("* <a id=\"q")?.split_once("\"></a>**"))
        .map(|(anchor, entry)| {
            let number = entry.split("**").next().unwrap();
            assert_eq!(anchor, number);
            number.parse().expect("a number")
        })
        .collect()
}

#[test]
fn quirks_are_numbered_without_gaps() {
    let mut numbers = quirks();
    numbers.sort_unstable();
    assert!(numbers.len() >= 133);
    assert!(
        numbers.iter().copied().eq(1..=numbers.len() as u16),
        "{numbers:?}"
    );
}

#[test]
fn every_quirk_that_the_code_cites_is_listed() {
    let known: BTreeSet<u16> = quirks().into_iter().collect();
    let mut sources = Vec::new();
    for directory in ["src", "tests", "examples", "benches", "fuzz"] {
        files(&root().join(directory), "rs", &mut sources);
    }
    let mut cited = 0;
    for path in sources {
        for (number, line) in text(&path).lines().enumerate() {
            for part in line.split("uirk ").skip(1) {
                let end = part
                    .find(|character: char| !character.is_ascii_digit())
                    .unwrap_or(part.len());
                let Ok(quirk) = part[..end].parse() else {
                    continue;
                };
                cited += 1;
                let place = format!("{}:{}", path.display(), number + 1);
                assert!(known.contains(&quirk), "{place} cites quirk {quirk}");
            }
        }
    }
    assert!(cited > 10, "only {cited} quirks cited");
}

/// The first cell of each table row on a page that is one word in backticks.
fn first_cells(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

#[test]
fn the_readme_lists_every_cargo_feature() {
    let manifest = text(&root().join("Cargo.toml"));
    let readme = text(&root().join("README.md"));
    let listed = first_cells(&readme);
    let features = manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = ["))
        .map(|(name, _)| name)
        .filter(|name| *name != "default");
    let missing: Vec<_> = features.filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "README.md lacks {missing:?}");
}

#[test]
fn every_path_in_the_architecture_exists() {
    let page = text(&root().join("docs/architecture.md"));
    let mut found = 0;
    for word in page.split('`') {
        let is_path = ["src/", "tests/", "examples/", "benches/", "docs/"]
            .iter()
            .any(|start| word.starts_with(start));
        if is_path && !word.contains(char::is_whitespace) {
            found += 1;
            assert!(root().join(word).exists(), "there is no {word}");
        }
    }
    assert!(found > 20, "only {found} paths");
}

#[test]
fn the_architecture_lists_every_transaction() {
    let page = text(&root().join("docs/architecture.md"));
    let listed = first_cells(&page);
    let source = text(&root().join("src/engine/exchange/job.rs"));
    let (_, body) = source
        .split_once("pub(crate) enum Job {\n")
        .expect("the enum of all transactions");
    let (body, _) = body.split_once("\n}").unwrap();
    let variants: Vec<_> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| {
            let end = line.find(|next: char| !next.is_ascii_alphanumeric());
            &line[..end.unwrap_or(line.len())]
        })
        .collect();
    assert!(variants.len() > 20, "{variants:?}");
    for variant in variants {
        assert!(listed.contains(variant), "no row for {variant}");
    }
}

/// `const NAME: Duration = Duration::from_secs(1)` as the name and the text that the page has for it.
fn duration(line: &str) -> Option<(&str, String)> {
    let (name, value) = line
        .trim_start()
        .split_once("const ")?
        .1
        .split_once(": Duration = Duration::from_")?;
    let (unit, number) = value.split_once('(')?;
    let number: u32 = number.split(')').next()?.parse().ok()?;
    let unit = match unit {
        "secs" => "s",
        "millis" => "ms",
        _ => return None,
    };
    Some((name, format!("{number} {unit}")))
}

#[test]
fn the_architecture_lists_every_time_limit() {
    let page = text(&root().join("docs/architecture.md"));
    let mut sources = Vec::new();
    files(&root().join("src"), "rs", &mut sources);
    let mut found = 0;
    let is_test = |path: &PathBuf| {
        let path = path.strip_prefix(root()).unwrap();
        path.components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
    };
    for path in sources.into_iter().filter(|path| !is_test(path)) {
        for line in text(&path).lines() {
            let Some((name, value)) = duration(line) else {
                continue;
            };
            found += 1;
            let is_listed = page.lines().any(|row| {
                let mut cells = row.split('|').map(str::trim).skip(1);
                let (Some(names), Some(values)) = (cells.next(), cells.next()) else {
                    return false;
                };
                names.contains(&format!("`{name}`")) && values.contains(&value)
            });
            let place = path.display();
            assert!(is_listed, "no row for {name} = {value} of {place}");
        }
    }
    assert!(found > 15, "only {found} time limits");
}

#[test]
fn the_architecture_lists_every_default_of_the_configuration() {
    let page = text(&root().join("docs/architecture.md"));
    let source = text(&root().join("src/config.rs"));
    let mut found = 0;
    for line in source.lines() {
        let Some((name, value)) = line.trim().split_once(": Duration::from_secs(") else {
            continue;
        };
        found += 1;
        let seconds = value.split(')').next().unwrap();
        let row = format!("| `{name}` | {seconds} s |");
        assert!(page.contains(&row), "no row {row}");
    }
    assert!(found > 6, "only {found} settings");
}
