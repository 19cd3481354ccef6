//! Small modules to start fuzzing from: `KOMOD_FUZZ_SEEDS=DIR` has them written there.

mod elf_builder;

use elf_builder::{GLOBAL, hello, kernel};
use komod_load::{Request, Version, plan};
use komod_object::elf::*;
use std::{env, fs, path::Path};

#[test]
fn seeds_are_modules_the_kernel_accepts() {
    let dir = env::var_os("KOMOD_FUZZ_SEEDS");
    for version in [Version::new(6, 1, 192), Version::new(6, 12, 117)] {
        let mut elf = hello(version);
        let size = if version.minor == 1 { 0x380 } else { 0x800 };
        let (alloc, write) = (SHF_ALLOC, SHF_ALLOC | SHF_WRITE);
        elf.section(".data..percpu", SHT_PROGBITS, write, 16, b"per cpu");
        elf.section("__ex_table", SHT_PROGBITS, alloc, 4, &[0; 24]);
        let param = elf.section("__param", SHT_PROGBITS, alloc, 8, &[0; 40]);
        let name = elf.section(".rodata", SHT_PROGBITS, alloc, 8, b"a\0\0\0\0\0\0\0");
        let name = elf.symbol("", STT_SECTION, name as u16, 0);
        let ops = elf.symbol("param_ops_int", GLOBAL, SHN_UNDEF, 0);
        elf.rela(param, 0, R_X86_64_64, name, 0);
        elf.rela(param, 16, R_X86_64_64, ops, 0);
        let bytes = elf.build();
        let request = Request::with_params("a=1");
        let planned = plan(&bytes, &kernel(version), &request).unwrap();
        assert_eq!(planned.arguments.stores.len(), 1);
        if let Some(dir) = &dir {
            // As large as the fuzz target's own `struct module`.
            elf.get(".gnu.linkonce.this_module").data.resize(size, 0);
            fs::create_dir_all(dir).unwrap();
            let name = format!("hello-{}.{}.ko", version.major, version.minor);
            fs::write(Path::new(dir).join(name), elf.build()).unwrap();
        }
    }
}
