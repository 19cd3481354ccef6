//! The index as one piece of bytes that is used where it lies.
//!
//! ```text
//! 0   magic "komodIDX"           8 bytes
//! 8   format version             u32
//! 12  number of modules m, symbols s, exports e, imports i, soft dependencies d; size of the
//!     string pool p              6 × u32
//! 36  number of folders f        u32
//! 40  checksum of what follows   u64
//! 48  m × { path, name: text; size u64; changed: seconds u64, nanoseconds u64;
//!           exports, imports, soft dependencies: range }
//!     s × { name: text; users: range }, sorted by name
//!     e × { symbol u32, crc u32, namespace: text, flags u32: 1 GPL only, 2 has a crc }
//!     i × symbol u32, by module
//!     i × module u32, by symbol: the users
//!     d × { name: text }, by module
//!     f × { path: text, changed: seconds u64, nanoseconds u64 }
//!     p × bytes
//! ```
//!
//! A text is an offset into the pool and a length, a range the number of its first entry and how
//! many there are; both two u32.

use super::files::Folder;
use super::{IndexedExport, IndexedModule};
use komod_kernel::map::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"komodIDX";
/// Raised when the file's form or meaning changes.
const VERSION: u32 = 2;
const HEADER: usize = 48;
const MODULE: usize = 64;
const SYMBOL: usize = 16;
const EXPORT: usize = 20;
const NUMBER: usize = 4;
const TEXT: usize = 8;
const FOLDER: usize = 24;
const GPL: u32 = 1;
const CRC: u32 = 2;

/// Where each part begins, and how much there is in it.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    at: usize,
    count: usize,
}

#[derive(Debug, Clone)]
pub struct ModuleTable {
    bytes: Bytes,
    modules: Part,
    symbols: Part,
    exports: Part,
    imports: Part,
    users: Part,
    soft: Part,
    folders: Part,
    pool: Part,
}

/// A module in the table.
#[derive(Debug, Clone, Copy)]
pub struct ModuleEntry<'a> {
    table: &'a ModuleTable,
    at: usize,
}

/// An exported symbol in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExportEntry<'a> {
    pub name: &'a str,
    pub gpl: bool,
    pub namespace: Option<&'a str>,
    pub crc: Option<u32>,
}

impl ModuleTable {
    /// Modules, and the folders they were found in.
    pub fn build(modules: &[IndexedModule], folders: &[Folder]) -> ModuleTable {
        let mut names: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (number, module) in modules.iter().enumerate() {
            for export in &module.exports {
                names.entry(&export.name).or_default();
            }
            for import in &module.imports {
                names.entry(import).or_default().push(number as u32);
            }
        }
        let numbers: HashMap<&str, u32> = names.keys().copied().zip(0..).collect();
        let mut pool = Pool::default();
        let [mut list, mut exports, mut imports, mut soft] = [const { Vec::new() }; 4];
        for module in modules {
            pool.text(&mut list, module.path.as_os_str().as_bytes());
            pool.text(&mut list, module.name.as_bytes());
            for wide in [module.size, module.changed.0 as u64, module.changed.1 as u64] {
                list.extend_from_slice(&wide.to_le_bytes());
            }
            range(&mut list, exports.len() / EXPORT, module.exports.len());
            range(&mut list, imports.len() / NUMBER, module.imports.len());
            range(&mut list, soft.len() / TEXT, module.soft.len());
            for export in &module.exports {
                number(&mut exports, numbers[export.name.as_str()]);
                number(&mut exports, export.crc.unwrap_or_default());
                pool.text(&mut exports, export.namespace.as_deref().unwrap_or_default().as_bytes());
                let crc = if export.crc.is_some() { CRC } else { 0 };
                number(&mut exports, crc | if export.gpl { GPL } else { 0 });
            }
            module.imports.iter().for_each(|name| number(&mut imports, numbers[name.as_str()]));
            module.soft.iter().for_each(|name| pool.text(&mut soft, name.as_bytes()));
        }
        let (mut symbols, mut users) = (Vec::new(), Vec::new());
        for (name, using) in &names {
            pool.text(&mut symbols, name.as_bytes());
            range(&mut symbols, users.len() / NUMBER, using.len());
            using.iter().for_each(|module| number(&mut users, *module));
        }
        let mut places = Vec::new();
        for folder in folders {
            pool.text(&mut places, folder.path.as_os_str().as_bytes());
            for wide in [folder.changed.0 as u64, folder.changed.1 as u64] {
                places.extend_from_slice(&wide.to_le_bytes());
            }
        }
        let counts = [
            modules.len(),
            names.len(),
            exports.len() / EXPORT,
            imports.len() / NUMBER,
            soft.len() / TEXT,
            pool.bytes.len(),
            folders.len(),
        ];
        let body = [list, symbols, exports, imports, users, soft, places, pool.bytes].concat();
        let mut bytes = MAGIC.to_vec();
        number(&mut bytes, VERSION);
        counts.iter().for_each(|count| number(&mut bytes, *count as u32));
        bytes.extend_from_slice(&checksum(&body).to_le_bytes());
        bytes.extend(body);
        ModuleTable::open(bytes.into()).expect("what was just built")
    }

