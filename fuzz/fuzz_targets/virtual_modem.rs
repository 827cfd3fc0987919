#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../examples/virtual-modem/tests/common/any_input.rs"]
mod body;

fuzz_target!(|input: &[u8]| body::any_input(input));
