//! The cache of `--incremental`: what each module's file said, and how the file looked then; and what
//! else the indexes beside it were made of.
//!
//! ```text
//! cache  = magic:16 bytes, sum:u64 of all that follows up to the stamps, entries:u64 entry_bytes:u64
//!          silent:u64 inputs:u64 index_sum:u64*11, entry*, stamp*11, stamp*entries, block*
//! entry  = path_len:u32 ends:u32*5 block_sum:u64 path bytes          see facts
//! ```
//! Numbers are little-endian. A file whose path, size, times and inode are the same is not read again.
//! A cache that is damaged or of another version counts as empty.
//!
//! Stamps change in place when a file looks different but says the same ([`Cache::renew`]). So no sum
//! is over them; each has its own, and one that is damaged only means to look into the file. Nothing
//! else in a cache changes: the next one is a new file.

use super::facts::{Facts, LISTS};
use super::indexes::{Index, NAMES};
use super::stamp::{RECORD, Stamp, UNKNOWN};
use super::walk::ModuleFile;
use rustc_hash::{FxHashMap, FxHasher};
use std::fs::{File, OpenOptions};
use std::hash::Hasher;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Its name beside the indexes.
pub const FILE: &str = "modules.komod-cache";
/// Rises when the format changes, or the meaning of the facts, or what the indexes make of them.
const MAGIC: &[u8; 16] = b"komod depmod  2\n";
/// A larger cache is none.
const MAX_FILE: u64 = 1 << 30;
/// What stands in front of the entries.
const HEAD: usize = 16 + 8 * (5 + NAMES.len());
/// From here on counts the sum.
const SUMMED: usize = 24;

/// What the indexes were made of besides the modules, and what came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// A sum of the other inputs; none if there is nothing to compare with.
    pub inputs: Option<u64>,
    /// Sums of the indexes, in the order of [`NAMES`].
    pub indexes: [u64; NAMES.len()],
}

impl Outcome {
    /// What came out of these inputs.
    pub fn of(inputs: Option<u64>, set: &[Index]) -> Outcome {
        let found = |name| set.iter().find(|index| index.name == name);
        let sum = |name| found(name).map_or(0, |index| checksum(&index.bytes));
        Outcome { inputs, indexes: NAMES.map(sum) }
    }
}

/// An entry: where things are in the cache.
#[derive(Clone, Debug)]
struct Entry {
    path: Range<usize>,
    ends: [u32; LISTS],
    block: Range<usize>,
    block_sum: u64,
}

/// A cache that was read.
#[derive(Debug, Default)]
pub struct Cache {
    /// Open as long as there is something in it: another run may put a new one in its place.
    file: Option<File>,
    /// What came out when it was written.
    pub outcome: Outcome,
    entries: Vec<Entry>,
    /// The entries' bytes.
    table: Vec<u8>,
    stamps: Vec<[u8; RECORD]>,
    stamps_at: u64,
    blocks_at: u64,
    blocks_len: usize,
    /// Read when one is needed.
    blocks: OnceLock<Vec<u8>>,
    by_path: OnceLock<FxHashMap<Vec<u8>, usize>>,
}

impl Cache {
    /// Reads the cache of a folder; an empty one if there is none that is whole.
    pub fn read(folder: &Path) -> Cache {
        let path = folder.join(FILE);
        // It may be that it can only be read.
        let open = OpenOptions::new().read(true).write(true).open(&path);
        let file = open.or_else(|_| File::open(&path)).ok();
        file.and_then(Cache::of).unwrap_or_default()
    }

