//! The structure of the library: which of its files imports which, and how large they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::root;

/// From the ground up. A file imports only from its own floor and from those below.
const FLOORS: [&[&str]; 8] = [
    &["util"],
    &["at"],
    &["error", "config"],
    &["engine"],
    &["runner"],
    &["stack"],
    &["net"],
    &["blocking"],
];
const LONGEST_FILE: usize = 400;

/// Modules in the order of their names, each with its text. Tests and what only tests use are left out.
type Modules = BTreeMap<Vec<String>, String>;

fn read_modules(folder: &Path, module: &[String], modules: &mut Modules) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if matches!(name.as_str(), "tests" | "testing" | "rig") {
            continue;
        }
        let mut inner = module.to_vec();
        if !matches!(name.as_str(), "mod" | "lib") {
            inner.push(name);
        }
        if path.is_dir() {
            read_modules(&path, &inner, modules);
        } else {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            modules.insert(inner, code.to_owned());
        }
    }
}

fn modules() -> Modules {
    let mut modules = Modules::new();
    read_modules(&root().join("src"), &[], &mut modules);
    assert!(modules.len() > 100, "{} files", modules.len());
    modules
}

/// The paths of an import: `a::{b, c::d}` are `a::b` and `a::c::d`.
fn expand(import: &str) -> Vec<String> {
    let Some((prefix, list)) = import.split_once('{') else {
        let path = import.split(" as ").next().unwrap().trim();
        return vec![path.to_owned()];
    };
    let list = list.trim_end().strip_suffix('}').expect("a closed list");
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (place, character) in list.char_indices().chain([(list.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = list[start..place].trim();
                start = (place + 1).min(list.len());
                if !item.is_empty() {
                    paths.extend(expand(&format!("{}{item}", prefix.trim())));
                }
            }
            _ => {}
        }
    }
    paths
}

/// The modules that a module imports from.
fn imports<'m>(of: &[String], text: &str, modules: &'m Modules) -> BTreeSet<&'m [String]> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find("use ") {
        let before = rest[..start].rsplit('\n').next().unwrap().trim();
        let is_statement = matches!(before, "" | "pub" | "pub(crate)" | "pub(super)");
        rest = &rest[start + 4..];
        let Some((import, _)) = rest.split_once(';').filter(|_| is_statement) else {
            continue;
        };
        for path in expand(&import.replace('\n', " ")) {
            let mut parts: Vec<String> = path
                .split("::")
                .map(|part| part.trim().to_owned())
                .collect();
            let mut base = of.to_vec();
            match parts[0].as_str() {
                "crate" => base.clear(),
                "self" => {}
                "super" => {
                    base.pop();
                }
                // A module of its own, or else another crate.
                _ => parts.insert(0, "self".into()),
            }
            parts.remove(0);
            while parts.first().is_some_and(|part| part == "super") {
                base.pop();
                parts.remove(0);
            }
            let is_child = base == of;
            base.extend(parts);
            let longest = (1..=base.len()).rev().find_map(|length| {
                let (module, _) = modules.get_key_value(&base[..length])?;
                Some(module.as_slice())
            });
            // What begins with no module of this crate leads to the module itself, or above it.
            found.extend(
                longest.filter(|module| *module != of && (!is_child || module.len() > of.len())),
            );
        }
    }
    found
}

fn graph(modules: &Modules) -> BTreeMap<&[String], BTreeSet<&[String]>> {
    let files = modules.iter();
    files
        .map(|(module, text)| (module.as_slice(), imports(module, text, modules)))
        .collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = modules();
    let mut left = graph(&modules);
    // A file that imports nothing of what is left, or that nothing of it imports, is in no circle.
    loop {
        let before = left.len();
        let names: BTreeSet<_> = left.keys().copied().collect();
        left.retain(|_, imports| imports.iter().any(|import| names.contains(import)));
        let imported: BTreeSet<_> = left.values().flatten().copied().collect();
        left.retain(|module, _| imported.contains(module));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "circles of imports: {left:?}");
}

#[test]
fn no_import_leads_to_a_higher_floor() {
    let floor_of = |module: &[String]| {
        let name = module.first()?;
        FLOORS
            .iter()
            .position(|names| names.contains(&name.as_str()))
    };
    let modules = modules();
    let mut count = 0;
    for (module, imports) in graph(&modules) {
        let Some(floor) = floor_of(module) else {
            // The crate itself, its macros, and the guide.
            assert!(module.len() <= 1, "{module:?} is on no floor");
            continue;
        };
        for import in imports {
            let below = floor_of(import).unwrap_or_else(|| panic!("{module:?} imports {import:?}"));
            assert!(below <= floor, "{module:?} imports {import:?}");
            count += 1;
        }
    }
    assert!(count > 200, "{count} imports");
}

/// Lines that are neither blank nor comments.
fn lines_of_code(text: &str) -> usize {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

#[test]
fn no_file_and_no_room_is_too_large() {
    let mut rooms: BTreeMap<&[String], usize> = BTreeMap::new();
    let modules = modules();
    for (module, text) in &modules {
        let lines = lines_of_code(text);
        assert!(lines <= LONGEST_FILE, "{module:?}: {lines} lines of code");
        // The rooms of the engine are its folders.
        let is_folder = |length| {
            let mut others = modules.keys();
            others.any(|other| other.len() > length && other.starts_with(&module[..length]))
        };
        let in_engine = module.first().is_some_and(|floor| floor == "engine");
        let length = if in_engine && module.len() > 1 && is_folder(2) {
            2
        } else {
            module.len().min(1)
        };
        *rooms.entry(&module[..length]).or_default() += lines;
    }
    let all: usize = rooms.values().sum();
    for (room, lines) in rooms {
        assert!(lines * 4 <= all, "{room:?}: {lines} of {all} lines of code");
    }
}
