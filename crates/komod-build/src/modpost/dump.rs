//! Symbol dumps: `Module.symvers` as modpost reads it, parsed once and used by many runs.

use komod_object::symvers::{self, ExportKind};
use rustc_hash::FxHashMap;

/// One exported symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported<S> {
    /// CRC, if it is known.
    pub crc: Option<u32>,
    /// Name.
    pub name: S,
    /// Exporting module: a path without `.ko`, or `vmlinux`.
    pub module: S,
    /// For GPL-compatible modules only.
    pub gpl_only: bool,
    /// Namespace, empty for none.
    pub namespace: S,
    /// A function rather than data.
    pub is_function: bool,
}

/// A dump that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {source}")]
pub struct DumpError {
    /// The dump.
    pub path: String,
    /// The line and what is wrong with it.
    pub source: symvers::SymversError,
}

/// A parsed dump.
#[derive(Clone, Debug, Default)]
pub struct SymbolDump<'a> {
    entries: Vec<symvers::Entry<'a>>,
    by_name: FxHashMap<&'a str, u32>,
}

impl<'a> SymbolDump<'a> {
    /// Parses the text of the file at `path`; the path is for messages.
    pub fn parse(path: &str, text: &'a [u8]) -> Result<Self, DumpError> {
        let mut dump = SymbolDump::default();
        // A line takes about 60 bytes; the estimate is bounded by the text itself.
        dump.entries.reserve(text.len() / 56);
        dump.by_name.reserve(text.len() / 56);
        for entry in symvers::lines(text) {
            let entry = entry.map_err(|source| DumpError { path: path.to_owned(), source })?;
            dump.by_name.insert(entry.name, dump.entries.len() as u32);
            dump.entries.push(entry);
        }
        Ok(dump)
    }

    /// The last line for this symbol.
    pub fn get(&self, name: &str) -> Option<Exported<&'a str>> {
        self.entries.get(*self.by_name.get(name)? as usize).map(exported)
    }

    /// All lines.
    pub fn entries(&self) -> impl Iterator<Item = Exported<&'a str>> + '_ {
        self.entries.iter().map(exported)
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True for an empty file.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn exported<'a>(entry: &symvers::Entry<'a>) -> Exported<&'a str> {
    Exported {
        crc: Some(entry.crc),
        name: entry.name,
        module: entry.module,
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace.unwrap_or_default(),
        is_function: false,
    }
}