    fn of(file: File) -> Option<Cache> {
        let len = file.metadata().ok().filter(|file| file.is_file())?.len();
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).ok()?;
        let mut reader = Reader { rest: head.strip_prefix(MAGIC)? };
        let (sum, count, entry_bytes) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let silent = reader.u64()? == 1;
        let mut outcome =
            Outcome { inputs: Some(reader.u64()?).filter(|_| silent), ..<_>::default() };
        for index in &mut outcome.indexes {
            *index = reader.u64()?;
        }
        let stamps_at = (HEAD as u64).checked_add(entry_bytes)?;
        let stamps = count.checked_add(NAMES.len() as u64)?.checked_mul(RECORD as u64)?;
        let blocks_at = stamps_at.checked_add(stamps)?;
        // With this, all sizes are those of a file that there is.
        let blocks_len = usize::try_from(len.min(MAX_FILE).checked_sub(blocks_at)?).ok()?;
        let mut table = vec![0; usize::try_from(blocks_at).ok()? - HEAD];
        file.read_exact_at(&mut table, HEAD as u64).ok()?;
        let stamps = table.split_off(usize::try_from(entry_bytes).ok()?);
        if sum != checksum_of(&[head.get(SUMMED..)?, &table]) {
            return None;
        }
        let entries = entries(&table, blocks_len)?;
        let stamps = stamps.as_chunks().0.to_vec();
        (entries.len() as u64 == count).then_some(Cache {
            file: Some(file),
            outcome,
            entries,
            table,
            stamps,
            stamps_at,
            blocks_at,
            blocks_len,
            ..Cache::default()
        })
    }

    /// How many modules are in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is nothing in it?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The path of an entry, as the indexes have it.
    pub fn path(&self, entry: usize) -> Option<&[u8]> {
        self.table.get(self.entries.get(entry)?.path.clone())
    }

    /// How the file of an entry looked when it was read.
    pub fn stamp(&self, entry: usize) -> Option<Stamp> {
        Stamp::of_record(self.stamps.get(NAMES.len() + entry)?)
    }

    /// How the index of this place in [`NAMES`] looked.
    pub fn index_stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of_record(self.stamps.get(index).filter(|_| index < NAMES.len())?)
    }

    /// The entry of a module.
    pub fn entry(&self, module: &ModuleFile) -> Option<usize> {
        let by_path = self.by_path.get_or_init(|| {
            let path = |entry| Some((self.path(entry)?.to_vec(), entry));
            (0..self.len()).filter_map(path).collect()
        });
        by_path.get(module.shown()).copied()
    }

    /// What the file of an entry said.
    pub fn facts(&self, entry: usize) -> Option<Facts<'_>> {
        let entry = self.entries.get(entry)?;
        let blocks = self.blocks.get_or_init(|| self.piece(0..self.blocks_len).unwrap_or_default());
        let block = blocks.get(entry.block.clone())?;
        let facts = Facts::of_block(block, entry.ends)?;
        (checksum(block) == entry.block_sum).then_some(facts)
    }

    /// Whether the file of an entry said this.
    pub fn says(&self, entry: usize, facts: &Facts<'_>) -> bool {
        let (block, ends) = facts.block();
        let entry = self.entries.get(entry).filter(|entry| entry.ends == ends);
        entry.and_then(|entry| self.piece(entry.block.clone())).is_some_and(|old| old == block)
    }

    /// Bytes of the blocks.
    fn piece(&self, range: Range<usize>) -> Option<Vec<u8>> {
        let mut bytes = vec![0; range.end.min(self.blocks_len).checked_sub(range.start)?];
        let at = self.blocks_at.checked_add(range.start as u64)?;
        self.file.as_ref()?.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }

    /// Notes that a file was read at this time or later, looked so, and said what it had said.
    pub fn renew(&self, entry: usize, stamp: Stamp, read: SystemTime) {
        self.write(NAMES.len() + entry, stamp.record(read));
    }

    /// The same of an index.
    pub fn renew_index(&self, index: usize, stamp: Stamp, read: SystemTime) {
        self.write(index, stamp.record(read));
    }

    fn write(&self, place: usize, record: [u8; RECORD]) {
        let at = self.stamps_at.saturating_add((place * RECORD) as u64);
        let differs = self.stamps.get(place).is_some_and(|old| *old != record);
        if let Some(file) = self.file.as_ref().filter(|_| differs) {
            // Otherwise that file is looked into again, next time.
            let _ = file.write_all_at(&record, at);
        }
    }
}

