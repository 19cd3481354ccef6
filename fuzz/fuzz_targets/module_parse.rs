//! Any bytes as a module: parsed, and every table behind it read.
#![no_main]

use komod_object::Module;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(module) = Module::parse(data) else { return };
    let _ = (module.name(), module.init(), module.exit(), module.this_module());
    let _ = (module.params(), module.exports());
    for (key, value) in module.modinfo().entries() {
        assert!(key.as_bytes().len() + value.as_bytes().len() < data.len());
    }
    for version in module.versions().iter().flat_map(|versions| versions.iter()) {
        assert!(version.name.as_bytes().len() <= 56);
    }
    let elf = module.elf();
    for section in elf.sections() {
        let _ = section.data().len();
        for rela in elf.relas(section.index) {
            if let Some(symbol) = elf.symbols().and_then(|table| table.get(rela.symbol as usize)) {
                let _ = elf.string_at(&symbol, rela.addend);
            }
        }
    }
    let _ = module.imports().count();
});
