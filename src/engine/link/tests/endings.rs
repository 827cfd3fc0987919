//! Every attempt to bring the link up ends within a stated time, whatever the module does.

use std::collections::VecDeque;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use embassy_time::{Duration, Instant};

use super::state;
use crate::config::Config;
use crate::engine::rig::{WITH_DTR, WITH_RESET};
use crate::engine::tests::Rig;
use crate::engine::{Action, Job, LinkState, Wiring};
use crate::error::{BringUpCommand, LinkError};

/// boot_time + registration_time + 15 min, and one AT+QIACT.
const BOUND: Duration = Duration::from_secs(20 + 180 + 900 + 150);

/// How the module answers a command; `None`: not at all.
type Lines = Option<Vec<String>>;

/// A module that answers one command after the other, each after the same time.
struct Module<'m> {
    answer: &'m mut dyn FnMut(Job, Lines) -> Lines,
    delay: Duration,
    /// A restart each time that this has passed.
    restarts: Option<Duration>,
    restarted_at: Instant,
    busy_until: Instant,
    output: VecDeque<(Instant, String)>,
    pin_is_entered: bool,
    resets: Vec<Instant>,
}

fn config() -> Config<'static> {
    let config = Config::new("internet").pin("1234");
    config.dns_servers("192.0.2.53".parse().unwrap(), None)
}

fn started() -> Rig {
    let mut rig = Rig::new::<1, 64, 64>(config());
    rig.start_wired(WITH_DTR);
    rig.active = true;
    rig
}

impl<'m> Module<'m> {
    fn new(rig: &Rig, answer: &'m mut dyn FnMut(Job, Lines) -> Lines) -> Self {
        Self {
            answer,
            delay: Duration::from_millis(5),
            restarts: None,
            restarted_at: rig.now,
            busy_until: rig.now,
            output: VecDeque::new(),
            pin_is_entered: false,
            resets: Vec::new(),
        }
    }

    fn begin(&mut self, rig: &mut Rig, job: Job) {
        rig.begin(job);
        let was_active = rig.active;
        let right = match job {
            Job::SimState if !self.pin_is_entered => ["+CPIN: SIM PIN", "OK"].as_slice(),
            Job::ListSockets => &[
                "+QISTATE: 3,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
                "OK",
            ],
            _ => rig.reply(job),
        };
        let right = right.iter().map(ToString::to_string).collect();
        self.busy_until = self.busy_until.max(rig.now) + self.delay;
        let lines = (self.answer)(job, Some(right)).unwrap_or_default();
        if lines.last().is_some_and(|line| line == "OK") {
            self.pin_is_entered |= job == Job::EnterPin;
        } else {
            // The command was not carried out.
            rig.active = was_active;
        }
        let lines = lines.into_iter().map(|line| (self.busy_until, line));
        self.output.extend(lines);
    }

    /// Lets time pass until the module has said something that the runner goes on with, or until this instant.
    fn pass(&mut self, rig: &mut Rig, until: Instant, is_awaiting: bool) {
        loop {
            let line = self.output.front().map_or(Instant::MAX, |(at, _)| *at);
            let restart = self
                .restarts
                .map_or(Instant::MAX, |period| self.restarted_at + period);
            let next = line.min(restart);
            if next > until {
                rig.now = rig.now.max(until);
                return;
            }
            rig.now = rig.now.max(next);
            if restart <= line {
                self.restarted_at = restart;
                self.output.clear();
                self.busy_until = restart;
                rig.active = false;
                rig.on_line("RDY");
                return;
            }
            let (_, line) = self.output.pop_front().unwrap();
            rig.on_line(&line);
            if is_awaiting && rig.is_answered() {
                return;
            }
        }
    }

    /// Runs one attempt: how it ends, and how long it takes.
    #[track_caller]
    fn attempt(&mut self, rig: &mut Rig) -> (LinkState, Duration) {
        let begin = rig.now;
        let attempt = rig.engine(|engine| engine.link.attempt());
        while rig.now - begin <= BOUND {
            if rig.engine(|engine| engine.link.attempt()) != attempt {
                return (state(rig), rig.now - begin);
            }
            let action = rig.next();
            match action {
                Action::Run(job) => {
                    self.begin(rig, job);
                    let deadline = rig.engine(|engine| engine.deadline());
                    self.pass(rig, deadline, true);
                }
                Action::Wait(until) => self.pass(rig, until.min(rig.now + BOUND), false),
                Action::Reset => self.resets.push(rig.now),
                _ => self.pass(rig, rig.now + Duration::from_millis(2500), false),
            }
            rig.engine(|engine| engine.finish_action(action, true));
        }
        panic!("the attempt has not ended: {:?}", rig.next());
    }
}

