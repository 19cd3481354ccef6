//! The contents of the index files.
//!
//! ```text
//! modules.dep      FILE: FILE…                 all a module needs, users before what they use
//! modules.alias    alias ALIAS MODULE          as the modules write them
//! modules.softdep  softdep MODULE TEXT
//! modules.weakdep  weakdep MODULE TEXT         (since kmod 33)
//! modules.symbols  alias symbol:SYMBOL MODULE
//! modules.devname  MODULE NAME cMAJOR:MINOR    or b; empty without a comment if there are none
//! ```
//! All but `modules.dep` begin with a comment. FILE is relative to the kernel's folder. Beside them
//! stand binary indexes (see [`trie`]) by module, alias (with `_` for `-`), `symbol:SYMBOL`, and, of
//! what is part of the kernel, by module (without values) and alias. The priority of a value is the
//! place of its module in the order, 0 in the latter two.

use super::error::DepmodError;
use super::facts::{List, Strings};
use super::remark::Remark;
use super::tree::{Modules, Tree};
use super::trie::{self, Entry, FIRST_BAD_BYTE};
use super::{devices, lists};
use crate::name::normalized;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

/// The names of the whole set.
pub const NAMES: [&str; 11] = [
    "modules.dep",
    "modules.alias",
    "modules.softdep",
    "modules.weakdep",
    "modules.symbols",
    "modules.devname",
    "modules.dep.bin",
    "modules.alias.bin",
    "modules.symbols.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
];

/// A file of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What `-w` adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Tell aliases that stand twice in a module.
    pub duplicates: bool,
}

/// The text files, in the order in which `-n` shows them.
pub fn texts(tree: &Tree<'_>, remarks: &mut Vec<Remark>) -> Vec<Index> {
    let dependencies = Index { name: "modules.dep", bytes: dependencies(tree) };
    let modules = tree.modules;
    let aliases = aliases(modules, remarks);
    let [softdeps, weakdeps] = written_dependencies(modules, remarks);
    vec![dependencies, aliases, softdeps, weakdeps, symbols(tree), device_nodes(modules, remarks)]
}

/// `modules.dep` and `modules.dep.bin`, which has its lines.
pub(super) fn dependency_files(
    tree: &Tree<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<[Index; 2], DepmodError> {
    let text = dependencies(tree);
    let name = "modules.dep.bin";
    let trie = trie::write(name, dependency_entries(tree, &text, remarks))?;
    Ok([Index { name: "modules.dep", bytes: text }, Index { name, bytes: trie }])
}

fn dependencies(tree: &Tree<'_>) -> Vec<u8> {
    let files = &tree.modules.files;
    let mut out = Vec::new();
    let mut closure = tree.dependencies.closure();
    for (module, file) in files.iter().enumerate() {
        out.extend_from_slice(file.shown());
        out.push(b':');
        for used in closure.of(module).iter().filter_map(|&used| files.get(used)) {
            out.push(b' ');
            out.extend_from_slice(used.shown());
        }
        out.push(b'\n');
    }
    out
}

fn dependency_entries<'t>(
    tree: &'t Tree<'_>,
    text: &'t [u8],
    remarks: &mut Vec<Remark>,
) -> Vec<Entry<'t>> {
    let lines = text.split(|byte| *byte == b'\n');
    let all = tree.iter().zip(lines);
    let entries =
        all.map(|((priority, file, _), value)| Entry { key: &file.name, priority, value });
    fitting("modules.dep.bin", "a name", entries, remarks)
}

/// `modules.alias`.
pub(super) fn aliases(modules: &Modules<'_>, remarks: &mut Vec<Remark>) -> Index {
    let mut out = b"# Aliases extracted from modules themselves.\n".to_vec();
    for (_, file, facts) in modules.iter() {
        for alias in one_line(facts.list(List::Aliases)) {
            match alias {
                Ok(alias) => line(&mut out, &[b"alias ", alias, b" ", &file.name]),
                Err(text) => remarks.push(bad(&file.name, "an alias", text, "modules.alias")),
            }
        }
    }
    Index { name: "modules.alias", bytes: out }
}

