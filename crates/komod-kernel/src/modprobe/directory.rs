//! A kernel's module directory, by its indexes. Each is opened when it is needed first.

use crate::index::{Index, IndexError, Value};
use crate::name;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// `lib/modules/RELEASE`
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    dependencies: Slot,
    aliases: Slot,
    symbols: Slot,
    builtin: Slot,
    builtin_aliases: Slot,
}

/// An index, once it was looked for; `None` if there is none.
type Slot = OnceCell<Option<Index>>;

/// Where a module lies, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, in full.
    pub path: Vec<u8>,
    /// The paths of the modules it depends on: nearest first, all of theirs among them.
    pub needs: Vec<Vec<u8>>,
}

impl Directory {
    pub fn new(path: PathBuf) -> Self {
        let empty = OnceCell::new;
        Self {
            path,
            dependencies: empty(),
            aliases: empty(),
            symbols: empty(),
            builtin: empty(),
            builtin_aliases: empty(),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An index of this directory, if it is there.
    fn open<'s>(&self, slot: &'s Slot, name: &str) -> Result<Option<&'s Index>, IndexError> {
        if let Some(index) = slot.get() {
            return Ok(index.as_ref());
        }
        let index = match Index::open(&self.path.join(name)) {
            Ok(index) => Some(index),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        Ok(slot.get_or_init(|| index).as_ref())
    }

    fn dependencies(&self) -> Result<Option<&Index>, IndexError> {
        self.open(&self.dependencies, "modules.dep.bin")
    }

    /// The aliases of modules.
    pub fn aliases(&self) -> Result<Option<&Index>, IndexError> {
        self.open(&self.aliases, "modules.alias.bin")
    }

    /// The symbols that modules export, as `symbol:NAME`.
    pub fn symbols(&self) -> Result<Option<&Index>, IndexError> {
        self.open(&self.symbols, "modules.symbols.bin")
    }

    /// The aliases of modules that are built in.
    pub fn builtin_aliases(&self) -> Result<Option<&Index>, IndexError> {
        self.open(&self.builtin_aliases, "modules.builtin.alias.bin")
    }

    /// The file of a module, by its name.
    pub fn file(&self, module: &[u8]) -> Result<Option<File>, IndexError> {
        let Some(index) = self.dependencies()? else { return Ok(None) };
        Ok(index.first(module)?.and_then(|line| self.line(line)))
    }

    /// Reads `PATH: PATH PATH…`.
    fn line(&self, line: Value<'_>) -> Option<File> {
        let colon = line.text.iter().position(|byte| *byte == b':')?;
        let paths = line.text[colon + 1..].split(|byte| matches!(byte, b' ' | b'\t'));
        let needs = paths.filter(|path| !path.is_empty()).map(|path| self.full(path)).collect();
        Some(File { path: self.full(&line.text[..colon]), needs })
    }

    fn full(&self, path: &[u8]) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        self.path.join(name::as_path(path)).as_os_str().as_bytes().to_vec()
    }

    /// Is there a built-in module of this name?
    pub fn is_builtin(&self, module: &[u8]) -> Result<bool, IndexError> {
        match self.open(&self.builtin, "modules.builtin.bin")? {
            Some(index) => Ok(index.first(module)?.is_some()),
            None => Ok(false),
        }
    }
}
