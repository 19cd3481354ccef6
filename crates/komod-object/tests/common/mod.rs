//! Real kernels for tests: where they are, and which of their modules to look at.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use komod_object::compress;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// An unpacked kernel: the folder that has `lib/modules/<release>` and `usr/src`.
pub struct Kernel {
    pub root: PathBuf,
    pub release: String,
    pub modules: Vec<PathBuf>,
    pub symvers: PathBuf,
}

/// The kernels that `KOMOD_TEST_KERNELS` names (folders, separated by colons), or those in komod's
/// cache. Without any, the test says that it is skipped; where skipping is not acceptable (`CI` or
/// `KOMOD_REQUIRE_KERNELS=1`), it fails.
pub fn kernels() -> Vec<Kernel> {
    let roots: Vec<PathBuf> = match env::var_os("KOMOD_TEST_KERNELS") {
        Some(list) => env::split_paths(&list).collect(),
        None => cached(),
    };
    let found: Vec<Kernel> = roots.iter().filter_map(|root| kernel(root)).collect();
    let required = env::var_os("CI").is_some()
        || env::var_os("KOMOD_REQUIRE_KERNELS").is_some_and(|value| value == "1");
    if found.is_empty() {
        assert!(!required, "no kernel: set KOMOD_TEST_KERNELS or run komod kernel fetch");
        eprintln!("SKIPPED: no kernel (KOMOD_TEST_KERNELS, or komod kernel fetch)");
    }
    found
}

fn cached() -> Vec<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/komod"));
    let Some(cache) = env::var_os("KOMOD_CACHE").map(PathBuf::from).or_else(home) else {
        return Vec::new();
    };
    let mut roots: Vec<_> = fs::read_dir(cache.join("kernels"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    roots.sort();
    roots
}

fn kernel(root: &Path) -> Option<Kernel> {
    let releases = fs::read_dir(root.join("lib/modules")).ok()?.flatten();
    releases.into_iter().find_map(|entry| {
        let release = entry.file_name().to_string_lossy().into_owned();
        let symvers = root.join(format!("usr/src/linux-headers-{release}/Module.symvers"));
        let mut modules = Vec::new();
        collect(&entry.path().join("kernel"), &mut modules);
        modules.sort();
        let root = root.to_owned();
        let complete = symvers.exists() && !modules.is_empty();
        complete.then_some(Kernel { root, release, modules, symvers })
    })
}

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

impl Kernel {
    /// Every twentieth module, or all with `KOMOD_TEST_ALL=1`.
    pub fn sample(&self) -> impl Iterator<Item = &Path> {
        let all = env::var_os("KOMOD_TEST_ALL").is_some_and(|value| value == "1");
        self.modules.iter().step_by(if all { 1 } else { 20 }).map(PathBuf::as_path)
    }
}

/// A module's bytes, decompressed.
pub fn read(path: &Path) -> Vec<u8> {
    let file = fs::read(path).unwrap();
    compress::decompress(&file, 1 << 30).unwrap().into_owned()
}

/// A module's path as `Module.symvers` writes it: below `kernel/`, without `.ko` and what follows.
pub fn symvers_name(path: &Path) -> String {
    let text = path.to_str().unwrap();
    let below = text.split_once("/kernel/").unwrap().1;
    below.split_once(".ko").unwrap().0.to_owned()
}
