//! A kernel's facts kept in the cache, so that they need not be learned from its files again.
//!
//! ```text
//! 0   magic "komodTGT"                   8 bytes
//! 8   format version                     u32
//! 12  length of what was learned     j   u32
//!     j bytes of JSON ([`Learned`])
//!     the exports ([`OwnedExports`]), used where they lie
//! ```
//!
//! There is one file for each kernel. It counts as long as all files it was made of are still the
//! same; else it is made again, and replaced.

use std::path::{Path, PathBuf};

use komod_kernel::config::KernelConfig;
use komod_kernel::exports::OwnedExports;
use komod_kernel::find::FoundKernel;
use komod_kernel::identity::FileIdentity;
use komod_kernel::map::{self, Bytes};
use komod_kernel::symbols::hash;

use crate::learned::Learned;

const MAGIC: &[u8; 8] = b"komodTGT";
/// Raised when the form or the meaning of the file changes.
const VERSION: u32 = 3;
const HEADER: usize = 16;

/// Finds what is known of a kernel, if it still holds.
pub(crate) fn recall(kernel: &FoundKernel, cache: &Path) -> Option<(Learned, OwnedExports)> {
    let (learned, exports) = open(Bytes::map(&place(kernel, cache)).ok()?)?;
    let files = files(kernel);
    let same = learned.files.len() == files.len()
        && learned
            .files
            .iter()
            .zip(files)
            .all(|((path, then), now)| *path == now && *then == FileIdentity::of(&now))
        && learned.release == kernel.release
        && learned.prepared.as_ref().is_none_or(|prepared| prepared.is_dir());
    same.then_some((learned, exports))
}

/// Keeps it. It is only a shortcut: failing to write it does no harm.
pub(crate) fn keep(kernel: &FoundKernel, cache: &Path, learned: &Learned, exports: &OwnedExports) {
    let Ok(json) = serde_json::to_vec(learned) else { return };
    let Ok(length) = u32::try_from(json.len()) else { return };
    let header = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &length.to_le_bytes()].concat();
    let _ = map::publish(&place(kernel, cache), &[&header, &json, exports.as_bytes()].concat());
}

fn open(bytes: Bytes) -> Option<(Learned, OwnedExports)> {
    let field = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    if bytes.get(..8)? != MAGIC || field(8)? != VERSION {
        return None;
    }
    let end = HEADER.checked_add(usize::try_from(field(12)?).ok()?)?;
    let learned: Learned = serde_json::from_slice(bytes.get(HEADER..end)?).ok()?;
    Some((learned, OwnedExports::from_bytes(bytes.behind(end)?).ok()?))
}

/// Files that decide what is learned, there or not: when one of them changes, so may the rest.
/// An installed module changes `modules.dep`.
pub(crate) fn files(kernel: &FoundKernel) -> Vec<PathBuf> {
    let mut files = KernelConfig::places(kernel);
    files.extend(kernel.tree.as_ref().map(|tree| tree.join("Module.symvers")));
    files.extend(kernel.image.clone());
    if let Some(modules) = &kernel.modules {
        files.extend(["modules.dep", "kernel"].map(|name| modules.join(name)));
    }
    files
}

/// Kernels of one release may lie in several places.
fn place(kernel: &FoundKernel, cache: &Path) -> PathBuf {
    let FoundKernel { release, tree, image, modules, .. } = kernel;
    let parts = format!("{tree:?}\n{image:?}\n{modules:?}");
    cache.join("targets").join(format!("{release}-{:08x}", hash(parts.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_kernel::exports::OwnedExport;
    use komod_kernel::find::Origin;

    fn exports() -> OwnedExports {
        let (name, crc) = ("_printk", Some(7));
        OwnedExports::build([OwnedExport {
            name,
            crc,
            owner: None,
            gpl_only: false,
            namespace: None,
        }])
    }

    #[test]
    fn what_is_kept_holds_until_a_file_changes() {
        let root = std::env::temp_dir().join(format!("komod-remembered-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("Module.symvers"), "old").unwrap();
        let kernel = FoundKernel {
            release: "6.1".into(),
            tree: Some(root.clone()),
            image: None,
            modules: None,
            origin: Origin::Named,
            running: false,
            problems: Vec::new(),
        };
        let identities =
            || files(&kernel).into_iter().map(|f| (f.clone(), FileIdentity::of(&f))).collect();
        let learned = Learned { release: "6.1".into(), files: identities(), ..Learned::default() };
        assert!(recall(&kernel, &root).is_none());
        keep(&kernel, &root, &learned, &exports());
        let (_, found) = recall(&kernel, &root).unwrap();
        assert_eq!(found.lookup("_printk").unwrap().crc, Some(7));

        std::fs::write(root.join("Module.symvers"), "newer").unwrap();
        assert!(recall(&kernel, &root).is_none());
        keep(&kernel, &root, &Learned { files: identities(), ..learned }, &exports());
        assert!(recall(&kernel, &root).is_some());
        // A file that was not there counts, too.
        std::fs::write(root.join(".config"), "").unwrap();
        assert!(recall(&kernel, &root).is_none());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn damage_is_nothing_kept() {
        let json = serde_json::to_vec(&Learned::default()).unwrap();
        let length = u32::try_from(json.len()).unwrap().to_le_bytes();
        let whole =
            [MAGIC, &VERSION.to_le_bytes()[..], &length, &json, exports().as_bytes()].concat();
        assert!(open(whole.clone().into()).is_some());
        for length in 0..whole.len() {
            assert!(open(whole[..length].into()).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x80;
            if let Some((_, exports)) = open(bad.into()) {
                let _ = exports.lookup("_printk");
            }
        }
    }
}
