//! Name lookups with a module that answers late, twice, before its OK, or not at all.

use core::task::Poll;
use std::collections::VecDeque;
use std::format;
use std::string::String;

use super::Choices;
use crate::config::Config;
use crate::engine::rig::Rig;
use crate::engine::{Action, Job, LinkState};
use crate::stack::{Resources, new};
use embassy_time::{Duration, Instant};

/// No sequence needs as many steps to come to rest.
const PATIENCE: usize = 2000;

struct World<'d> {
    rig: Rig<'d>,
    /// How many lookups there were. Each has a name of its own, and addresses that contain its number.
    asked: u16,
    /// The user waits for this one.
    waiting: Option<u16>,
    /// What the module still has to say, and until when.
    results: VecDeque<(Instant, String)>,
}

/// The answer to a lookup has addresses of this lookup and of no other, and every lookup ends.
pub fn lookups(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut resources = Resources::<1, 64, 64>::new();
    let (stack, _) = new(&mut resources, Config::new("internet"));
    let mut rig = Rig::on(stack.shared);
    rig.start();
    rig.bring_up();
    let mut world = World {
        rig,
        asked: 0,
        waiting: None,
        results: VecDeque::new(),
    };
    while !choices.is_empty() {
        match choices.below(16) {
            0..=2 => world.ask(),
            3 => {
                if world.waiting.take().is_some() {
                    world.rig.engine(|engine| {
                        let ticket = engine.dns.current();
                        engine.dns.abandon(ticket);
                    });
                }
            }
            4..=8 => {
                world.transaction(&mut choices);
            }
            9..=12 => world.say_result(),
            13 => {
                world.rig.on_line("+QIURC: \"future\",0,1");
            }
            _ => world.rig.pass(u64::from(choices.byte()) * 40),
        }
        world.look();
    }
    // From now on the module answers, and every lookup ends.
    for _ in 0..PATIENCE {
        world.say_result();
        world.look();
        let is_busy = world.transaction(&mut Choices::new(&[]));
        let is_up = world.rig.engine(|engine| engine.link_state()) == LinkState::Up;
        if !is_busy && is_up && world.waiting.is_none() && world.results.is_empty() {
            return;
        }
    }
    panic!("a lookup does not end: {:?}", world.waiting);
}

impl World<'_> {
    fn ask(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let name = format!("n{}.example.com", self.asked);
        if self.rig.ask(&name) == Poll::Ready(Ok(())) {
            self.waiting = Some(self.asked);
            self.asked += 1;
        }
    }

    /// The user looks whether the answer is there.
    fn look(&mut self) {
        let Some(number) = self.waiting else {
            return;
        };
        let Poll::Ready(result) = self.rig.found() else {
            return;
        };
        self.waiting = None;
        let Ok(found) = result else {
            return;
        };
        assert!(!found.is_empty(), "no error and no address");
        for (index, address) in found.iter().enumerate() {
            let expected = format!("10.{}.{}.{}", number >> 8, number & 255, index + 1);
            assert_eq!(format!("{address}"), expected, "lookup {number}");
        }
    }

    fn say_result(&mut self) {
        if let Some((until, line)) = self.results.pop_front() {
            if self.rig.now <= until {
                self.rig.on_line(&line);
            }
        }
    }

    /// Whether the runner had something to do.
    fn transaction(&mut self, choices: &mut Choices<'_>) -> bool {
        let job = match self.rig.next() {
            Action::Run(job) => job,
            Action::Wait(until) if until < crate::util::time::NEVER => {
                if choices.is_empty() {
                    self.rig.wait(until);
                }
                return choices.is_empty();
            }
            _ => return false,
        };
        self.rig.begin(job);
        if job != Job::Resolve {
            let lines = self.rig.reply(job);
            self.rig.answer(lines);
            return true;
        }
        let command = String::from_utf8_lossy(self.rig.command()).into_owned();
        let name = command.split("\"n").nth(1).expect("a name");
        let number: u16 = name.split('.').next().unwrap().parse().expect("a number");
        let count = 1 + choices.below(5);
        // A module reports the result of a lookup within this time (2.1.14).
        let until = self.rig.now + Duration::from_secs(60);
        let first = format!("+QIURC: \"dnsgip\",0,{count},300");
        let addresses = (1..=count).map(|index| {
            let (high, low) = (number >> 8, number & 255);
            format!("+QIURC: \"dnsgip\",\"10.{high}.{low}.{index}\"")
        });
        match choices.below(12) {
            0 => self.rig.answer(&["+CME ERROR: 565"]),
            1 => self.rig.answer(&["+CME ERROR: 564"]),
            // The command was lost, and so was its answer.
            2 => self.rig.finish(),
            3 => {
                self.rig.answer(&["OK"]);
                self.results
                    .push_back((until, "+QIURC: \"dnsgip\",565".into()));
            }
            _ => {
                self.rig.answer(&["OK"]);
                self.results.push_back((until, first));
                self.results.extend(addresses.map(|line| (until, line)));
            }
        }
        true
    }
}
