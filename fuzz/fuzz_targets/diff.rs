//! Two files out of one input, compared both ways: no panic, the same level either way, and the
//! explanations agree with the verdict.
#![no_main]

use komod_object::diff::{Level, Options, compare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((split, data)) = data.split_first_chunk::<4>() else { return };
    let at = u32::from_le_bytes(*split) as usize % (data.len() + 1);
    let (a, b) = data.split_at(at);
    check(a, b);
    // A file and itself with a few bytes changed: what reaches deep.
    let mut changed = data.to_vec();
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= split[3] | 1;
    }
    check(data, &changed);
});

fn check(a: &[u8], b: &[u8]) {
    let options = Options::default();
    let (Ok(one), Ok(other)) = (compare(a, b, &options), compare(b, a, &options)) else { return };
    assert_eq!(one.level, other.level);
    let worst = one.differences.iter().map(|d| d.breaks).min().unwrap_or(Level::Bytes);
    assert_eq!(one.level, worst);
}
