//! Name lookups, and commands of the user.

use std::format;

use embassy_time::{Duration, Instant};

use super::{Manner, Module};
use crate::util::time::{NEVER, get_or_set};

/// The names that are looked up, and the commands of users, by handle.
pub(crate) const NAMES: [&str; 2] = ["a.example", "b.example"];
pub(crate) const COMMANDS: [&str; 2] = ["AT+XA\r", "AT+XB=1\r"];
/// The payload of the second command.
pub(crate) const TEXT: &str = "text\x1a";
/// What a command of a user is answered.
pub(crate) const ANSWERS: [&str; 2] = ["+XA: 1", "+XB: 2"];

impl Module {
    /// A command of the user.
    pub(crate) fn execute(&mut self, command: usize) {
        self.executed[command] += 1;
        self.answer(&[ANSWERS[command]]);
    }

    /// Takes payload of a command of the user, as far as it goes. Returns what comes behind it.
    pub(crate) fn take_text<'a>(&mut self, bytes: &'a [u8], manner: Manner) -> &'a [u8] {
        let end = bytes.iter().position(|byte| matches!(byte, 0x1a | 0x1b));
        let (Some(end), Some(command)) = (end, self.user_prompt) else {
            return &[];
        };
        self.user_prompt = None;
        let before = self.output.len();
        match (bytes[end], manner) {
            (0x1b, _) => self.say("OK"),
            (_, Manner::Refuses) => self.say("ERROR"),
            _ => self.execute(command),
        }
        if manner == Manner::Mute {
            self.output.truncate(before);
        }
        &bytes[end + 1..]
    }

    /// The module takes 60 s for a lookup at most (2.1.14).
    pub(crate) fn limit_lookup(&mut self, now: Instant) {
        if self.lookup.is_none() {
            self.lookup_until = NEVER;
        } else if now > get_or_set(&mut self.lookup_until, now + Duration::from_secs(60)) {
            self.lookup = None;
        }
    }

    /// The answer to the lookup under way.
    pub(crate) fn resolved(&mut self, well: bool) {
        let Some(lookup) = self.lookup.take() else {
            return;
        };
        self.found[lookup] = Some(well);
        if well {
            self.say("+QIURC: \"dnsgip\",0,1,300");
            self.say(&format!("+QIURC: \"dnsgip\",\"192.0.2.{lookup}\""));
        } else {
            self.say("+QIURC: \"dnsgip\",565");
        }
    }
}
