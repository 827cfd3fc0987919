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

/// Takes apart what follows the letters AT.
pub fn parse(text: &str) -> Result<Command, String> {
    if text.is_empty() {
        return Ok(Command {
            name: "AT".into(),
            form: Form::Execute,
        });
    }
    match text.strip_prefix(['+']) {
        Some(extended) => parse_extended(extended),
        None => parse_basic(text),
    }
}

fn parse_basic(text: &str) -> Result<Command, String> {
    let name = text
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .to_ascii_uppercase();
    let digits = &text[name.len()..];
    let form = match digits {
        "" => Form::Execute,
        digits => Form::Write(vec![Argument::Bare(digits.into())]),
    };
    Ok(Command {
        name: format!("AT{name}"),
        form,
    })
}

fn parse_extended(text: &str) -> Result<Command, String> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
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