/// A file of dependencies that stand in the modules' modinfo as text.
struct Written {
    name: &'static str,
    list: List,
    comment: &'static str,
    command: &'static [u8],
}

const SOFTDEP: Written = Written {
    name: "modules.softdep",
    list: List::Softdeps,
    comment: "# Soft dependencies extracted from modules themselves.\n",
    command: b"softdep ",
};
const WEAKDEP: Written = Written {
    name: "modules.weakdep",
    list: List::Weakdeps,
    comment: "# Weak dependencies extracted from modules themselves.\n",
    command: b"weakdep ",
};

/// `modules.softdep` and `modules.weakdep`.
pub(super) fn written_dependencies(modules: &Modules<'_>, remarks: &mut Vec<Remark>) -> [Index; 2] {
    [lines_of(modules, &SOFTDEP, remarks), lines_of(modules, &WEAKDEP, remarks)]
}

fn lines_of(modules: &Modules<'_>, file: &Written, remarks: &mut Vec<Remark>) -> Index {
    let mut bytes = file.comment.as_bytes().to_vec();
    for (_, module, facts) in modules.iter() {
        for text in one_line(facts.list(file.list)) {
            match text {
                Ok(text) => line(&mut bytes, &[file.command, &module.name, b" ", text]),
                Err(text) => {
                    remarks.push(bad(&module.name, "dependencies", text, file.name));
                }
            }
        }
    }
    Index { name: file.name, bytes }
}

/// `modules.symbols`.
pub(super) fn symbols(tree: &Tree<'_>) -> Index {
    let mut out = b"# Aliases for symbols, used by symbol_request().\n".to_vec();
    for symbol in tree.symbols.iter().filter(|symbol| !symbol.name.contains(&b'\n')) {
        let module = tree.modules.files.get(symbol.module).map(|file| file.name.as_slice());
        line(&mut out, &[b"alias symbol:", symbol.name, b" ", module.unwrap_or_default()]);
    }
    Index { name: "modules.symbols", bytes: out }
}

/// `modules.devname`.
pub(super) fn device_nodes(modules: &Modules<'_>, remarks: &mut Vec<Remark>) -> Index {
    let mut out = Vec::new();
    for (_, file, facts) in modules.iter() {
        let Some(device) = devices::device(facts) else { continue };
        let Some((kind, major, minor)) = device.numbers else {
            remarks.push(Remark::DeviceWithoutNumbers {
                module: file.name.clone(),
                device: device.name.to_vec(),
            });
            continue;
        };
        if device.name.contains(&b'\n') {
            remarks.push(bad(&file.name, "a device", device.name, "modules.devname"));
            continue;
        }
        if out.is_empty() {
            out.extend_from_slice(b"# Device nodes to trigger on-demand module loading.\n");
        }
        out.extend_from_slice(&file.name);
        out.push(b' ');
        out.extend_from_slice(device.name);
        // Writing to memory does not fail.
        let _ = writeln!(out, " {kind}{major}:{minor}");
    }
    Index { name: "modules.devname", bytes: out }
}

