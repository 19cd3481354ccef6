//! The distribution's own modules: what their modpost wrote and what komod's would write.
//!
//! A sample; `cargo xtask oracle modpost` compares all.
#![forbid(unsafe_code)]

mod common;

use common::trees;
use komod_build::modpost::{Dialect, SymbolDump, compare_linked};
use komod_object::compress::decompress;
use std::fs;
use std::path::{Path, PathBuf};

const SAMPLE: usize = 400;
/// The largest stock module has 40 MB.
const MAX_SIZE: usize = 256 << 20;

fn collect(dir: &Path, modules: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, modules);
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".ko")) {
            modules.push(path);
        }
    }
}

#[test]
fn stock_modules_say_the_same() {
    for tree in trees() {
        // The tree stands in usr/src of the unpacked packages.
        let Some(root) = tree.path.ancestors().nth(3) else { continue };
        let kernel = root.join("lib/modules").join(&tree.release).join("kernel");
        let mut modules = Vec::new();
        collect(&kernel, &mut modules);
        if modules.is_empty() {
            eprintln!("SKIPPED: no modules in {}", kernel.display());
            continue;
        }
        modules.sort();
        let symvers = fs::read(tree.path.join("Module.symvers")).unwrap();
        let dump = SymbolDump::parse("Module.symvers", &symvers).unwrap();
        let dialect = Dialect::of_tree(&tree).unwrap();
        let (mut aliases, mut versions) = (0, 0);
        for module in modules.iter().step_by((modules.len() / SAMPLE).max(1)) {
            let bytes = decompress(&fs::read(module).unwrap(), MAX_SIZE).unwrap().into_owned();
            let path = module.strip_prefix(&kernel).unwrap().to_string_lossy().into_owned();
            let path = path.split(".ko").next().unwrap();
            let result = compare_linked(path, &bytes, &dump, dialect).unwrap();
            for agreement in [&result.aliases, &result.versions, &result.depends] {
                assert_eq!(agreement.different, [""; 0], "{}", module.display());
            }
            assert_eq!(result.messages, [], "{}", module.display());
            aliases += result.aliases.equal;
            versions += result.versions.equal;
        }
        println!("{}: {aliases} aliases and {versions} versions are equal", tree.release);
        assert!(aliases > 1000 && versions > 10_000);
    }
}
