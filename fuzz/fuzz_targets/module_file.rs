//! Any bytes as a module's file, of which depmod and modinfo read only parts.
#![no_main]

use komod_kernel::depmod::cache::Cache;
use komod_kernel::depmod::config::Config;
use komod_kernel::depmod::read::How;
use komod_kernel::depmod::tree::{Modules, Request};
use komod_kernel::module_file::ModuleFile;
use libfuzzer_sys::fuzz_target;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::LazyLock;

/// In memory, if there is such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("komod-fuzz-module-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
});

fuzz_target!(|data: &[u8]| {
    let path = FOLDER.join("x.ko");
    std::fs::write(&path, data).unwrap();
    if let Ok(module) = ModuleFile::open(&path) {
        for section in [".modinfo", "__versions", ".symtab"] {
            let _ = module.section(section);
        }
        let _ = (module.build_id(), module.signature());
    }
    let how = How { threads: NonZero::<usize>::MIN, checksums: data.len() % 2 == 0 };
    let (files, config, cache) = ([path], Config::default(), Cache::default());
    let request = Request { directory: &FOLDER, files: &files, config: &config, how, prefix: None };
    Modules::find(&request, &cache, &mut Vec::new()).unwrap();
});