fn entries(table: &[u8], blocks_len: usize) -> Option<Vec<Entry>> {
    let mut reader = Reader { rest: table };
    let mut entries = Vec::new();
    let mut start = 0;
    while !reader.rest.is_empty() {
        let path_len = reader.u32()?;
        let mut ends = [0; LISTS];
        for end in &mut ends {
            *end = reader.u32()?;
        }
        let block_sum = reader.u64()?;
        let path_at = table.len() - reader.rest.len();
        let path = path_at..path_at + reader.take(path_len)?.len();
        let end = usize::try_from(*ends.last()?).ok().and_then(|len| len.checked_add(start))?;
        entries.push(Entry { path, ends, block: start..end, block_sum });
        start = end;
    }
    (start == blocks_len).then_some(entries)
}

/// The bytes of a cache of these modules, read at this time or later.
pub fn bytes<'f>(
    modules: impl Iterator<Item = (&'f ModuleFile, Stamp, &'f Facts<'f>)>,
    read: SystemTime,
    outcome: &Outcome,
) -> Vec<u8> {
    let (mut table, mut blocks) = (Vec::new(), Vec::new());
    // Indexes are looked into the first time: they are not yet in their places.
    let mut stamps = vec![UNKNOWN; NAMES.len()];
    for (module, stamp, facts) in modules {
        let path = module.shown();
        let (block, ends) = facts.block();
        let Ok(path_len) = u32::try_from(path.len()) else { continue };
        for number in [path_len].into_iter().chain(ends) {
            table.extend(number.to_le_bytes());
        }
        table.extend(checksum(block).to_le_bytes());
        table.extend_from_slice(path);
        blocks.extend_from_slice(block);
        stamps.push(stamp.record(read));
    }
    let mut head = Vec::with_capacity(HEAD);
    let count = (stamps.len() - NAMES.len()) as u64;
    let silent = u64::from(outcome.inputs.is_some());
    let numbers = [count, table.len() as u64, silent, outcome.inputs.unwrap_or_default()];
    for number in numbers.into_iter().chain(outcome.indexes) {
        head.extend(number.to_le_bytes());
    }
    let sum = checksum_of(&[&head, &table]).to_le_bytes();
    [&MAGIC[..], &sum, &head, &table, stamps.as_flattened(), &blocks].concat()
}

/// Guards against damage, not against malice: who can write here can write the indexes.
pub fn checksum(bytes: &[u8]) -> u64 {
    checksum_of(&[bytes])
}

