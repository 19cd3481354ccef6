//! Any text as `Module.symvers`; what is found is what was listed last.
#![no_main]

use komod_object::symvers::Symvers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(table) = Symvers::parse(data) else { return };
    for (index, entry) in table.entries().iter().enumerate() {
        let last = table.entries()[index..].iter().rfind(|other| other.name == entry.name);
        assert_eq!(table.get(entry.name), last);
    }
});
