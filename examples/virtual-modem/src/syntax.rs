//! How a command line is taken apart, strictly.

/// One argument of a write command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Between quotation marks.
    Quoted(String),
    /// Without them.
    Bare(String),
    /// Nothing between two commas.
    Empty,
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `AT+X`
    Execute,
    /// `AT+X?`
    Read,
    /// `AT+X=?`
    Test,
    /// `AT+X=...`
    Write(Vec<Argument>),
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// In capitals: "AT", "ATE", "QISEND".
    pub name: String,
    /// What it asks for. The digits of a basic command are its one argument.
    pub form: Form,
}

/// Takes apart what follows the letters AT: one command or several (ITU-T V.250, 5.2).
pub fn parse(text: &str) -> Result<Vec<Command>, String> {
    let mut commands = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let extended = rest.starts_with(['+', '^', '$', '#', '*', '%']);
        let end = if extended {
            end_of_extended(rest)
        } else {
            end_of_basic(rest)
        };
        let (command, behind) = rest.split_at(end);
        if command.is_empty() {
            return Err(format!("no command: {rest}"));
        }
        commands.push(if extended {
            parse_extended(command.strip_prefix('+').unwrap_or(command))?
        } else {
            parse_basic(command)
        });
        // Between extended commands stands a semicolon; behind basic ones it may.
        rest = match behind.strip_prefix(';') {
            Some("") => return Err("nothing stands behind the last semicolon".into()),
            Some(behind) => behind,
            None => behind,
        };
    }
    if commands.is_empty() {
        commands.push(Command {
            name: "AT".into(),
            form: Form::Execute,
        });
    }
    Ok(commands)
}

/// Up to a semicolon outside quotation marks.
fn end_of_extended(text: &str) -> usize {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    end.unwrap_or(text.len())
}

/// A letter, perhaps behind `&`, and digits; `S3=13` and `S3?`; all the rest for `D`.
fn end_of_basic(text: &str) -> usize {
    let letter = usize::from(text.starts_with('&'));
    let Some(name) = text[letter..].chars().next() else {
        return text.len();
    };
    let behind = letter + name.len_utf8();
    if letter == 0 && name.eq_ignore_ascii_case(&'D') {
        return text.len();
    }
    let digits = |from: usize| {
        let end = text[from..].find(|c: char| !c.is_ascii_digit());
        end.map_or(text.len(), |end| from + end)
    };
    let end = digits(behind);
    if letter == 0 && name.eq_ignore_ascii_case(&'S') {
        return match text[end..].chars().next() {
            Some('?') => end + 1,
            Some('=') => digits(end + 1),
            _ => end,
        };
    }
    end
}

fn parse_basic(text: &str) -> Command {
    let upper = text.to_ascii_uppercase();
    if let Some(number) = upper.strip_prefix('D') {
        return Command {
            name: "ATD".into(),
            form: Form::Write(vec![Argument::Bare(number.into())]),
        };
    }
    if upper.starts_with('S') && upper.ends_with('?') {
        return Command {
            name: format!("AT{}", upper.trim_end_matches('?')),
            form: Form::Read,
        };
    }
    let (name, value) = upper.split_once('=').unwrap_or_else(|| {
        if upper.starts_with('S') {
            return (&upper, "");
        }
        let digits = upper.find(|c: char| c.is_ascii_digit());
        upper.split_at(digits.unwrap_or(upper.len()))
    });
    Command {
        name: format!("AT{name}"),
        form: match value {
            "" => Form::Execute,
            value => Form::Write(vec![Argument::Bare(value.into())]),
        },
    }
}

fn parse_extended(text: &str) -> Result<Command, String> {
    let end = text
        .char_indices()
        .find(|(index, c)| !(c.is_ascii_alphanumeric() || *index == 0 && "^$#*%".contains(*c)))
        .map_or(text.len(), |(index, _)| index);
    let name = text[..end].to_ascii_uppercase();
    if name.is_empty() {
        return Err("a command without a name".into());
    }
    let form = match &text[end..] {
        "" => Form::Execute,
        "?" => Form::Read,
        "=?" => Form::Test,
        rest => match rest.strip_prefix('=') {
            Some(arguments) => Form::Write(split(arguments)?),
            None => return Err(format!("{name}: neither = nor ? behind the name")),
        },
    };
    Ok(Command { name, form })
}

fn split(text: &str) -> Result<Vec<Argument>, String> {
    let mut arguments = Vec::new();
    let mut rest = text;
    loop {
        let (argument, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (inside, behind) = quoted
                    .split_once('"')
                    .ok_or("a quotation mark is not closed")?;
                (Argument::Quoted(inside.into()), behind)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let bare = &rest[..end];
                if bare.contains('"') || bare.contains(' ') {
                    return Err(format!(
                        "a blank or a quotation mark inside an argument: {bare}"
                    ));
                }
                let argument = if bare.is_empty() {
                    Argument::Empty
                } else {
                    Argument::Bare(bare.into())
                };
                (argument, &rest[end..])
            }
        };
        arguments.push(argument);
        if behind.is_empty() {
            return Ok(arguments);
        }
        rest = behind
            .strip_prefix(',')
            .ok_or_else(|| format!("no comma before {behind}"))?;
    }
}

/// The arguments of a write command, checked as they are taken.
pub struct Arguments<'a>(pub &'a [Argument]);

impl Arguments<'_> {
    /// Checks their number.
    pub fn count(&self, range: core::ops::RangeInclusive<usize>) -> Result<(), String> {
        if range.contains(&self.0.len()) {
            Ok(())
        } else {
            Err(format!(
                "{} arguments, where {range:?} are right",
                self.0.len()
            ))
        }
    }

    /// Whether there is such an argument.
    pub fn has(&self, index: usize) -> bool {
        self.0.len() > index
    }

    /// A decimal number in a range.
    pub fn number(
        &self,
        index: usize,
        range: core::ops::RangeInclusive<u32>,
    ) -> Result<u32, String> {
        let Some(Argument::Bare(text)) = self.0.get(index) else {
            return Err(format!("argument {} is no number", index + 1));
        };
        let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| is_decimal);
        let value: u32 =
            value.ok_or_else(|| format!("argument {} is no decimal number: {text}", index + 1))?;
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(format!(
                "argument {} is {value}, outside {range:?}",
                index + 1
            ))
        }
    }

    /// A number in a range, or a default if it is left out at the end.
    pub fn number_or(
        &self,
        index: usize,
        range: core::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, String> {
        if self.has(index) {
            self.number(index, range)
        } else {
            Ok(default)
        }
    }

    /// A string, which must be quoted.
    pub fn string(&self, index: usize) -> Result<&str, String> {
        match self.0.get(index) {
            Some(Argument::Quoted(text)) => Ok(text),
            _ => Err(format!("argument {} is not a quoted string", index + 1)),
        }
    }
}
