//! What an argument means: a file, or modules of the kernel's directory.

use super::super::module_dir::{absolute, name_of_file};
use komod_kernel::index::IndexError;
use komod_kernel::modprobe::{Config, Directory, Manner, Module, Modules};
use komod_kernel::name;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Endings of module files.
const ENDINGS: [&[u8]; 4] = [b".ko", b".ko.gz", b".ko.xz", b".ko.zst"];

/// A module that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// By its file, from the root on.
    File(PathBuf),
    /// In the kernel itself.
    Builtin(OsString),
}

impl Found {
    /// The module's name.
    pub fn name(&self) -> OsString {
        match self {
            Found::File(path) => name_of_file(path),
            Found::Builtin(name) => name.clone(),
        }
    }
}

/// Why nothing was found.
#[derive(Debug)]
pub enum NotFound {
    Unknown,
    Index(IndexError),
}

impl From<IndexError> for NotFound {
    fn from(error: IndexError) -> Self {
        NotFound::Index(error)
    }
}

/// All modules that an argument means. modinfo reads no configuration.
pub fn modules(
    asked: &OsStr,
    only_names: bool,
    directory: &Directory,
) -> Result<Vec<Found>, NotFound> {
    if !only_names && is_file(asked) {
        return Ok(vec![Found::File(absolute(Path::new(asked)))]);
    }
    let config = Config::default();
    let modules = Modules { config: &config, directory, manner: Manner::Kmod };
    let found = match only_names {
        true => by_name(asked, &modules)?,
        false => modules.find(asked.as_bytes())?,
    };
    let found: Vec<Found> = found.into_iter().filter_map(place).collect();
    if found.is_empty() { Err(NotFound::Unknown) } else { Ok(found) }
}

/// By the file's name, and what it is.
fn is_file(asked: &OsStr) -> bool {
    ENDINGS.iter().any(|ending| asked.as_bytes().ends_with(ending)) && Path::new(asked).is_file()
}

/// A module with exactly this name, or a built-in one with this name or alias.
fn by_name(asked: &OsStr, modules: &Modules<'_>) -> Result<Vec<Module>, IndexError> {
    let name = name::underscored(asked.as_bytes());
    let module = modules.module(&name, None)?;
    if module.file.is_some() || module.builtin {
        return Ok(vec![module]);
    }
    let Some(aliases) = modules.directory.builtin_aliases()? else { return Ok(Vec::new()) };
    let values = aliases.matching(&name)?;
    values.into_iter().map(|value| modules.module(value.text, Some(&name))).collect()
}

fn place(module: Module) -> Option<Found> {
    match module.file {
        Some(file) => Some(Found::File(absolute(name::as_path(&file.path)))),
        None => module.builtin.then(|| Found::Builtin(OsString::from_vec(module.name))),
    }
}
