//! What the documents promise about themselves: links lead somewhere, and cited quirks exist.

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
