#![no_main]

use libfuzzer_sys::fuzz_target;
use virtual_modem as _;

fuzz_target!(|input: &[u8]| quectel_nal::testing::walk(input));
