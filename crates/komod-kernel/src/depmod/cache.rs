//! The cache of `--incremental`: what each module's file said, and how the file looked then.
//!
//! ```text
//! cache  = magic:16 bytes, checksum:u64 of all that follows, count:u64, entry*
//! entry  = size:u64 mtime:i64 mtime_nsec:u64 ctime:i64 ctime_nsec:u64 inode:u64 device:u64
//!          path_len:u32 ends:u32*5 path bytes, block bytes          see facts
//! ```
//! Numbers are little-endian. A file whose path, size, times and inode are the same is not read again.
//! A cache that is damaged or of another version counts as empty.

use super::facts::{Facts, LISTS};
use super::stamp::{NUMBERS, Stamp};
use super::walk::ModuleFile;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher;
use std::io::{self, Read};
use std::path::Path;

/// Its name beside the indexes.
pub const FILE: &str = "modules.komod-cache";
/// Rises when the format or the meaning of the facts changes.
const MAGIC: &[u8; 16] = b"komod depmod  1\n";
/// A larger cache is none.
const MAX_FILE: u64 = 1 << 30;

/// An entry: where its block is in the cache's bytes.
#[derive(Clone, Copy, Debug)]
struct Known {
    stamp: Stamp,
    ends: [u32; LISTS],
    block: usize,
}

/// A cache that was read.
#[derive(Debug, Default)]
pub struct Cache {
    bytes: Vec<u8>,
    known: FxHashMap<Vec<u8>, Known>,
}

impl Cache {
    /// Reads the cache of a folder; an empty one if there is none that is whole.
    pub fn read(folder: &Path) -> Cache {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            std::fs::File::open(folder.join(FILE))?.take(MAX_FILE).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().ok().and_then(Cache::of).unwrap_or_default()
    }

    fn of(bytes: Vec<u8>) -> Option<Cache> {
        let mut reader = Reader { rest: bytes.strip_prefix(MAGIC)? };
        if reader.u64()? != checksum(reader.rest) {
            return None;
        }
        let mut known = FxHashMap::default();
        for _ in 0..reader.u64()? {
            let mut stamp = [0; NUMBERS];
            for number in &mut stamp {
                *number = reader.u64()?;
            }
            let path = reader.u32()?;
            let mut ends = [0; LISTS];
            for end in &mut ends {
                *end = reader.u32()?;
            }
            let path = reader.take(path)?.to_vec();
            let block = bytes.len() - reader.rest.len();
            Facts::of_block(reader.take(*ends.last()?)?, ends)?;
            known.insert(path, Known { stamp: Stamp(stamp), ends, block });
        }
        reader.rest.is_empty().then_some(Cache { bytes, known })
    }

    /// What is known of a module, if its file looks as it did.
    pub fn facts(&self, module: &ModuleFile) -> Option<(Facts<'_>, Stamp)> {
        if self.known.is_empty() {
            return None;
        }
        let known = self.known.get(module.path_bytes())?;
        let now = std::fs::metadata(module.path()).ok()?;
        (now.is_file() && Stamp::of(&now) == known.stamp).then_some(())?;
        let end = known.block.checked_add(usize::try_from(*known.ends.last()?).ok()?)?;
        let facts = Facts::of_block(self.bytes.get(known.block..end)?, known.ends)?;
        Some((facts, known.stamp))
    }
}

/// The bytes of a cache of these modules, but of those that just changed.
pub fn bytes<'f>(modules: impl Iterator<Item = (&'f ModuleFile, Stamp, &'f Facts<'f>)>) -> Vec<u8> {
    let mut out = [&MAGIC[..], &[0; 16]].concat();
    let mut count: u64 = 0;
    for (module, stamp, facts) in modules.filter(|(_, stamp, _)| !stamp.is_fresh()) {
        let path = module.path_bytes();
        let (block, ends) = facts.block();
        let Ok(path_len) = u32::try_from(path.len()) else { continue };
        for number in stamp.0 {
            out.extend(number.to_le_bytes());
        }
        for number in [path_len].into_iter().chain(ends) {
            out.extend(number.to_le_bytes());
        }
        out.extend_from_slice(path);
        out.extend_from_slice(block);
        count += 1;
    }
    if let Some(field) = out.get_mut(24..32) {
        field.copy_from_slice(&count.to_le_bytes());
    }
    let sum = checksum(out.get(24..).unwrap_or_default());
    if let Some(field) = out.get_mut(16..24) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    out
}

/// Guards against damage, not against malice: who can write here can write the indexes.
fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.write_usize(bytes.len());
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

    #[test]
    fn only_a_whole_cache_and_an_unchanged_file_count() {
        let folder = Folder::new("depmod-cache");
        folder.file("a.ko", "module");
        let modules = of_paths(folder.to_str().unwrap(), &["a.ko".into(), "b.ko".into()]);
        let old = Stamp([6, 1, 2, 3, 4, 5, 6]);
        let now = Stamp::of(&std::fs::metadata(modules[0].path()).unwrap());
        let mut gathering = Gathering::default();
        gathering.push(b"x");
        gathering.end(List::Exports);
        let facts = gathering.facts();

        // As if the file were older than it is.
        let known = |stamp: Stamp| {
            let mut bytes = bytes([(&modules[0], old, &facts)].into_iter());
            for (at, number) in stamp.0.iter().enumerate() {
                bytes[32 + 8 * at..40 + 8 * at].copy_from_slice(&number.to_le_bytes());
            }
            let sum = checksum(&bytes[24..]);
            bytes[16..24].copy_from_slice(&sum.to_le_bytes());
            bytes
        };
        let cache = Cache::of(known(now)).unwrap();
        assert_eq!(cache.facts(&modules[0]), Some((facts.clone(), now)));
        assert_eq!(cache.facts(&modules[1]), None);
        assert_eq!(Cache::of(known(old)).unwrap().facts(&modules[0]), None);

        let whole = known(now);
        for len in 0..whole.len() {
            assert!(Cache::of(whole[..len].to_vec()).is_none(), "{len}");
            let mut damaged = whole.clone();
            damaged[len] ^= 1;
            assert!(Cache::of(damaged).is_none(), "{len}");
        }
        let fresh = bytes([(&modules[0], now, &facts)].into_iter());
        assert!(Cache::of(fresh).unwrap().known.is_empty());
    }
}
