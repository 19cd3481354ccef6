//! The modules of real distribution kernels, compared with what kmod and `Module.symvers` say.

mod common;

use common::{Kernel, kernels, read, symvers_name};
use komod_object::symvers::{ExportKind, Symvers};
use komod_object::{Module, elf};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn every_module_parses() {
    for kernel in kernels() {
        let mut spent = Duration::ZERO;
        let (mut count, mut imports, mut versions, mut relas) = (0, 0, 0, 0);
        for path in kernel.sample() {
            let bytes = read(path);
            let start = Instant::now();
            let module =
                Module::parse(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(module.elf().header().machine, elf::EM_X86_64);
            imports += module.imports().count();
            versions += module.versions().map_or(0, |versions| versions.iter().count());
            let sections = 0..module.elf().section_count();
            relas += sections.map(|index| module.elf().relas(index).count()).sum::<usize>();
            spent += start.elapsed();
            let name = symvers_name(path);
            let stem = name.rsplit('/').next().unwrap().replace('-', "_");
            assert_eq!(module.name(), stem.as_str());
            assert!(module.this_module().is_some(), "{name}");
            assert_eq!(module.modinfo().get("vermagic").unwrap().to_string(), vermagic(&kernel));
            count += 1;
        }
        println!(
            "{}: {count} modules, {imports} imports, {versions} versions, {relas} relocations \
             in {spent:?}",
            kernel.release
        );
    }
}

fn vermagic(kernel: &Kernel) -> String {
    format!("{} SMP preempt mod_unload modversions ", kernel.release)
}

#[test]
fn exports_equal_module_symvers() {
    for kernel in kernels() {
        let text = fs::read(&kernel.symvers).unwrap();
        let symvers = Symvers::parse(&text).unwrap();
        let mut total = 0;
        for path in kernel.sample() {
            let bytes = read(path);
            let module = Module::parse(&bytes).unwrap();
            let name = symvers_name(path);
            let exports = module.exports().unwrap();
            let ours: BTreeSet<_> = exports
                .iter()
                .map(|export| {
                    let namespace = export.namespace.map(|ns| ns.to_string());
                    assert!(export.location.is_some(), "{name}: {} is not defined", export.name);
                    (export.name.to_string(), export.crc.unwrap(), export.gpl_only, namespace)
                })
                .collect();
            let theirs: BTreeSet<_> = symvers
                .entries()
                .iter()
                .filter(|entry| entry.module == name)
                .map(|entry| {
                    let namespace = entry.namespace.map(str::to_owned);
                    (entry.name.to_owned(), entry.crc, entry.kind == ExportKind::Gpl, namespace)
                })
                .collect();
            assert_eq!(ours, theirs, "{name}");
            assert_eq!(ours.len(), exports.len(), "{name} exports a symbol twice");
            total += ours.len();
        }
        println!("{}: {total} exports equal Module.symvers", kernel.release);
    }
}

/// Fields of `modinfo` that do not come from `.modinfo`.
const ADDED: [&str; 8] =
    ["filename", "build-id", "sig_id", "signer", "sig_key", "sig_hashalgo", "signature", "parm"];

#[test]
fn modinfo_equals_kmod() {
    for kernel in kernels() {
        let mut compared = 0;
        for path in kernel.sample().step_by(10) {
            let Some(theirs) = kmod_modinfo(path) else {
                println!("SKIPPED: no modinfo(8) here");
                return;
            };
            let bytes = read(path);
            let module = Module::parse(&bytes).unwrap();
            let ours: Vec<String> = module
                .modinfo()
                .entries()
                .filter(|(key, _)| *key != "parm" && *key != "parmtype")
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            assert_eq!(ours, theirs, "{}", path.display());
            compared += 1;
        }
        println!("{}: {compared} modules as modinfo(8) shows them", kernel.release);
    }
}

fn kmod_modinfo(path: &Path) -> Option<Vec<String>> {
    let tool =
        ["/usr/sbin/modinfo", "/sbin/modinfo"].into_iter().find(|t| Path::new(t).exists())?;
    let output = Command::new(tool).arg("-0").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", path.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let own = |line: &&str| {
        let key = line.split(['=', ':']).next().unwrap_or_default();
        !line.is_empty() && !ADDED.contains(&key)
    };
    Some(text.split('\0').filter(own).map(str::to_owned).collect())
}
