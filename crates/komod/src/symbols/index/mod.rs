//! What all modules of a kernel export and want, read once and kept in the cache.
//!
//! The cached file lists the modules with size and time of change, and the folders they are in; what
//! is another now is read again. In the folder `kernel`, a distribution's, only the folders are
//! asked: its files are replaced, not changed. (`make modules_install` may change them, but runs
//! depmod, which changes the folder above.) All others, in `updates` or `extra`, are asked one by
//! one.

mod files;
mod table;

pub use table::{ModuleEntry, ModuleTable};

use crate::console;
use crate::progress::Progress;
use anyhow::{Context, Result};
use files::File;
use komod_check::parallel;
use komod_kernel::map::{self, Bytes};
use komod_object::Module;
use komod_place::dependencies;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A module file and its ties, before they are in the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexedModule {
    pub path: PathBuf,
    pub size: u64,
    pub changed: (i64, i64),
    pub name: String,
    pub exports: Vec<IndexedExport>,
    pub imports: Vec<String>,
    pub soft: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct IndexedExport {
    pub name: String,
    pub gpl: bool,
    pub namespace: Option<String>,
    pub crc: Option<u32>,
}

impl ModuleTable {
    /// Of all modules in a kernel's folder, from the cache as far as that is still true.
    pub fn of(folder: &Path, cache: &Path) -> Result<ModuleTable> {
        let folder = std::fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
        let kept = cache.join("modules").join(file_name(&folder));
        let old = Bytes::map(&kept).ok().and_then(ModuleTable::open);
        if let Some(old) = &old
            && files::unchanged(old, &folder)
        {
            return Ok(old.clone());
        }
        let (files, folders) = files::in_folder(&folder)?;
        let table = ModuleTable::build(&read(&files, old.as_ref())?, &folders);
        // Without it the next call is as slow as this one.
        if let Err(error) = map::publish(&kept, table.as_bytes()) {
            console::warning(&format!("cannot keep {}: {error}", kept.display()));
        }
        Ok(table)
    }

    /// Of some files, in their order.
    pub fn of_files(paths: &[PathBuf]) -> Result<ModuleTable> {
        let files: Vec<File> = paths.iter().map(|path| File::at(path)).collect::<Result<_>>()?;
        Ok(ModuleTable::build(&read(&files, None)?, &[]))
    }
}

/// Reads files, except those that `old` knows.
fn read(files: &[File], old: Option<&ModuleTable>) -> Result<Vec<IndexedModule>> {
    let known: HashMap<&Path, ModuleEntry<'_>> =
        old.into_iter().flat_map(ModuleTable::modules).map(|m| (m.path(), m)).collect();
    let mut modules = Vec::with_capacity(files.len());
    let mut wanted = Vec::new();
    for file in files {
        let same = known.get(file.path.as_path()).filter(|module| file.is(module));
        if same.is_none() {
            wanted.push(modules.len());
        }
        modules.push(same.map_or_else(
            || IndexedModule {
                path: file.path.clone(),
                size: file.size,
                changed: file.changed,
                ..IndexedModule::default()
            },
            |module| module.to_indexed(),
        ));
    }
    let progress = Progress::start("reading modules");
    let tell = |done| progress.set(format!("reading modules ({done} of {})", wanted.len()));
    let read = parallel::each(wanted.len(), |turn| ties(&files[wanted[turn]].path), tell);
    for (&number, ties) in wanted.iter().zip(read) {
        let IndexedModule { name, exports, imports, soft, .. } = ties?;
        let module = &mut modules[number];
        (module.name, module.exports) = (name, exports);
        (module.imports, module.soft) = (imports, soft);
    }
    Ok(modules)
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
    format!("{}.idx", tail.chars().rev().map(safe).collect::<String>())
}
