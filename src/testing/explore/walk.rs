//! Random walks through the worlds, further than every sequence of events can be tried.

use std::sync::Arc;
use std::vec::Vec;

use super::world::Task;
use super::{Limits, Scenario, replay, scenarios};
use crate::testing::Choices;

/// Bytes each way: as many as are told apart.
const BYTES: u8 = 4;
/// So many times as many wishes for the link.
const CHANGES: usize = 4;

/// Lets the events happen that `input` chooses, in the world that it chooses, and checks the contract of the exploration.
pub fn walk(input: &[u8]) {
    let mut choices = Choices::new(input);
    let chosen = &scenarios::ALL[choices.below(scenarios::ALL.len())];
    let scenario = Scenario {
        limits: Limits {
            bytes: BYTES,
            changes: CHANGES * chosen.limits.changes,
            ..chosen.limits
        },
        ..*chosen
    };
    let tasks: Vec<Arc<Task>> = (0..8).map(|_| Arc::default()).collect();
    let walked = replay(&scenario, &tasks, &[], false, |world| {
        while !choices.is_empty() {
            let events = world.events();
            let Some(event) = events.get(choices.below(events.len().max(1))) else {
                break;
            };
            world.apply(*event);
        }
        world.check_wakes();
        world.settle();
    });
    assert_eq!(walked, Some(()), "an impossible start");
}
