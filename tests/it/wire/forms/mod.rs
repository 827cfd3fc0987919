//! Every form of every command with commands of that form and their exact bytes.

mod bring_up;
mod data;
mod link;
mod settings;

use atat::AtatCmd;

/// A form of a command as the note gives it, and commands of that form.
pub struct Form {
    /// The form in the note's own notation.
    pub syntax: &'static str,
    /// The type that stands for it.
    pub name: &'static str,
    /// Where it is described.
    pub section: &'static str,
    /// Commands of that form, the longest that can be among them.
    pub examples: Vec<Example>,
}

/// A command, as it was written and as it has to be written.
pub struct Example {
    pub expected: String,
    pub written: String,
    pub timeout_ms: u32,
    pub response: String,
}

impl Form {
    /// The length of the longest example in bytes.
    pub fn longest(&self) -> usize {
        let lengths = self.examples.iter().map(|example| example.written.len());
        lengths.max().expect("a form has an example")
    }
}

/// All forms, in the order of `docs/commands.md`.
pub fn all() -> Vec<Form> {
    let rooms = [
        link::forms(),
        data::forms(),
        settings::forms(),
        bring_up::forms(),
    ];
    rooms.into_iter().flatten().collect()
}

pub fn example<C: AtatCmd>(command: &C, expected: impl Into<String>) -> Example {
    let mut buffer = [0; 1024];
    let length = command.write(&mut buffer);
    Example {
        expected: expected.into(),
        written: String::from_utf8(buffer[..length].to_vec()).expect("commands are ASCII"),
        timeout_ms: C::MAX_TIMEOUT_MS,
        response: short_name(core::any::type_name::<C::Response>()),
    }
}

/// `a::b::Lines<a::c::Status, 3>` as `Lines<Status, 3>`.
fn short_name(path: &str) -> String {
    let mut short = String::new();
    for part in path.split_inclusive(['<', ' ', '>']) {
        short.push_str(part.rsplit("::").next().expect("split gives a part"));
    }
    short
}

/// A text of `length` characters.
pub fn long(length: usize) -> &'static str {
    "a".repeat(length).leak()
}

macro_rules! forms {
    ($($section:literal {
        $($syntax:literal $name:ident { $($command:expr => $bytes:expr),+ $(,)? })+
    })+) => {
        pub fn forms() -> Vec<$crate::wire::forms::Form> {
            vec![$($($crate::wire::forms::Form {
                syntax: $syntax,
                name: stringify!($name),
                section: $section,
                examples: vec![$({
                    let command: $name = $command;
                    $crate::wire::forms::example(&command, $bytes)
                }),+],
            },)+)+]
        }
    };
}
pub(crate) use forms;
