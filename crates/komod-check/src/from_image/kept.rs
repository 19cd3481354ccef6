//! The exports of a kernel's modules, kept in komod's cache: reading 4,000 packed modules takes
//! seconds.
//!
//! The file has the form of `Module.symvers` behind a first line that says what it was made from. It
//! counts as long as all module files have the sizes and times they had.

use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use komod_object::symvers::{ExportKind, Symvers};
use rustc_hash::FxHasher;

use super::Export;
use super::modules::{self, File, ModuleExports};

/// Raised when the file's form or meaning changes.
const FORMAT: u32 = 1;
/// Debian 6.12's modules have 11,000 exports, 700 KB.
const MAX_SIZE: u64 = 64 << 20;

/// The exports of the modules in `lib/modules/RELEASE`, from the cache if they are there.
pub(super) fn module_exports(folder: &Path, cache: Option<&Path>) -> ModuleExports {
    let files = modules::files(folder);
    let first = fingerprint(&files);
    let path = cache.map(|cache| path(cache, folder));
    if let Some(kept) = path.as_deref().and_then(|path| recall(path, &first)) {
        return ModuleExports { exports: kept, unread: None };
    }
    let found = modules::read_all(&files);
    if let Some(path) = path.filter(|_| found.unread.is_none()) {
        // Without it the next call is as slow as this one.
        let _ = keep(&path, &to_text(&first, &found.exports));
    }
    found
}

/// One file for each folder.
fn path(cache: &Path, folder: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let mut hasher = FxHasher::default();
    folder.hash(&mut hasher);
    cache.join("exports").join(format!("{:016x}.symvers", hasher.finish()))
}

/// The first line.
fn fingerprint(files: &[File]) -> String {
    let mut hasher = FxHasher::default();
    for File { path, size, changed } in files {
        (path, size, changed).hash(&mut hasher);
    }
    format!("komod exports {FORMAT} of {} modules {:016x}\n", files.len(), hasher.finish())
}

fn recall(path: &Path, first: &str) -> Option<Vec<Export>> {
    let size = std::fs::metadata(path).ok()?.len();
    let text = std::fs::read(path).ok().filter(|_| size <= MAX_SIZE)?;
    from_text(text.strip_prefix(first.as_bytes())?)
}

fn from_text(text: &[u8]) -> Option<Vec<Export>> {
    let symvers = Symvers::parse(text).ok()?;
    let exports = symvers.entries().iter().map(|entry| Export {
        name: entry.name.to_owned(),
        // A checksum is hardly ever 0; `Module.symvers` has no other way to say that there is none.
        crc: (entry.crc != 0).then_some(entry.crc),
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace.map(str::to_owned),
        owner: Some(entry.module.to_owned()),
    });
    Some(exports.collect())
}

fn to_text(first: &str, exports: &[Export]) -> String {
    let mut text = first.to_owned();
    for Export { name, crc, gpl_only, namespace, owner } in exports {
        let (crc, kind) = (crc.unwrap_or_default(), if *gpl_only { "_GPL" } else { "" });
        let owner = owner.as_deref().unwrap_or_default();
        let namespace = namespace.as_deref().unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{crc:#010x}\t{name}\t{owner}\tEXPORT_SYMBOL{kind}\t{namespace}");
    }
    text
}

/// Whoever sees the file sees all of it.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path).inspect_err(|_| {
        let _ = std::fs::remove_file(&unfinished);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exports() -> Vec<Export> {
        let export = |name: &str, crc, gpl_only, namespace: Option<&str>| Export {
            name: name.into(),
            crc,
            gpl_only,
            namespace: namespace.map(str::to_owned),
            owner: Some("snd_pcm".into()),
        };
        vec![export("a", Some(0xdead_beef), true, Some("USB")), export("b", None, false, None)]
    }

    #[test]
    fn what_is_kept_comes_back() {
        let text = to_text("first\n", &exports());
        assert_eq!(from_text(text.strip_prefix("first\n").unwrap().as_bytes()), Some(exports()));
    }

    #[test]
    fn a_changed_folder_is_read_again() {
        let file = |path: &str, size| File { path: path.into(), size, changed: None };
        let one = fingerprint(&[file("a", 1), file("b", 2)]);
        for other in [vec![file("a", 1)], vec![file("a", 1), file("b", 3)], vec![]] {
            assert_ne!(fingerprint(&other), one);
        }
        let dir = std::env::temp_dir().join(format!("komod-kept-{}", std::process::id()));
        let path = path(&dir, Path::new("/no/such/folder"));
        keep(&path, &to_text(&one, &exports())).unwrap();
        assert_eq!(recall(&path, &one), Some(exports()));
        assert_eq!(recall(&path, &fingerprint(&[])), None);
        // What is damaged is read again, too.
        keep(&path, &format!("{one}nonsense\n")).unwrap();
        assert_eq!(recall(&path, &one), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
