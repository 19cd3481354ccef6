//! What the kernel's stock modules say about exported symbols.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use komod_object::{Module, compress};

/// Larger than any stock module.
const MOST: usize = 256 << 20;
/// More than any kernel has.
const MOST_FILES: usize = 100_000;

/// A line of `Module.symvers` (`Documentation/kbuild/modules.rst`, Linux 6.1).
pub(super) fn line(crc: u32, name: &str, module: &str, gpl: bool, namespace: &str) -> String {
    let kind = if gpl { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" };
    format!("{crc:#010x}\t{name}\t{module}\t{kind}\t{namespace}\n")
}

/// The lines for what the modules below `lib/modules/RELEASE` export themselves.
pub(super) fn exports(release: &Path) -> String {
    let parts = each(release, |path, module| {
        let name = module_path(release, path);
        let mut text = String::new();
        for export in module.exports().unwrap_or_default() {
            let (Some(symbol), Some(crc)) = (export.name.as_str(), export.crc) else { continue };
            let namespace = export.namespace.and_then(|ns| ns.as_str()).unwrap_or_default();
            text.push_str(&line(crc, symbol, &name, export.gpl_only, namespace));
        }
        text
    });
    parts.concat()
}

/// The lines for everything the modules import, with the checksums they were linked with, and for
/// what they export. A symbol that two modules know by different checksums is left out.
pub(super) fn imports(release: &Path) -> String {
    let parts = each(release, |_, module| {
        let versions = module.versions().into_iter().flat_map(|versions| versions.iter());
        let known = versions
            .filter_map(|v| Some((v.name.as_str()?.to_owned(), u32::try_from(v.crc).ok()?)));
        known.collect::<Vec<_>>()
    });
    let mut crcs: BTreeMap<String, Option<u32>> = BTreeMap::new();
    for (name, crc) in parts.into_iter().flatten() {
        let known = crcs.entry(name).or_insert(Some(crc));
        if *known != Some(crc) {
            *known = None;
        }
    }
    let own = exports(release);
    let of_modules: std::collections::BTreeSet<&str> =
        own.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    let mut text = String::new();
    for (name, crc) in &crcs {
        if let Some(crc) = crc.filter(|_| !of_modules.contains(name.as_str())) {
            text.push_str(&line(crc, name, "vmlinux", false, ""));
        }
    }
    text + &own
}

/// The path as kbuild writes it: below `kernel/`, without `.ko` and what follows.
fn module_path(release: &Path, path: &Path) -> String {
    let below = path.strip_prefix(release.join("kernel")).unwrap_or(path).to_string_lossy();
    below.split_once(".ko").map_or(&*below, |(name, _)| name).to_owned()
}

/// Reads every module below `kernel/` on all processors. Files that are none are passed over.
fn each<T: Send>(release: &Path, read: impl Fn(&Path, &Module<'_>) -> T + Sync) -> Vec<T> {
    let files = module_files(&release.join("kernel"));
    let count = files.len();
    let files = Mutex::new(files.into_iter().enumerate().collect::<VecDeque<_>>());
    let results = Mutex::new(Vec::with_capacity(count));
    let work = || {
        loop {
            let next = files.lock().ok().and_then(|mut files| files.pop_front());
            let Some((index, path)) = next else { return };
            let Ok(bytes) = fs::read(&path) else { continue };
            let Ok(bytes) = compress::decompress(&bytes, MOST) else { continue };
            let Ok(module) = Module::parse(&bytes) else { continue };
            let result = read(&path, &module);
            if let Ok(mut results) = results.lock() {
                results.push((index, result));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn module_files(dir: &Path) -> Vec<PathBuf> {
    let mut folders = vec![dir.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if entry.file_name().to_string_lossy().contains(".ko")
                && files.len() < MOST_FILES
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