    /// Uses bytes in the table's own format; `None` if they are of another, cut off or damaged.
    pub fn open(bytes: Bytes) -> Option<ModuleTable> {
        let field = |number: usize| u32_at(&bytes, 8 + number * 4);
        if bytes.get(..8)? != MAGIC || field(0)? != VERSION {
            return None;
        }
        let mut at = HEADER;
        let mut part = |number: usize, size: usize| {
            let count = field(number)? as usize;
            let part = Part { at, count };
            at = at.checked_add(count.checked_mul(size)?)?;
            Some(part)
        };
        let (modules, symbols) = (part(1, MODULE)?, part(2, SYMBOL)?);
        let (exports, imports) = (part(3, EXPORT)?, part(4, NUMBER)?);
        let (users, soft) = (part(4, NUMBER)?, part(5, TEXT)?);
        let (folders, pool) = (part(7, FOLDER)?, part(6, 1)?);
        let whole = at == bytes.len() && checksum(&bytes[HEADER..]) == u64_at(&bytes, 40)?;
        whole.then(|| ModuleTable {
            bytes,
            modules,
            symbols,
            exports,
            imports,
            users,
            soft,
            folders,
            pool,
        })
    }

    /// Without modules.
    pub fn empty() -> ModuleTable {
        ModuleTable::build(&[], &[])
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn modules(&self) -> impl Iterator<Item = ModuleEntry<'_>> {
        (0..self.modules.count).filter_map(|number| self.module(number))
    }

    /// The folders, and when each was changed.
    pub fn folders(&self) -> impl Iterator<Item = (&Path, (i64, i64))> {
        (0..self.folders.count).map(|number| {
            let at = self.folders.at + number * FOLDER;
            let wide = |at| u64_at(&self.bytes, at).unwrap_or_default() as i64;
            (Path::new(OsStr::from_bytes(self.pooled(at))), (wide(at + 8), wide(at + 16)))
        })
    }

    pub fn module(&self, number: usize) -> Option<ModuleEntry<'_>> {
        (number < self.modules.count)
            .then(|| ModuleEntry { table: self, at: self.modules.at + number * MODULE })
    }

    /// Names that modules export or import, sorted; their places are the symbols' numbers.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        (0..self.symbols.count).map(|number| self.symbol_name(number))
    }

    pub fn symbol_name(&self, number: usize) -> &str {
        self.text(self.symbols.at + number * SYMBOL)
    }

    pub fn symbol(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.symbols.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.symbol_name(middle).cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The numbers of the modules that want a symbol.
    pub fn users(&self, symbol: usize) -> impl Iterator<Item = usize> {
        let entry = match symbol < self.symbols.count {
            true => self.entries(self.symbols.at + symbol * SYMBOL + 8, self.users, NUMBER),
            false => 0..0,
        };
        entry.step_by(NUMBER).filter_map(|at| Some(u32_at(&self.bytes, at)? as usize))
    }

    /// The bytes of the entries that a range names.
    fn entries(&self, at: usize, part: Part, size: usize) -> std::ops::Range<usize> {
        let read =
            || Some((u32_at(&self.bytes, at)? as usize, u32_at(&self.bytes, at + 4)? as usize));
        let (first, count) = read().unwrap_or_default();
        match first.checked_add(count).is_some_and(|end| end <= part.count) {
            true => part.at + first * size..part.at + (first + count) * size,
            false => 0..0,
        }
    }

    fn text(&self, at: usize) -> &str {
        str::from_utf8(self.pooled(at)).unwrap_or_default()
    }

    fn pooled(&self, at: usize) -> &[u8] {
        let read = || {
            let start = u32_at(&self.bytes, at)? as usize;
            let end = start.checked_add(u32_at(&self.bytes, at + 4)? as usize)?;
            self.bytes.get(self.pool.at..)?.get(start..end)
        };
        read().unwrap_or_default()
    }
}