/// `modules.alias.bin`.
pub(super) fn alias_index(
    modules: &Modules<'_>,
    watch: Watch,
    remarks: &mut Vec<Remark>,
) -> Result<Index, DepmodError> {
    let name = "modules.alias.bin";
    let mut aliases: Vec<(Cow<'_, [u8]>, u32)> = Vec::new();
    for (priority, file, facts) in modules.iter() {
        let mut seen = FxHashSet::default();
        for alias in facts.list(List::Aliases).filter(|alias| !alias.contains(&b'\n')) {
            match normalized(alias) {
                Ok(alias) => {
                    if watch.duplicates && !seen.insert(alias.clone()) {
                        let (alias, module) = (alias.to_vec(), file.name.clone());
                        remarks.push(Remark::DuplicateAlias { alias, module });
                    }
                    aliases.push((alias, priority));
                }
                Err(_) => remarks.push(Remark::UnmatchedBracket { alias: alias.to_vec() }),
            }
        }
    }
    let module = |priority: u32| modules.files.get(priority as usize);
    let entries = aliases.iter().map(|(key, priority)| {
        let value = module(*priority).map(|file| file.name.as_slice()).unwrap_or_default();
        Entry { key, priority: *priority, value }
    });
    let entries = fitting(name, "an alias", entries, remarks);
    Ok(Index { name, bytes: trie::write(name, entries)? })
}

/// `modules.symbols.bin`.
pub(super) fn symbol_index(
    tree: &Tree<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<Index, DepmodError> {
    let name = "modules.symbols.bin";
    let mut keys = Vec::new();
    let mut ends = Vec::with_capacity(tree.symbols.len());
    for symbol in &tree.symbols {
        keys.extend_from_slice(b"symbol:");
        keys.extend_from_slice(symbol.name);
        ends.push(keys.len());
    }
    let mut start = 0;
    let entries = tree.symbols.iter().zip(ends).map(|(symbol, end)| {
        let key = keys.get(start..end).unwrap_or_default();
        start = end;
        let value = tree.modules.files.get(symbol.module).map(|file| file.name.as_slice());
        let priority = u32::try_from(symbol.module).unwrap_or(u32::MAX);
        Entry { key, priority, value: value.unwrap_or_default() }
    });
    let entries = fitting(name, "a symbol", entries, remarks);
    Ok(Index { name, bytes: trie::write(name, entries)? })
}

/// `modules.builtin.bin`. Empty, even without a root, if there is no list.
pub(super) fn builtin_index(
    directory: &Path,
    remarks: &mut Vec<Remark>,
) -> Result<Index, DepmodError> {
    let name = "modules.builtin.bin";
    let Some(list) = lists::read(directory, lists::MODULES_BUILTIN, remarks) else {
        return Ok(Index { name, bytes: Vec::new() });
    };
    let names = lists::builtin_names(&list, remarks);
    let entries = names.iter().map(|key| Entry { key, priority: 0, value: b"" });
    let entries = fitting(name, "a name", entries, remarks);
    Ok(Index { name, bytes: trie::write(name, entries)? })
}

/// `modules.builtin.alias.bin`. Empty, even without a root, if there is no list.
pub(super) fn builtin_alias_index(
    directory: &Path,
    remarks: &mut Vec<Remark>,
) -> Result<Index, DepmodError> {
    let name = "modules.builtin.alias.bin";
    let Some(records) = lists::read(directory, lists::MODULES_BUILTIN_MODINFO, remarks) else {
        return Ok(Index { name, bytes: Vec::new() });
    };
    let aliases = lists::builtin_aliases(&records, remarks);
    let entries = aliases.iter();
    let entries = entries.map(|a| Entry { key: &a.alias, priority: 0, value: &a.module });
    let entries = fitting(name, "an alias", entries, remarks);
    Ok(Index { name, bytes: trie::write(name, entries)? })
}

/// Leaves out what a trie cannot hold.
fn fitting<'e>(
    file: &'static str,
    what: &'static str,
    entries: impl Iterator<Item = Entry<'e>>,
    remarks: &mut Vec<Remark>,
) -> Vec<Entry<'e>> {
    let fits = |text: &[u8]| text.iter().all(|byte| *byte < FIRST_BAD_BYTE && *byte != 0);
    let mut fitting = Vec::with_capacity(entries.size_hint().0);
    for entry in entries {
        if fits(entry.key) && fits(entry.value) {
            fitting.push(entry);
        } else {
            let module = if entry.value.is_empty() { entry.key } else { entry.value };
            let text = if fits(entry.key) { entry.value } else { entry.key };
            remarks.push(bad(module, what, text, file));
        }
    }
    fitting
}

/// Texts that fit on a line (`Ok`) and others.
fn one_line(texts: Strings<'_>) -> impl Iterator<Item = Result<&[u8], &[u8]>> {
    texts.map(|text| if memchr::memchr(b'\n', text).is_some() { Err(text) } else { Ok(text) })
}

fn bad(module: &[u8], what: &'static str, text: &[u8], file: &'static str) -> Remark {
    Remark::BadText { module: module.to_vec(), what, text: text.to_vec(), file }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'\n');
}