/// One attempt with a module that answers at once.
#[track_caller]
fn attempt(mut answer: impl FnMut(Job, Lines) -> Lines) -> (LinkState, Duration) {
    let mut rig = started();
    Module::new(&rig, &mut answer).attempt(&mut rig)
}

/// Every command of a bring-up.
fn commands() -> Vec<Job> {
    let mut jobs = Vec::new();
    let (end, _) = attempt(|job, lines| {
        if !jobs.contains(&job) {
            jobs.push(job);
        }
        lines
    });
    assert_eq!(end, LinkState::Up);
    assert!(jobs.len() >= 25, "{jobs:?}");
    for job in [
        Job::EnterPin,
        Job::Deactivate,
        Job::EscapeWithDtr,
        Job::SetDns,
    ] {
        assert!(jobs.contains(&job), "{job:?}");
    }
    jobs
}

fn one(text: &str) -> Lines {
    Some(Vec::from([text.to_string()]))
}

/// Answers all but one command as it should.
fn but(wrong: Job, answer: Lines) -> (LinkState, Duration) {
    attempt(|job, lines| if job == wrong { answer.clone() } else { lines })
}

#[test]
fn command_that_is_never_answered() {
    use BringUpCommand as Command;
    for job in commands() {
        let (end, time) = but(job, None);
        let unanswered = |command| LinkState::Down(LinkError::CommandUnanswered(command));
        let expected = match job {
            Job::SimState => unanswered(Command::SimState),
            Job::EnterPin => unanswered(Command::EnterPin),
            Job::ListContexts => unanswered(Command::ListContexts),
            Job::Configure => unanswered(Command::Configure),
            Job::Attention | Job::Activate | Job::Deactivate => {
                LinkState::Down(LinkError::NoAnswer)
            }
            // All others are optional, or have others in their place.
            _ => LinkState::Up,
        };
        // No answer to AT+QIACT can take 150 s.
        let bound = if job == Job::Activate { 160 } else { 90 };
        assert_eq!(end, expected, "{job:?}");
        assert!(time < Duration::from_secs(bound), "{job:?}: {time:?}");
    }
    let all = attempt(|job, lines| match job {
        Job::Registration(_) => None,
        _ => lines,
    });
    let LinkState::Down(error) = all.0 else {
        panic!("{all:?}");
    };
    assert_eq!(error, LinkError::CommandUnanswered(Command::Registration));
    assert!(error.needs_restart());
}

#[test]
fn command_that_is_always_refused() {
    for job in commands() {
        for refusal in [
            "ERROR",
            "+CME ERROR: 3",
            "+CME ERROR: 100",
            "+CME ERROR: SIM busy",
        ] {
            let (end, time) = but(job, one(refusal));
            let context = format!("{job:?}: {refusal}: {end:?}");
            match job {
                Job::SimState => assert!(
                    matches!(end, LinkState::Down(LinkError::SimFailure(_))),
                    "{context}"
                ),
                Job::EnterPin => {
                    assert_eq!(end, LinkState::Down(LinkError::SimLocked), "{context}")
                }
                Job::Configure => assert!(
                    matches!(end, LinkState::Down(LinkError::ApnRefused(_))),
                    "{context}"
                ),
                Job::Activate | Job::ListContexts => assert!(
                    matches!(
                        end,
                        LinkState::Down(LinkError::ContextRefused(_) | LinkError::ContextLost)
                    ),
                    "{context}"
                ),
                _ => assert_eq!(end, LinkState::Up, "{context}"),
            }
            assert!(
                time < Duration::from_secs(60),
                "{job:?}: {refusal}: {time:?}"
            );
        }
    }
}

/// Quirk 118.
#[test]
fn context_that_does_not_go_down_is_used() {
    let (end, time) = attempt(|job, lines| match job {
        Job::Configure | Job::Deactivate => one("ERROR"),
        _ => lines,
    });
    assert_eq!(end, LinkState::Up);
    assert!(time < Duration::from_secs(20), "{time:?}");
}

