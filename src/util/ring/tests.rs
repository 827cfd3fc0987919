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
        match random.below(6) {
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
    assert_eq!(ring.pieces(3), (&b""[..], &b""[..]));
    assert_eq!(ring.common_prefix(0, b"x"), 0);
}
