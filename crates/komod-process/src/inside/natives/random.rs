//! Random numbers: seeded, so that every run repeats exactly.

use super::natives;
use crate::inside::ptr::Ptr;
use crate::inside::single::Single;

static STATE: Single<u64> = Single::new();

pub fn setup(seed: u64) {
    STATE.set(seed | 1);
}

/// xorshift64 (Marsaglia, 2003).
pub fn next() -> u64 {
    STATE.with(|s| {
        *s ^= *s << 13;
        *s ^= *s >> 7;
        *s ^= *s << 17;
        *s
    })
}

/// Runs `f` as if it took no random numbers.
pub fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    let before = STATE.with(|s| *s);
    let result = f();
    STATE.set(before);
    result
}

natives! {
    ["get_random_bytes"]
    fn get_random_bytes(buffer: Ptr, len: u64) { fill(buffer, len) }

    ["get_random_bytes"]
    fn get_random_bytes_int(buffer: Ptr, len: i32) { fill(buffer, len.max(0) as u64) }

    ["get_random_u64"]
    fn get_random_u64() -> u64 { next() }

    ["get_random_u32"]
    fn get_random_u32() -> u32 { next() as u32 }

    ["get_random_u16"]
    fn get_random_u16() -> u16 { next() as u16 }

    ["get_random_u8"]
    fn get_random_u8() -> u8 { next() as u8 }

    ["__get_random_u32_below"]
    fn get_random_u32_below(ceiling: u32) -> u32 {
        if ceiling == 0 { next() as u32 } else { (next() % u64::from(ceiling)) as u32 }
    }

    ["rng_is_initialized"]
    fn rng_is_initialized() -> bool { true }

    ["wait_for_random_bytes"]
    fn wait_for_random_bytes() -> i32 { 0 }
}

fn fill(buffer: Ptr, len: u64) {
    let mut bytes = Vec::with_capacity(len as usize + 8);
    while (bytes.len() as u64) < len {
        bytes.extend_from_slice(&next().to_le_bytes());
    }
    bytes.truncate(len as usize);
    buffer.write_bytes(&bytes);
}
