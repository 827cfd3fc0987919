//! Every sequence of events, up to a length, in small worlds: one or two sockets, lookups or commands of users, three bytes
//! each way.
//!
//! A world is the engine, the digester in front of it, a model of the module and its network, and users. Whatever of it can
//! happen next is an event. From a start, every possible event is tried, and from each new state every event again. After each
//! the contract is checked:
//!
//! * bytes arrive in order and complete, or an error is reported; `Ok(0)` only where the peer has closed and nothing is missing;
//! * `flush` and `close` are done only when the module has exactly what was written;
//! * a lookup finds the address of its own name, and a command of the user gets its own answer;
//! * no connectID is opened twice;
//! * without a fault nothing fails;
//! * a task that has something to do was woken, and so was the runner; tasks do not wake each other for ever;
//! * after the serial line has failed nobody waits;
//! * from every state: if all goes well from now on, every wait ends, every slot comes free, the link is as it was wanted last, and
//!   the module is left with nothing.
//!
//! A state that was seen before is not gone on from. `EXPLORE_DEEPER=n` goes `n` events further than the usual
//! run; `EXPLORE_FAULTS=n` allows `n` faults more; `EXPLORE_WORLD=name` explores that world only. Depths and numbers of states are
//! in `docs/exploration.md`.

mod contract;
mod fingerprint;
mod handle;
mod module;
mod runner;
mod scenarios;
mod users;
mod walk;
mod world;

pub use walk::walk;

use std::collections::{BTreeSet, HashSet};
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use crate::config::Config;
use crate::engine::LinkMode;
use crate::engine::rig::Rig;
use crate::stack::{Resources, new};
use handle::{Call, Kind};
use module::Manner;
use world::{Task, World};

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The transmitting half of the runner goes on. A command that it sends, or payload, meets the module in this manner.
    Run(Manner),
    /// The time that the answer may take is over.
    TimeOut,
    /// Nothing happens until the runner wants to look again.
    Wait,
    /// The next line or payload of the module arrives.
    Line,
    /// It gets lost.
    LoseLine,
    /// Something else arrives.
    Say(&'static str),
    Restart,
    LoseContext,
    /// The runner is dropped and run again.
    Rerun,
    /// The same, and the module loses its power meanwhile.
    Replug,
    /// The serial line fails, so that nobody waits. Then the runner is run again.
    LineFails,
    /// A full receive ring has held up the UART for too long.
    Overrun,
    // The network, by connectID.
    Opened(u8),
    Failed(u8),
    Data(u8),
    End(u8),
    /// Somebody connects to the listener.
    Incoming(u8),
    /// The module reports the end of a connection that the host has closed.
    LateClosed,
    /// The answer to the lookup arrives at the module, or that there is none.
    Resolved,
    Unresolved,
    // The users, by handle.
    Connect,
    Read(u8),
    Write(u8),
    Flush(u8),
    /// To transparent access mode, or back to buffer access mode.
    SwitchMode(u8),
    Close(u8),
    Drop(u8),
    Abort(u8),
    /// What the user wants of the link.
    Wish(LinkMode),
    AccessPoint,
}

impl Event {
    fn is_fault(self) -> bool {
        match self {
            Self::Run(manner) => manner != Manner::Well,
            Self::LoseLine
            | Self::Say(_)
            | Self::Restart
            | Self::LoseContext
            | Self::Rerun
            | Self::Replug
            | Self::LineFails => true,
            _ => false,
        }
    }

    fn is_of_user(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::Read(_)
                | Self::Write(_)
                | Self::Flush(_)
                | Self::SwitchMode(_)
                | Self::Close(_)
                | Self::Drop(_)
                | Self::Abort(_)
                | Self::Wish(_)
                | Self::AccessPoint
        )
    }

    /// A line, the end of a transaction, or of the runner, or another wish for the link, tells a task of its own socket that
    /// something may have changed, and the drop of a handle tells it to one that waits for a slot.
    fn may_wake_for_nothing(self, call: Call) -> bool {
        match self {
            Self::Line
            | Self::Run(_)
            | Self::Say(_)
            | Self::TimeOut
            | Self::Rerun
            | Self::Replug
            | Self::LineFails
            | Self::Wish(_)
            | Self::AccessPoint => true,
            Self::Drop(_) | Self::Abort(_) => call == Call::Slot,
            _ => false,
        }
    }
}

/// How much may happen in a world.
#[derive(Debug, Clone, Copy)]
struct Limits {
    handles: usize,
    /// What the handles are for, in turn.
    kinds: &'static [Kind],
    /// Bytes each way.
    bytes: u8,
    faults: usize,
    /// Faults besides lost lines, and commands that are refused, missed, or not answered.
    strange: &'static [Event],
    late_closed: bool,
    /// What the user may want of the link, and how often that may change.
    wishes: &'static [Event],
    changes: usize,
}

/// A world, and how it is explored.
struct Scenario {
    name: &'static str,
    slots: usize,
    limits: Limits,
    /// What has happened before, in pieces.
    start: &'static [&'static [Event]],
    depth: usize,
}

