//! The ring against a model: every operation, in any order, does what a `VecDeque` does.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use super::Ring;
use crate::testing::Random;

fn agree(ring: &Ring<'_>, model: &VecDeque<u8>) {
    assert_eq!(ring.len(), model.len());
    assert_eq!(ring.is_empty(), model.is_empty());
    assert_eq!(ring.free(), ring.capacity() - model.len());
    let (first, second) = ring.pieces(0);
    assert!(first.iter().chain(second).eq(model.iter()));
}

fn operate(seed: u64) {
    let mut random = Random::new(seed);
    let mut storage = vec![0; random.below(40)];
    let capacity = storage.len();
    let mut ring = Ring::new(&mut storage);
    let mut model = VecDeque::new();
    assert_eq!(ring.capacity(), capacity);
    for _ in 0..200 {
        match random.below(8) {
            0 | 1 => {
                let bytes = random.bytes(50);
                let count = ring.push(&bytes);
                assert_eq!(count, bytes.len().min(capacity - model.len()));
                model.extend(&bytes[..count]);
            }
            2 => {
                let mut into = vec![0; random.below(50)];
                let count = ring.pop(&mut into);
                let expected: Vec<u8> = model.drain(..into.len().min(model.len())).collect();
                assert_eq!(into[..count], expected);
            }
            3 => {
                let offset = random.below(50);
                let mut into = vec![0; random.below(50)];
                let count = ring.peek(offset, &mut into);
                let has_handle: Vec<u8> = model
                    .iter()
                    .copied()
                    .skip(offset)
                    .take(into.len())
                    .collect();
                assert_eq!(into[..count], has_handle);
                let (first, second) = ring.pieces(offset);
                assert!(first.iter().chain(second).eq(model.iter().skip(offset)));
            }
            4 => {
                let count = random.below(50);
                ring.discard(count);
                model.drain(..count.min(model.len()));
            }
            5 => {
                let count = random.below(50);
                let expected = ring.pieces(0).0.to_vec();
                let oldest = ring.oldest_mut(count);
                assert_eq!(*oldest, expected[..count.min(expected.len())]);
                // They can be changed in place.
                for (byte, model) in oldest.iter_mut().zip(&mut model) {
                    *byte ^= 0x55;
                    *model ^= 0x55;
                }
            }
            6 => {
                let room = ring.room_mut();
                let bytes = random.bytes(room.len());
                room[..bytes.len()].copy_from_slice(&bytes);
                assert_eq!(room.is_empty(), model.len() == capacity);
                ring.extend(bytes.len());
                model.extend(&bytes);
            }
            _ if random.below(10) == 0 => {
                ring.clear();
                model.clear();
            }
            _ => {
                let offset = random.below(50);
                let mut other: Vec<u8> = model.iter().copied().skip(offset).collect();
                other.extend(random.bytes(3));
                let length = model.len().saturating_sub(offset);
                assert_eq!(ring.common_prefix(offset, &other), length);
                if length > 0 {
                    let wrong = random.below(length);
                    other[wrong] ^= 1;
                    assert_eq!(ring.common_prefix(offset, &other), wrong);
                }
            }
        }
        agree(&ring, &model);
    }
}

#[test]
fn does_what_the_model_does() {
    for seed in 0..500 {
        crate::testing::seeded(seed, operate);
    }
}

#[test]
fn bytes_stay_in_one_piece_when_they_fit_behind_nothing() {
    let mut storage = [0; 8];
    let mut ring = Ring::new(&mut storage);
    for _ in 0..5 {
        assert_eq!(ring.push(b"abcdef"), 6);
        assert_eq!(ring.pieces(0), (&b"abcdef"[..], &b""[..]));
        ring.discard(6);
    }
}

#[test]
fn ring_without_storage_holds_nothing() {
    let mut ring = Ring::new(&mut []);
    assert_eq!(ring.push(b"x"), 0);
    assert_eq!(ring.pop(&mut [0; 4]), 0);
    ring.discard(1);
    assert!(ring.oldest_mut(1).is_empty() && ring.room_mut().is_empty());
    ring.extend(1);
    assert!(ring.is_empty());
    assert_eq!(ring.pieces(3), (&b""[..], &b""[..]));
    assert_eq!(ring.common_prefix(0, b"x"), 0);
}
