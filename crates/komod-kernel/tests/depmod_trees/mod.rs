//! What tests of depmod share: folders of modules, kmod's own depmod, and ours.

#![allow(dead_code, reason = "not every test needs all of it")]

pub mod elf;
pub mod trie;

use komod_kernel::depmod::cache::Cache;
use komod_kernel::depmod::config::Config;
use komod_kernel::depmod::error::DepmodError;
use komod_kernel::depmod::indexes::{Index, Watch};
use komod_kernel::depmod::read::How;
use komod_kernel::depmod::remark::Remark;
use komod_kernel::depmod::set::Making;
use komod_kernel::depmod::tree::{Modules, Request, Tree};
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The text files that kmod 30 writes, too.
pub const TEXTS: [&str; 5] =
    ["modules.dep", "modules.alias", "modules.softdep", "modules.symbols", "modules.devname"];
/// The binary indexes.
pub const BINARIES: [&str; 5] = [
    "modules.dep.bin",
    "modules.alias.bin",
    "modules.symbols.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
];

/// A root with `lib/modules/RELEASE`, removed at the end.
pub struct Root {
    pub path: PathBuf,
    pub release: String,
}

impl Root {
    pub fn new(release: &str) -> Root {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("komod-depmod-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("lib/modules").join(release)).unwrap();
        Root { path, release: release.to_owned() }
    }

    /// The folder of modules.
    pub fn modules(&self) -> PathBuf {
        self.path.join("lib/modules").join(&self.release)
    }

    /// Writes a file below the folder of modules.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.modules().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Without the kernel's lists, every run says that they are missing.
    pub fn with_lists(self) -> Root {
        for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
            self.write(list, b"");
        }
        self
    }

    /// Our indexes, in memory.
    pub fn ours(&self) -> (Result<Vec<Index>, DepmodError>, Vec<String>) {
        let mut remarks = Vec::new();
        let none = self.path.join("no-configuration");
        let config = Config::read(OsStr::new(&self.release), &[none], &mut remarks).unwrap();
        let set = indexes(&self.modules(), &config, 2, &mut remarks);
        (set, remarks.iter().map(Remark::to_string).collect())
    }

    /// What ours says and writes, if it does.
    pub fn good(&self) -> (Vec<Index>, Vec<String>) {
        let (set, remarks) = self.ours();
        (set.unwrap(), remarks)
    }

    /// Runs kmod's depmod, which writes into the folder.
    pub fn kmod(&self) -> Output {
        let mut command = Command::new("depmod");
        command.arg("-C").arg(self.path.join("no-configuration"));
        command.arg("-b").arg(&self.path).arg(&self.release).output().unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Our indexes of a folder.
pub fn indexes(
    directory: &Path,
    config: &Config,
    threads: usize,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<Index>, DepmodError> {
    let threads = NonZero::new(threads).unwrap();
    let how = How { threads, checksums: false };
    let request = Request { directory, files: &[], config, how, prefix: None };
    let cache = Cache::default();
    let modules = Modules::find(&request, &cache, remarks)?;
    let making = Making { modules: &modules, directory, watch: Watch::default(), threads };
    let set = making.make(|| Tree::resolve(&modules, None), |_| Ok(()), remarks)?;
    Ok(set.into_iter().map(|(index, ())| index).collect())
}

/// The bytes of one of them.
pub fn bytes<'s>(set: &'s [Index], name: &str) -> &'s [u8] {
    &set.iter().find(|index| index.name == name).unwrap().bytes
}

/// One of them as text.
pub fn text(set: &[Index], name: &str) -> String {
    String::from_utf8_lossy(bytes(set, name)).into_owned()
}

/// Whether kmod is here to compare with; where it must be, its absence is a failure.
pub fn has_kmod() -> bool {
    let version = Command::new("depmod").arg("-V").output();
    let found = version.is_ok_and(|v| v.stdout.starts_with(b"kmod version"));
    assert!(found || std::env::var_os("CI").is_none(), "no kmod to compare with");
    if !found {
        eprintln!("skipped: no kmod to compare with");
    }
    found
}

/// Compares all files that kmod wrote into a folder with ours.
pub fn compare(folder: &Path, set: &[Index]) -> usize {
    for name in TEXTS {
        let theirs = std::fs::read(folder.join(name)).unwrap();
        assert!(theirs == bytes(set, name), "{}: {name}", folder.display());
    }
    for name in BINARIES {
        let theirs = std::fs::read(folder.join(name)).unwrap();
        let ours = bytes(set, name);
        if theirs.is_empty() || ours.is_empty() {
            assert_eq!(theirs.len(), ours.len(), "{name}");
            continue;
        }
        let theirs = trie::read(&theirs);
        assert!(theirs.entries() == trie::read(ours).entries(), "{}: {name}", folder.display());
        assert!(theirs.before_children() == ours, "{}: layout of {name}", folder.display());
    }
    TEXTS.len() + BINARIES.len()
}
