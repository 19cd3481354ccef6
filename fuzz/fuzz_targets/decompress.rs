//! Any bytes through the decoders, with a limit.
#![no_main]

use komod_object::compress::decompress;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    if let Ok(out) = decompress(data, LIMIT) {
        assert!(out.len() <= LIMIT.max(data.len()));
    }
});
