//! The fuzz targets with fixed seeds.

use super::{Random, digester, lookups, operations, parsers, seeded, walk};

/// Mostly text that the language knows, in pieces.
fn speech(random: &mut Random) -> std::vec::Vec<u8> {
    const WORDS: [&[u8]; 24] = [
        b"\r\n",
        b"\r",
        b"\n",
        b"OK",
        b"SEND OK\r\n",
        b"SEND FAIL\r\n",
        b"\r\nERROR\r\n",
        b"+QIRD: 5\r\nhello\r\n\r\nOK\r\n",
        b"+QIRD: ",
        b"+QIRD: 1500\r",
        b"+QIRD: 70000\r\n",
        b"0\r\n",
        b"> ",
        b">",
        b"+QIURC: \"recv\",0\r\n",
        b"+QIURC: \"closed\",1\r\n",
        b"+QIURC: \"dnsgip\",0,1,300\r\n",
        b"+QIURC: \"pdpdeact\",1\r\n",
        b"+QIOPEN: 0,0\r\n",
        b"+CME ERROR: 3\r\n",
        b"RDY\r\n",
        b"AT+QISEND=0,1\r",
        b"\x00\xff\x1a\x1b",
        b"+QISTATE: 0,\"TCP\",\"1.2.3.4\",80,0,2,1,0,0,\"uart1\"\r\n",
    ];
    let mut input = std::vec![];
    for _ in 0..random.below(60) {
        match random.below(4) {
            0 => input.extend([random.below(4) as u8, random.below(256) as u8]),
            1 => input.extend(random.bytes(20)),
            _ => {
                let word = random.pick(&WORDS);
                input.extend([4, word.len() as u8]);
                input.extend(*word);
            }
        }
    }
    input
}

#[test]
fn digester_with_any_bytes() {
    for seed in 0..3000 {
        seeded(seed, |seed| digester(&Random::new(seed).bytes(2000)));
    }
}

#[test]
fn digester_with_speech() {
    for seed in 0..5000 {
        seeded(seed, |seed| digester(&speech(&mut Random::new(seed))));
    }
}

#[test]
fn walks_through_small_worlds() {
    for seed in 0..3000 {
        seeded(seed, |seed| walk(&Random::new(seed).bytes(200)));
    }
}

#[test]
fn operations_in_any_order() {
    for seed in 0..10_000 {
        seeded(seed, |seed| operations(&Random::new(seed).bytes(1500)));
    }
}

#[test]
fn parsers_with_any_values() {
    for seed in 0..3000 {
        seeded(seed, |seed| parsers(&Random::new(seed).bytes(1000)));
    }
}

#[test]
fn lookups_in_any_order() {
    for seed in 0..3000 {
        seeded(seed, |seed| lookups(&Random::new(seed).bytes(600)));
    }
}
