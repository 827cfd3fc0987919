//! Users that look up a name, or send a command of their own.

use core::net::{IpAddr, Ipv4Addr};
use std::boxed::Box;

use embassy_time::Duration;

use crate::engine::{AtResult, Options, Queue};
use crate::error::Error;
use crate::testing::explore::handle::{Handle, Kind, Told, Work};
use crate::testing::explore::module::{ANSWERS, COMMANDS, NAMES, TEXT};
use crate::testing::explore::world::World;

impl<'d> World<'d> {
    /// A lookup, or a command of the user: first its turn, then its result.
    pub(crate) fn service(&self, index: usize) -> Work<'d> {
        let shared = self.rig.shared;
        let Handle {
            kind,
            ticket,
            written,
            ..
        } = self.handles[index];
        match (kind, ticket) {
            (Kind::Lookup, None) => {
                let asked = shared.wait(Queue::Turn, move |engine| engine.poll_ask(NAMES[index]));
                Box::pin(async { Told::Ticket(asked.await) })
            }
            (Kind::Lookup, Some(ticket)) => {
                let answer = shared.wait(Queue::LookupResult, move |engine| {
                    let first = |found: &[IpAddr]| Ok(found[0]);
                    engine.dns.poll_answer(ticket, first)
                });
                Box::pin(async { Told::Address(answer.await) })
            }
            (_, None) => {
                let owner = 100 + index as u16;
                let text = match written {
                    0 => COMMANDS[index],
                    _ => TEXT,
                };
                let begun = shared.wait(Queue::Turn, move |engine| {
                    let begun = engine.user_command.poll_begin(owner);
                    if begun.is_ready() {
                        assert!(engine.user_command.write(owner, text.as_bytes()));
                        engine.submit_command(Options {
                            limit: Duration::from_secs(5),
                            is_mute: false,
                            asks_reason: false,
                        });
                    }
                    begun
                });
                Box::pin(async move {
                    begun.await;
                    Told::Ticket(Ok(owner.into()))
                })
            }
            (_, Some(_)) => {
                let result = shared.wait(Queue::CommandResult, |engine| {
                    let command = &mut engine.user_command;
                    command
                        .poll_result()
                        .map(|result| (result, command.answer().to_vec()))
                });
                Box::pin(async {
                    let (result, answer) = result.await;
                    Told::Answer(result, answer)
                })
            }
        }
    }

    /// The lookup or the command is over for its user.
    pub(crate) fn release_ticket(&mut self, index: usize) {
        let handle = &mut self.handles[index];
        let Some(ticket) = handle.ticket.take() else {
            return;
        };
        match handle.kind {
            Kind::Lookup => self.rig.engine(|engine| engine.release_lookup(ticket)),
            _ => self.rig.engine(|engine| engine.user_command.release()),
        }
    }

    pub(crate) fn end_service(&mut self, index: usize) {
        self.release_ticket(index);
        self.handles[index].call = None;
        self.handles[index].is_gone = true;
    }

    /// A name has its own address, and no other one's.
    pub(crate) fn check_found(&mut self, index: usize, found: Result<IpAddr, Error>) {
        let is_fine = self.module.found[index] == Some(true);
        match found {
            // The answer may be too late.
            Err(Error::TimedOut) if !self.is_silent() => {}
            Ok(address) => {
                let own = Ipv4Addr::new(192, 0, 2, index as u8);
                assert_eq!(address, own, "the address of another name");
            }
            Err(error) => assert!(
                !is_fine || self.is_shaken || self.blamed.contains(&index),
                "lookup {index} has failed without a reason: {error}"
            ),
        }
    }

    /// A command was carried out once, and has its own answer. Returns whether it wants payload.
    pub(crate) fn check_answer(&mut self, index: usize, result: AtResult, answer: &[u8]) -> bool {
        let executed = self.module.executed[index];
        assert!(executed <= 1, "command {index} was carried out twice");
        let own = ANSWERS[index].as_bytes();
        let other = ANSWERS[1 - index].as_bytes();
        let is_others = answer.windows(other.len()).any(|part| part == other);
        assert!(!is_others, "the answer to another command");
        let has_reason = self.is_shaken || self.blamed.contains(&index);
        let wants_payload = index == 1 && self.handles[index].written == 0;
        if !has_reason {
            assert_eq!(
                result,
                AtResult::Done,
                "command {index} has failed without a reason"
            );
            if !wants_payload {
                assert_eq!((executed, answer), (1, own));
            }
        }
        wants_payload && result == AtResult::Done
    }
}