#[test]
fn ok_without_the_answer() {
    for job in commands() {
        let (_, time) = but(job, one("OK"));
        assert!(time < Duration::from_secs(60), "{job:?}: {time:?}");
    }
    let (end, time) = attempt(|_, _| one("OK"));
    assert_eq!(
        end,
        LinkState::Down(LinkError::CommandUnanswered(BringUpCommand::SimState))
    );
    assert!(time < Duration::from_secs(60), "{time:?}");
}

#[test]
fn module_that_never_answers() {
    let (end, time) = attempt(|_, _| None);
    assert_eq!(end, LinkState::Down(LinkError::NoAnswer));
    assert!(time < Duration::from_secs(40), "{time:?}");
}

#[test]
fn line_that_is_a_mirror() {
    let (end, time) = attempt(|_, _| one("AT"));
    assert_eq!(end, LinkState::Down(LinkError::NoAnswer));
    assert!(time < Duration::from_secs(40), "{time:?}");
}

#[test]
fn echo_that_cannot_be_turned_off() {
    let (end, time) = attempt(|_, lines| {
        let lines = lines.into_iter().flatten();
        Some(core::iter::once("AT+X".to_string()).chain(lines).collect())
    });
    assert_eq!(end, LinkState::Up);
    assert!(time < Duration::from_secs(5), "{time:?}");
}

#[test]
fn slow_module_comes_up() {
    for delay in [900, 1500, 2500] {
        let mut rig = started();
        let mut answer = |_, lines| lines;
        let mut module = Module::new(&rig, &mut answer);
        module.delay = Duration::from_millis(delay);
        let (end, time) = module.attempt(&mut rig);
        assert_eq!(end, LinkState::Up, "{delay}");
        assert!(time < Duration::from_secs(240), "{delay}: {time:?}");
    }
}

#[test]
fn module_one_answer_behind() {
    let mut before = one("OK");
    let (end, time) = attempt(|_, lines| core::mem::replace(&mut before, lines));
    assert_ne!(end, LinkState::Starting);
    assert!(time < Duration::from_secs(120), "{end:?}: {time:?}");
    // It is behind from some command on.
    for job in commands() {
        let mut before = None;
        let mut is_behind = false;
        let (_, time) = attempt(|next, lines| {
            is_behind |= next == job;
            if is_behind {
                core::mem::replace(&mut before, lines)
            } else {
                lines
            }
        });
        assert!(time < Duration::from_secs(240), "{job:?}: {time:?}");
    }
}

#[test]
fn module_that_restarts_again_and_again() {
    for period in [500, 3000, 7000, 20_000, 100_000] {
        for delay in [5, 200, 1500] {
            let mut rig = started();
            let mut answer = |_, lines| lines;
            let mut module = Module::new(&rig, &mut answer);
            module.delay = Duration::from_millis(delay);
            module.restarts = Some(Duration::from_millis(period));
            let (end, _) = module.attempt(&mut rig);
            match end {
                // Between two restarts there may be time enough.
                LinkState::Up => assert!(period > 30 * delay, "{period}, {delay}"),
                LinkState::Down(LinkError::Restarted | LinkError::NoAnswer) => {}
                other => panic!("{period}, {delay}: {other:?}"),
            }
        }
    }
}

/// The pace under figure 1 of the note also holds for a module that answers AT and nothing else.
#[test]
fn restarts_of_a_module_that_answers_only_at_are_paced() {
    let mut rig = started();
    rig.start_wired(Wiring {
        dtr: true,
        ..WITH_RESET
    });
    let mut answer = |job, lines| match job {
        Job::SimState => None,
        _ => lines,
    };
    let mut module = Module::new(&rig, &mut answer);
    while module.resets.len() < 7 {
        let (end, _) = module.attempt(&mut rig);
        assert_eq!(
            end,
            LinkState::Down(LinkError::CommandUnanswered(BringUpCommand::SimState))
        );
    }
    let gaps = module
        .resets
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs());
    let gaps: Vec<_> = gaps.collect();
    assert!(gaps[..3].iter().all(|gap| *gap < 60), "{gaps:?}");
    for (gap, least) in gaps[3..].iter().zip([600, 1800, 3600]) {
        assert!((least..least + 120).contains(gap), "{gaps:?}");
    }
}
