//! Any bytes as one of depmod's tries: every entry and every search comes to an end, and an exact
//! search finds what the walk has found.
#![no_main]

use komod_kernel::index::Index;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    let Ok(index) = Index::new(Path::new("modules.alias.bin"), data.into()) else { return };
    let mut keys = Vec::new();
    let whole = index.for_each(|key, _| {
        if keys.len() < 64 {
            keys.push(key.to_vec());
        }
    });
    for key in &keys {
        let _ = index.matching(key);
        let first = index.first(key);
        if whole.is_ok() {
            assert!(first.is_ok(), "{key:?}: {first:?}");
        }
    }
    let _ = index.matching(&data[..data.len().min(64)]);
});
