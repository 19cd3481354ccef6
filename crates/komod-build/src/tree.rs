//! The kernel build tree: what a module is built against.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A kernel build tree, as kbuild's `-C` wants it: the folder behind `/lib/modules/X/build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Kernel release, as `uname -r` prints it: `6.1.0-56-amd64`.
    pub release: String,
    /// The folder.
    pub path: PathBuf,
    /// Extra environment for the tree's own tools, such as `LD_LIBRARY_PATH` for objtool's libelf.
    pub env: Vec<(OsString, OsString)>,
}

/// How a makefile that can be moved names its own folder.
const HERE: &str = "$(dir $(lastword $(MAKEFILE_LIST)))";

/// Files whose change makes objects built before worthless.
const IDENTITY: [&str; 6] = [
    "Makefile",
    "Module.symvers",
    "include/config/auto.conf",
    "include/generated/autoconf.h",
    "include/generated/utsrelease.h",
    "include/generated/compile.h",
];

impl Tree {
    /// A tree without extra environment.
    pub fn new(release: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Tree { release: release.into(), path: path.into(), env: Vec::new() }
    }

    /// The tree in this folder, with the release its own header states. (Debian's
    /// `include/config/kernel.release` holds the upstream version instead.)
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let header = path.join("include/generated/utsrelease.h");
        let text = fs::read_to_string(&header)?;
        let release = text.split('"').nth(1).ok_or_else(|| {
            let what = format!("{} does not state a release", header.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        Ok(Tree::new(release, path))
    }

    /// The makefile that a separate output tree (Debian's, or one of `make O=`) includes: that of
    /// the sources.
    pub fn included_makefile(&self) -> Option<PathBuf> {
        let makefile = std::fs::read_to_string(self.file("Makefile")).ok()?;
        let path = makefile.lines().find_map(|line| line.strip_prefix("include "))?.trim();
        match path.strip_prefix(HERE) {
            Some(rest) => Some(self.path.join(rest)),
            None => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
        }
    }

    /// The pahole that komod fetched with the kernel, which `.kernelvariables` then names.
    pub fn pahole(&self) -> Option<PathBuf> {
        let variables = fs::read_to_string(self.file(".kernelvariables")).ok()?;
        let path = variables.lines().find_map(|line| line.strip_prefix("PAHOLE := $(abspath "))?;
        Some(self.path.join(path.strip_prefix(HERE)?.strip_suffix(')')?))
    }

    /// A file of the tree.
    pub fn file(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Is this file there, and not empty?
    pub fn has(&self, relative: &str) -> bool {
        fs::metadata(self.file(relative)).is_ok_and(|meta| meta.is_dir() || meta.len() > 0)
    }

    /// A value of the kernel's configuration, from `include/config/auto.conf` (written by
    /// `scripts/kconfig/confdata.c`) or `.config`; quotes removed.
    pub fn config(&self, name: &str) -> Option<String> {
        ["include/config/auto.conf", ".config"].iter().find_map(|file| {
            let text = fs::read_to_string(self.file(file)).ok()?;
            text.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.strip_prefix('=')?;
                Some(value.trim_matches('"').to_owned())
            })
        })
    }

    /// Variables that make kbuild use the kind of compiler the kernel was built with: it takes gcc
    /// unless told otherwise, whatever the configuration says (`Documentation/kbuild/llvm.rst`).
    pub(crate) fn compiler_variables(&self) -> Option<(String, String)> {
        let is_set = |name| self.config(name).as_deref() == Some("y");
        let clang = is_set("CONFIG_CC_IS_CLANG");
        let variable = if is_set("CONFIG_LD_IS_LLD") { ("LLVM", "1") } else { ("CC", "clang") };
        clang.then(|| (variable.0.to_owned(), variable.1.to_owned()))
    }

    /// A text that changes when the tree does. kbuild compares commands and header times, which
    /// does not notice that a tree was replaced by another with the same commands.
    pub(crate) fn identity(&self) -> String {
        let mut text = String::new();
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let _ = writeln!(text, "release {}\npath {}", self.release, path.display());
        for file in IDENTITY {
            if let Ok(meta) = fs::metadata(self.file(file)) {
                let (size, s, ns) = (meta.size(), meta.mtime(), meta.mtime_nsec());
                let _ = writeln!(text, "{file} {size} {s}.{ns:09}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clang_trees_are_built_with_clang() {
        let dir = std::env::temp_dir().join(format!("komod-clang-{}", std::process::id()));
        fs::create_dir_all(dir.join("include/config")).unwrap();
        let tree = Tree::new("1", &dir);
        for (text, variable) in [
            ("CONFIG_CC_IS_GCC=y\nCONFIG_LD_IS_BFD=y\n", None),
            ("CONFIG_CC_IS_CLANG=y\nCONFIG_LD_IS_LLD=y\n", Some(("LLVM", "1"))),
            ("CONFIG_CC_IS_CLANG=y\nCONFIG_LD_IS_BFD=y\n", Some(("CC", "clang"))),
        ] {
            fs::write(tree.file("include/config/auto.conf"), text).unwrap();
            let variable = variable.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(tree.compiler_variables(), variable, "{text}");
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_tree_knows_the_pahole_fetched_with_it() {
        let dir = std::env::temp_dir().join(format!("komod-pahole-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let tree = Tree::new("1", &dir);
        assert_eq!(tree.pahole(), None);
        let text = format!("CC = gcc\nPAHOLE := $(abspath {HERE}../../bin/pahole)\n");
        fs::write(tree.file(".kernelvariables"), text).unwrap();
        assert_eq!(tree.pahole(), Some(dir.join("../../bin/pahole")));
        fs::remove_dir_all(dir).unwrap();
    }
}
