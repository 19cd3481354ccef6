//! What all modules of a kernel export and want, read once and kept in the cache.
//!
//! The cached file lists the modules with size and time of change; a module whose file is another
//! now is read again, so the index is never older than the folder.

use crate::console;
use crate::progress::Progress;
use anyhow::{Context, Result};
use komod_object::Module;
use komod_place::dependencies;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Raised when the file's form or meaning changes.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ModuleIndex {
    format: u32,
    pub modules: Vec<IndexedModule>,
}

/// A module file and its ties.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexedModule {
    pub path: PathBuf,
    size: u64,
    changed: (i64, i64),
    /// The name the kernel will know it by.
    pub name: String,
    pub exports: Vec<IndexedExport>,
    pub imports: Vec<String>,
    /// Modules or aliases to load before or after it, if they are there.
    pub soft: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedExport {
    pub name: String,
    pub gpl: bool,
    pub namespace: Option<String>,
    pub crc: Option<u32>,
}

impl ModuleIndex {
    /// Of all modules in a kernel's folder, from the cache as far as that is still true.
    pub fn of(folder: &Path, cache: &Path) -> Result<ModuleIndex> {
        let folder = std::fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
        let kept = cache.join("modules").join(file_name(&folder));
        let old: ModuleIndex = std::fs::read(&kept)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .filter(|index: &ModuleIndex| index.format == FORMAT)
            .unwrap_or_default();
        let files = crate::checking::files(&[folder])?;
        let before = old.modules.len();
        let (index, fresh) = ModuleIndex::read(&files, old)?;
        if fresh > 0 || index.modules.len() != before {
            // Without it the next call is as slow as this one.
            if let Err(error) = keep(&kept, &index) {
                console::warning(&format!("cannot keep {}: {error}", kept.display()));
            }
        }
        Ok(index)
    }

    /// Reads files, except those that `old` knows; also says how many were read.
    pub fn read(files: &[PathBuf], old: ModuleIndex) -> Result<(ModuleIndex, usize)> {
        let mut known: HashMap<PathBuf, IndexedModule> =
            old.modules.into_iter().map(|module| (module.path.clone(), module)).collect();
        let mut modules = Vec::with_capacity(files.len());
        let mut wanted = Vec::new();
        for path in files {
            let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
            let (size, changed) = (meta.len(), (meta.mtime(), meta.mtime_nsec()));
            let same = known.remove(path).filter(|m| m.size == size && m.changed == changed);
            if same.is_none() {
                wanted.push(modules.len());
            }
            let unread = IndexedModule { path: path.clone(), size, changed, ..Default::default() };
            modules.push(same.unwrap_or(unread));
        }
        let next = AtomicUsize::new(0);
        let progress = Progress::start("reading modules");
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            let mut read = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let Some(&number) = wanted.get(turn) else { return read };
                read.push((number, ties(&files[number])));
            }
        };
        let read = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for _ in 0.. {
                if threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                    break;
                }
                let done = next.load(Ordering::Relaxed).min(wanted.len());
                progress.set(format!("reading modules ({done} of {})", wanted.len()));
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let ended = threads.into_iter().map(|thread| thread.join());
            ended
                .flat_map(|read| read.unwrap_or_else(|e| std::panic::resume_unwind(e)))
                .collect::<Vec<_>>()
        });
        for (number, ties) in read {
            let IndexedModule { name, exports, imports, soft, .. } = ties?;
            let module = &mut modules[number];
            (module.name, module.exports) = (name, exports);
            (module.imports, module.soft) = (imports, soft);
        }
        Ok((ModuleIndex { format: FORMAT, modules }, wanted.len()))
    }

    /// Modules that want a symbol.
    pub fn users<'a>(&'a self, symbol: &'a str) -> impl Iterator<Item = &'a IndexedModule> {
        self.modules.iter().filter(move |module| module.imports.iter().any(|name| name == symbol))
    }
}

/// A file that is no module has a name and no ties.
fn ties(path: &Path) -> Result<IndexedModule> {
    let file = dependencies::read(path, true)?;
    let mut found = IndexedModule { name: file.name, ..IndexedModule::default() };
    let Ok(module) = Module::parse(&file.elf) else { return Ok(found) };
    let exports = module.exports().unwrap_or_default().into_iter();
    found.exports = exports
        .map(|export| IndexedExport {
            name: export.name.to_string(),
            gpl: export.gpl_only,
            namespace: export.namespace.map(|namespace| namespace.to_string()),
            crc: export.crc,
        })
        .collect();
    found.imports = module.imports().map(|import| import.name.to_string()).collect();
    for line in module.modinfo().all("softdep") {
        let line = line.to_string();
        let names = line.split_whitespace().filter(|word| !word.ends_with(':'));
        found.soft.extend(names.map(|name| name.replace('-', "_")));
    }
    Ok(found)
}

/// One file for each folder.
fn file_name(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    let safe = |c: char| if c.is_ascii_alphanumeric() || ".+-".contains(c) { c } else { '_' };
    let tail: String = text.chars().rev().take(160).collect();
    format!("{}.json", tail.chars().rev().map(safe).collect::<String>())
}

fn keep(path: &Path, index: &ModuleIndex) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&unfinished, serde_json::to_vec(index)?)?;
    std::fs::rename(&unfinished, path)
}
