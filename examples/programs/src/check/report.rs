//! What was found out, as Markdown and as JSON lines.

use std::fmt::Write;

use super::journal::{Direction, Journal};
use super::mask::Mask;

/// One command and how it was answered.
#[derive(Debug)]
pub struct Asked {
    pub command: String,
    pub result: String,
    /// Milliseconds to the final result code.
    pub time: u64,
    pub lines: Vec<String>,
    /// The library's type for the answer reads it.
    pub is_read: bool,
}

/// How the module reads a passage of the note that allows more than one reading.
#[derive(Debug)]
pub struct Finding {
    pub subject: &'static str,
    pub reading: String,
    /// What was seen.
    pub evidence: String,
}

/// A measured or tried operation of the stack.
#[derive(Debug)]
pub struct Tried {
    pub what: String,
    pub outcome: String,
    pub is_expected: bool,
}

/// The report.
#[derive(Debug, Default)]
pub struct Report {
    pub facts: Vec<(&'static str, String)>,
    pub asked: Vec<Asked>,
    pub findings: Vec<Finding>,
    /// Subjects that could not be found out, and why.
    pub open: Vec<(&'static str, String)>,
    pub tried: Vec<Tried>,
    pub mask: Mask,
    pub journal: Option<Journal>,
}

impl Report {
    pub fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }

    pub fn find(
        &mut self,
        subject: &'static str,
        reading: impl Into<String>,
        evidence: impl Into<String>,
    ) {
        self.findings.push(Finding {
            subject,
            reading: reading.into(),
            evidence: evidence.into(),
        });
    }

    pub fn reading(&self, subject: &str) -> Option<&str> {
        let found = self
            .findings
            .iter()
            .find(|finding| finding.subject == subject);
        found.map(|finding| &*finding.reading)
    }

    pub fn tried(
        &mut self,
        what: impl Into<String>,
        outcome: impl Into<String>,
        is_expected: bool,
    ) {
        self.tried.push(Tried {
            what: what.into(),
            outcome: outcome.into(),
            is_expected,
        });
    }

    /// Whether all that was tried went as it should, and the library read all answers.
    pub fn is_clean(&self) -> bool {
        self.asked.iter().all(|asked| asked.is_read)
            && self.tried.iter().all(|tried| tried.is_expected)
    }

    pub fn markdown(&mut self) -> String {
        let mut text = String::from("# Report of modem_check\n\n");
        for (name, value) in &self.facts {
            let _ = writeln!(text, "* {name}: {value}");
        }
        text += "\n## Readings\n\n| subject | this module | seen |\n|---|---|---|\n";
        for finding in &self.findings {
            let (subject, reading, evidence) =
                (finding.subject, &finding.reading, cell(&finding.evidence));
            let _ = writeln!(text, "| {subject} | {reading} | {evidence} |");
        }
        if !self.open.is_empty() {
            text += "\nNot found out:\n\n";
            for (subject, reason) in &self.open {
                let _ = writeln!(text, "* {subject}: {reason}");
            }
        }
        if !self.tried.is_empty() {
            text += "\n## Through the stack\n\n| what | outcome | as expected |\n|---|---|---|\n";
            for tried in &self.tried {
                let (what, outcome) = (&tried.what, cell(&tried.outcome));
                let verdict = if tried.is_expected { "yes" } else { "**no**" };
                let _ = writeln!(text, "| {what} | {outcome} | {verdict} |");
            }
        }
        text += "\n## Commands\n\n| command | result | ms | answer | read by the library |\n|---|---|---|---|---|\n";
        for asked in &self.asked {
            let lines = cell(&asked.lines.join(" / "));
            let verdict = if asked.is_read { "yes" } else { "**no**" };
            let (command, result, time) = (&asked.command, &asked.result, asked.time);
            let _ = writeln!(
                text,
                "| `{command}` | {result} | {time} | {lines} | {verdict} |"
            );
        }
        self.mask.text(&text)
    }

    /// One object for each line. Bytes are a string in which each character is one byte.
    pub fn json_lines(&mut self) -> String {
        let mut text = String::new();
        for (name, value) in &self.facts {
            let _ = writeln!(
                text,
                "{{\"fact\":{},\"value\":{}}}",
                quoted(name),
                quoted(value)
            );
        }
        for finding in &self.findings {
            let _ = writeln!(
                text,
                "{{\"subject\":{},\"reading\":{},\"seen\":{}}}",
                quoted(finding.subject),
                quoted(&finding.reading),
                quoted(&finding.evidence)
            );
        }
        for (subject, reason) in &self.open {
            let _ = writeln!(
                text,
                "{{\"subject\":{},\"reading\":null,\"why\":{}}}",
                quoted(subject),
                quoted(reason)
            );
        }
        for tried in &self.tried {
            let _ = writeln!(
                text,
                "{{\"tried\":{},\"outcome\":{},\"expected\":{}}}",
                quoted(&tried.what),
                quoted(&tried.outcome),
                tried.is_expected
            );
        }
        let mut text = self.mask.text(&text);
        for entry in self.journal.iter().flat_map(|journal| &journal.entries) {
            let way = match entry.direction {
                Direction::ToModule => "to module",
                Direction::FromModule => "from module",
            };
            // Masked before it is quoted: an escape must not hide a number.
            let bytes: String = entry.bytes.iter().map(|byte| char::from(*byte)).collect();
            let bytes = quoted(&self.mask.text(&bytes));
            let _ = writeln!(text, "{{\"ms\":{},\"{way}\":{bytes}}}", entry.at);
        }
        text
    }
}

/// Text as a cell of a table.
fn cell(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("`{}`", text.replace('|', "\\|").replace('`', "'")),
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\r' => quoted += "\\r",
            '\n' => quoted += "\\n",
            ' '..='~' => quoted.push(character),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}