/// A new world, in which these events have happened. `None` if one of them is impossible.
fn replay<T>(
    scenario: &Scenario,
    tasks: &[Arc<Task>],
    events: &[Event],
    is_lazy: bool,
    then: impl FnOnce(&mut World<'_>) -> T,
) -> Option<T> {
    // A datagram has a header of 21 bytes in the ring, and data in transparent access mode its end marker, with URCs behind it.
    match (scenario.slots, scenario.limits.kinds[0]) {
        (1, Kind::Transparent) => replay_in::<1, 128, T>(scenario, tasks, events, is_lazy, then),
        (_, Kind::Transparent) => replay_in::<2, 128, T>(scenario, tasks, events, is_lazy, then),
        (_, Kind::Udp) => replay_in::<1, 48, T>(scenario, tasks, events, is_lazy, then),
        (1, _) => replay_in::<1, 2, T>(scenario, tasks, events, is_lazy, then),
        _ => replay_in::<2, 2, T>(scenario, tasks, events, is_lazy, then),
    }
}

fn replay_in<const SLOTS: usize, const RING: usize, T>(
    scenario: &Scenario,
    tasks: &[Arc<Task>],
    events: &[Event],
    is_lazy: bool,
    then: impl FnOnce(&mut World<'_>) -> T,
) -> Option<T> {
    let tasks = tasks.to_vec();
    let mut buffers = [[0; 256]; 3];
    let mut resources = Resources::<SLOTS, RING, RING>::new();
    let (stack, _) = new(&mut resources, Config::new("internet"));
    let mut rig = Rig::on(stack.shared);
    rig.start();
    rig.bring_up();
    let buffers = buffers.iter_mut().map(|buffer| &mut buffer[..]).collect();
    let mut world = World::new(rig, buffers, &tasks, scenario.limits);
    for event in scenario.start.iter().copied().flatten() {
        world.apply(*event);
    }
    world.is_lazy = is_lazy;
    for event in events {
        if !world.apply(*event) {
            return None;
        }
    }
    world.is_lazy = false;
    Some(then(&mut world))
}

/// What was found.
#[derive(Debug, Default)]
struct Figures {
    states: usize,
    sequences: usize,
    /// The events that have woken a task for nothing, and what it waits for.
    idle_wakes: BTreeSet<String>,
}

/// Explores a world, breadth first. Panics with the shortest sequence of events that breaks the contract.
fn explore(scenario: &Scenario, depth: usize) -> Figures {
    let tasks: Vec<Arc<Task>> = (0..8).map(|_| Arc::default()).collect();
    let mut seen = HashSet::new();
    let mut figures = Figures::default();
    let compares = std::env::var_os("EXPLORE_LAZY").is_some();
    let mut frontier = std::vec![Vec::<Event>::new()];
    for level in 0..=depth {
        let mut next = Vec::new();
        for events in frontier {
            figures.sequences += 1;
            let found = catch(scenario, &events, || {
                if compares {
                    compare(scenario, &tasks, &events);
                }
                replay(scenario, &tasks, &events, false, |world| {
                    let is_new = seen.insert(world.fingerprint());
                    let possible = world.events();
                    if let Some(last) = events.last() {
                        let mut wakes = world.idle_wakes.iter();
                        assert!(
                            wakes.all(|call| last.may_wake_for_nothing(*call)),
                            "{last:?} has woken {:?} for nothing",
                            world.idle_wakes
                        );
                        let wakes = world.idle_wakes.iter();
                        figures
                            .idle_wakes
                            .extend(wakes.map(|call| format!("{last:?} {call:?}")));
                    }
                    if is_new {
                        world.check_wakes();
                        world.settle();
                    }
                    is_new.then_some(possible)
                })
            });
            let Some(Some(possible)) = found else {
                continue;
            };
            figures.states += 1;
            if level < depth {
                next.extend(possible.into_iter().map(|event| {
                    let mut longer = events.clone();
                    longer.push(event);
                    longer
                }));
            }
        }
        frontier = next;
    }
    figures
}

/// What users are told does not depend on when their tasks run: after each event, or only after the last one.
fn compare(scenario: &Scenario, tasks: &[Arc<Task>], events: &[Event]) {
    let sorted = |world: &mut World<'_>| {
        // An open that failed later may be told either way: the next call tells the rest.
        let opens = |call: Call| matches!(call, Call::Slot | Call::Connect);
        world.told.retain(|(_, call, _)| !opens(*call));
        world
            .told
            .sort_by_key(|(handle, call, _)| (*handle, *call as usize));
        world.told.clone()
    };
    let eager = replay(scenario, tasks, events, false, sorted);
    let lazy = replay(scenario, tasks, events, true, |world| {
        world.run_tasks();
        sorted(world)
    });
    if let Some(lazy) = lazy {
        assert_eq!(
            Some(lazy),
            eager,
            "what tasks are told depends on when they run"
        );
    }
}

/// Names the events of a run that fails.
fn catch<T>(scenario: &Scenario, events: &[Event], run: impl FnOnce() -> T) -> T {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    result.unwrap_or_else(|panic| {
        std::eprintln!(
            "{}: {:?} and then {events:?}",
            scenario.name,
            scenario.start.concat()
        );
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn every_sequence_of_events_keeps_the_contract() {
    let only = std::env::var("EXPLORE_WORLD").ok();
    let number = |name| std::env::var(name).map_or(0, |more| more.parse().expect("a number"));
    let (deeper, faults): (usize, usize) = (number("EXPLORE_DEEPER"), number("EXPLORE_FAULTS"));
    for scenario in scenarios::ALL {
        if only.as_ref().is_some_and(|only| only != scenario.name) {
            continue;
        }
        let depth = scenario.depth + deeper;
        let begun = std::time::Instant::now();
        let limits = Limits {
            faults: scenario.limits.faults + faults,
            ..scenario.limits
        };
        let figures = explore(
            &Scenario {
                limits,
                ..*scenario
            },
            depth,
        );
        let (name, start, took) = (
            scenario.name,
            scenario.start.concat().len(),
            begun.elapsed(),
        );
        let Figures {
            states,
            sequences,
            idle_wakes,
        } = figures;
        std::println!(
            "{name}: {start} + {depth} events, {states} states, {sequences} sequences, {took:.1?}"
        );
        std::println!("    wakes for nothing: {idle_wakes:?}");
    }
}
