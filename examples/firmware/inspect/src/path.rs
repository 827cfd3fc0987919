//! The names of functions, and their places in the source.

use std::fmt;

/// A function by its path, without type parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// From the name in a symbol table or in debug information.
    pub fn of_symbol(name: &str) -> Self {
        let full = format!("{:#}", rustc_demangle::demangle(name));
        Self(without_parameters(&full))
    }

    /// The crate of the function, or of the type whose method it is.
    pub fn crate_name(&self) -> &str {
        let start = self.0.trim_start_matches(['<', '&', '*', '[', '(']);
        let start = start.strip_prefix("mut ").unwrap_or(start);
        let start = start.strip_prefix("const ").unwrap_or(start);
        let end = start.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        match (end, &start[end.unwrap_or(start.len())..]) {
            (Some(end), rest) if rest.starts_with("::") => &start[..end],
            // A method of a built-in type, or a function of the compiler.
            _ => "core",
        }
    }

    /// Whether it belongs to the language's own libraries.
    pub fn is_language(&self) -> bool {
        is_language(self.crate_name())
    }
}

fn is_language(name: &str) -> bool {
    matches!(name, "core" | "alloc" | "compiler_builtins")
}

/// A source function that an instruction belongs to, and the place in it.
#[derive(Debug, Clone)]
pub struct Frame {
    pub function: Path,
    pub file: Option<String>,
    /// 0 for code that the compiler has added.
    pub line: u32,
}

impl Frame {
    /// The crate whose source contains the function. A provided method of a trait belongs to the crate of the trait, whatever type it is
    /// called on; its file tells which that is.
    pub fn crate_name(&self) -> &str {
        let file = self.file.as_deref().unwrap_or_default();
        if file.contains("/library/") {
            return "core";
        }
        // …/registry/src/<index>/<name>-<version>/…
        let package = file.split_once("/registry/src/");
        let package = package.and_then(|(_, rest)| rest.split('/').nth(1));
        let package = package.and_then(|package| package.rsplit_once('-'));
        package.map_or(self.function.crate_name(), |(name, _)| name)
    }

    pub fn is_language(&self) -> bool {
        is_language(self.crate_name())
    }

    /// File and line.
    pub fn place(&self) -> String {
        let file = self.file.as_deref().unwrap_or_default();
        let file = file.rsplit_once("/src/").map_or(file, |(_, file)| file);
        match self.line {
            0 => file.to_owned(),
            line => format!("{file}:{line}"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Removes generic parameters in angle brackets. Brackets at the beginning stay: they enclose a type and its trait.
fn without_parameters(name: &str) -> String {
    let mut short = String::new();
    let mut depth = 0_u32;
    let mut previous = ' ';
    for letter in name.chars() {
        let is_arrow = previous == '-' && letter == '>';
        match letter {
            '<' if depth > 0 || is_parameter_list(&short) => depth += 1,
            '>' if depth > 0 && !is_arrow => {
                depth -= 1;
                previous = letter;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            short.push(letter);
        }
        previous = letter;
    }
    // What remains of `::<…>`.
    short
        .replace("::::", "::")
        .trim_end_matches("::")
        .to_owned()
}

/// Whether a bracket after this text opens generic parameters, and not a type with its trait.
fn is_parameter_list(before: &str) -> bool {
    before.ends_with("::")
        || before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}