/// The same of several texts.
pub fn checksum_of(texts: &[&[u8]]) -> u64 {
    let mut hasher = FxHasher::default();
    for bytes in texts {
        hasher.write(bytes);
        hasher.write_usize(bytes.len());
    }
    hasher.finish()
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: u32) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depmod::facts::{Gathering, List};
    use crate::depmod::walk::of_paths;
    use crate::scratch::Folder;
    use std::time::Duration;

    const OLD: Stamp = Stamp([6, 1, 2, 3, 4, 5, 6]);

    fn facts(text: &str) -> Facts<'static> {
        let mut gathering = Gathering::default();
        gathering.push(text.as_bytes());
        gathering.end(List::Exports);
        gathering.facts()
    }

    /// Of two modules, `a.ko` and `b.ko`, which export their letter.
    fn whole(folder: &Folder) -> Vec<u8> {
        let modules = of_paths(folder.to_str().unwrap(), &["a.ko".into(), "b.ko".into()]);
        let (a, b) = (facts("a"), facts("b"));
        let all = [(&modules[0], OLD, &a), (&modules[1], OLD, &b)];
        let index = Index { name: "modules.dep", bytes: b"x".to_vec() };
        bytes(all.into_iter(), SystemTime::now(), &Outcome::of(Some(7), &[index]))
    }

    #[test]
    fn a_cache_comes_back() {
        let folder = Folder::new("depmod-cache");
        folder.file(FILE, whole(&folder));
        let cache = Cache::read(&folder);
        assert_eq!((cache.len(), cache.outcome.inputs), (2, Some(7)));
        assert_eq!(cache.outcome.indexes[..2], [checksum(b"x"), 0]);
        assert_eq!(cache.path(1), Some(&b"b.ko"[..]));
        assert_eq!((cache.stamp(0), cache.stamp(1), cache.stamp(2)), (Some(OLD), Some(OLD), None));
        assert_eq!(cache.index_stamp(0), None);
        assert_eq!(cache.facts(1), Some(facts("b")));
        assert!(
            cache.says(0, &facts("a"))
                && !cache.says(0, &facts("b"))
                && !cache.says(2, &facts("a"))
        );
        let modules = of_paths("/elsewhere", &["b.ko".into(), "c.ko".into()]);
        assert_eq!((cache.entry(&modules[0]), cache.entry(&modules[1])), (Some(1), None));
    }

    /// Whatever is damaged: what the cache says is right, or it says nothing.
    #[test]
    fn damage_makes_it_say_less() {
        let folder = Folder::new("depmod-cache");
        let whole = whole(&folder);
        let stamps = whole.len() - 2 - 2 - (NAMES.len() + 2) * RECORD;
        let file = File::options().write(true).open(folder.file(FILE, &whole)).unwrap();
        for at in (0..whole.len()).rev() {
            file.write_all_at(&[whole[at] ^ 1], at as u64).unwrap();
            let cache = Cache::read(&folder);
            assert_eq!(cache.is_empty(), at < stamps, "{at}");
            for (entry, text) in ["a", "b"].into_iter().enumerate() {
                let found = cache.facts(entry);
                assert!(found.is_none() || found == Some(facts(text)), "{at}");
                let stamp = cache.stamp(entry);
                assert!(stamp.is_none() || stamp == Some(OLD), "{at}");
            }
            assert!((0..NAMES.len()).all(|index| cache.index_stamp(index).is_none()), "{at}");
            file.write_all_at(&[whole[at]], at as u64).unwrap();
        }
        assert_eq!(Cache::read(&folder).len(), 2);
        for len in (0..whole.len() as u64).rev() {
            file.set_len(len).unwrap();
            assert!(Cache::read(&folder).is_empty(), "{len}");
        }
        folder.file(FILE, [&whole[..], b"x"].concat());
        assert!(Cache::read(&folder).is_empty());
    }

    #[test]
    fn stamps_are_renewed_in_place() {
        let folder = Folder::new("depmod-cache");
        let path = folder.file(FILE, whole(&folder));
        let now = SystemTime::now();
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let new = Stamp([6, 1, 2, seconds, 0, 5, 6]);
        let cache = Cache::read(&folder);
        cache.renew(1, new, now + Duration::from_secs(2));
        cache.renew_index(3, OLD, now);
        // This one may have changed since it was read.
        cache.renew(0, new, now - Duration::from_secs(2));
        // What is not in it is not written.
        cache.renew(2, new, now + Duration::from_secs(2));
        assert_eq!(std::fs::metadata(path).unwrap().len(), whole(&folder).len() as u64);
        let cache = Cache::read(&folder);
        assert_eq!((cache.stamp(0), cache.stamp(1)), (None, Some(new)));
        assert_eq!((cache.index_stamp(2), cache.index_stamp(3)), (None, Some(OLD)));
        assert_eq!((cache.facts(0), cache.facts(1)), (Some(facts("a")), Some(facts("b"))));
    }

    #[test]
    fn sizes_beyond_the_file_are_damage() {
        let folder = Folder::new("depmod-cache");
        let whole = whole(&folder);
        for field in [24, 32] {
            for value in [u64::MAX, u64::MAX / 64, 1 << 40, 1 << 20, 0] {
                let mut damaged = whole.clone();
                damaged[field..field + 8].copy_from_slice(&value.to_le_bytes());
                folder.file(FILE, damaged);
                assert!(Cache::read(&folder).is_empty(), "{field} {value}");
            }
        }
    }
}