impl<'a> ModuleEntry<'a> {
    pub fn path(&self) -> &'a Path {
        Path::new(OsStr::from_bytes(self.table.pooled(self.at)))
    }

    /// The name the kernel will know it by.
    pub fn name(&self) -> &'a str {
        self.table.text(self.at + 8)
    }

    /// Size and time of change.
    pub fn stamp(&self) -> (u64, (i64, i64)) {
        let wide = |at| u64_at(&self.table.bytes, self.at + at).unwrap_or_default();
        (wide(16), (wide(24) as i64, wide(32) as i64))
    }

    pub fn exports(&self) -> impl Iterator<Item = ExportEntry<'a>> + use<'a> {
        let table = self.table;
        table.entries(self.at + 40, table.exports, EXPORT).step_by(EXPORT).map(|at| {
            let field = |offset| u32_at(&table.bytes, at + offset).unwrap_or_default();
            let namespace = table.text(at + 8);
            ExportEntry {
                name: table.symbol_name(field(0) as usize),
                gpl: field(16) & GPL != 0,
                namespace: (!namespace.is_empty()).then_some(namespace),
                crc: (field(16) & CRC != 0).then(|| field(4)),
            }
        })
    }

    /// The numbers of the symbols it wants.
    pub fn imports(&self) -> impl Iterator<Item = usize> + use<'a> {
        let table = self.table;
        let entries = table.entries(self.at + 48, table.imports, NUMBER).step_by(NUMBER);
        entries.filter_map(|at| Some(u32_at(&table.bytes, at)? as usize))
    }

    /// Modules or aliases to load before or after it, if they are there.
    pub fn soft(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let table = self.table;
        table.entries(self.at + 56, table.soft, TEXT).step_by(TEXT).map(|at| table.text(at))
    }

    pub fn to_indexed(self) -> IndexedModule {
        let (size, changed) = self.stamp();
        let exports = self.exports().map(|export| IndexedExport {
            name: export.name.to_owned(),
            gpl: export.gpl,
            namespace: export.namespace.map(str::to_owned),
            crc: export.crc,
        });
        let imports = self.imports().map(|symbol| self.table.symbol_name(symbol).to_owned());
        IndexedModule {
            path: self.path().to_owned(),
            size,
            changed,
            name: self.name().to_owned(),
            exports: exports.collect(),
            imports: imports.collect(),
            soft: self.soft().map(str::to_owned).collect(),
        }
    }
}

/// Texts, those that come often only once.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
    known: HashMap<Vec<u8>, u32>,
}

impl Pool {
    fn text(&mut self, to: &mut Vec<u8>, text: &[u8]) {
        let at = match self.known.get(text) {
            Some(at) => *at,
            None => {
                let at = self.bytes.len() as u32;
                self.bytes.extend_from_slice(text);
                self.known.insert(text.to_owned(), at);
                at
            }
        };
        number(to, at);
        number(to, text.len() as u32);
    }
}

fn number(to: &mut Vec<u8>, number: u32) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn range(to: &mut Vec<u8>, first: usize, count: usize) {
    number(to, first as u32);
    number(to, count as u32);
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Against damage, not against malice: every byte counts, and its place.
fn checksum(bytes: &[u8]) -> u64 {
    let mix =
        |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(1, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules() -> Vec<IndexedModule> {
        let export = |name: &str, namespace: Option<&str>, crc| IndexedExport {
            name: name.into(),
            gpl: crc == Some(7),
            namespace: namespace.map(Into::into),
            crc,
        };
        vec![
            IndexedModule {
                path: "/m/b.ko".into(),
                size: 1 << 40,
                changed: (-5, 7),
                name: "b".into(),
                exports: vec![export("f", Some("NS"), Some(7)), export("g", None, None)],
                imports: vec!["_printk".into(), "h".into()],
                soft: vec!["crc32c".into()],
            },
            IndexedModule {
                path: "/m/a.ko".into(),
                name: "a".into(),
                imports: vec!["f".into(), "_printk".into()],
                ..IndexedModule::default()
            },
        ]
    }

    #[test]
    fn what_went_in_comes_out() {
        let folder = Folder { path: "/m".into(), changed: (3, 4) };
        let table = ModuleTable::build(&modules(), &[folder]);
        let again = ModuleTable::open(table.as_bytes().into()).unwrap();
        let out: Vec<IndexedModule> = again.modules().map(ModuleEntry::to_indexed).collect();
        assert_eq!(out, modules());
        assert_eq!(again.symbols().collect::<Vec<_>>(), ["_printk", "f", "g", "h"]);
        let users = |name| again.users(again.symbol(name).unwrap()).collect::<Vec<_>>();
        assert_eq!((users("_printk"), users("f"), users("g")), (vec![0, 1], vec![1], vec![]));
        assert_eq!(again.symbol("nothing"), None);
        assert_eq!(again.folders().collect::<Vec<_>>(), [(Path::new("/m"), (3, 4))]);
        assert_eq!(ModuleTable::empty().modules().count(), 0);
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let table = ModuleTable::build(&modules(), &[]);
        let whole = table.as_bytes().to_vec();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert!(ModuleTable::open(bytes.into()).is_none(), "byte {at} changed");
            assert!(ModuleTable::open(whole[..at].into()).is_none(), "cut at {at}");
        }
        let mut hostile = whole[..HEADER].to_vec();
        hostile[12..40].fill(0xff);
        assert!(ModuleTable::open(hostile.into()).is_none());
    }
}
