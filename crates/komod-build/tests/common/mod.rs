//! What the tests with real kernel trees share: finding trees, copies that can be damaged, scratch
//! folders.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use komod_build::overlay::Repair;
use komod_build::{BuildError, Built, Options, Project, Tree, build};
use komod_diag::{Diagnostic, Evidence, terminal};

/// The kernel trees to test with: those that `KOMOD_TEST_TREES` names (separated by colons), or
/// those in komod's cache. Without any, the test says that it is skipped; where skipping is not
/// acceptable (`CI` or `KOMOD_REQUIRE_KERNELS=1`), it fails.
pub fn trees() -> Vec<Tree> {
    let mut found: Vec<PathBuf> = match env::var_os("KOMOD_TEST_TREES") {
        Some(list) => env::split_paths(&list).collect(),
        None => cached(),
    };
    found.retain(|path| path.join("Makefile").exists());
    found.sort();
    let required = env::var_os("CI").is_some()
        || env::var_os("KOMOD_REQUIRE_KERNELS").is_some_and(|value| value == "1");
    if found.is_empty() {
        assert!(!required, "no kernel tree: set KOMOD_TEST_TREES or run komod kernel fetch");
        eprintln!("SKIPPED: no kernel tree (KOMOD_TEST_TREES, or komod kernel fetch)");
    }
    found.into_iter().map(|path| Tree::open(path).unwrap()).collect()
}

/// One of them, for each test another: for what hangs little on the kernel and takes long. All of
/// them with `KOMOD_TEST_ALL_KERNELS`.
pub fn trees_in_turn() -> Vec<Tree> {
    let mut all = trees();
    if all.is_empty() || env::var_os("KOMOD_TEST_ALL_KERNELS").is_some() {
        return all;
    }
    // A test's thread has its name.
    let letters =
        std::thread::current().name().map_or(0, |name| name.bytes().map(usize::from).sum());
    vec![all.swap_remove(letters % all.len())]
}

fn cached() -> Vec<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache/komod"));
    let Some(cache) = env::var_os("KOMOD_CACHE").map(PathBuf::from).or_else(home) else {
        return Vec::new();
    };
    let kernels = fs::read_dir(cache.join("kernels")).into_iter().flatten().flatten();
    kernels
        .map(|entry| {
            let release = entry.file_name().to_string_lossy().into_owned();
            entry.path().join("usr/src").join(format!("linux-headers-{release}"))
        })
        .collect()
}

/// A folder that vanishes with this value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir =
            env::temp_dir().join(format!("komod-build-{}-{count}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Scratch(fs::canonicalize(dir).unwrap())
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A copy of a kernel tree made of links, in which `paths` are missing.
    pub fn tree_without(&self, tree: &Tree, paths: &[&str]) -> Tree {
        let copy = self.0.join("tree");
        let removed: Vec<&Path> = paths.iter().map(Path::new).collect();
        farm(&tree.path, &copy, Path::new(""), &removed);
        // Debian's trees include the makefile of the tree beside them.
        for neighbour in fs::read_dir(tree.path.parent().unwrap()).unwrap().flatten() {
            let target = self.0.join(neighbour.file_name());
            if neighbour.path() != tree.path && !target.exists() {
                symlink(neighbour.path(), target).unwrap();
            }
        }
        Tree { path: copy, ..tree.clone() }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if env::var_os("KOMOD_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn farm(from: &Path, to: &Path, at: &Path, removed: &[&Path]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let relative = at.join(entry.file_name());
        if removed.contains(&relative.as_path()) {
            continue;
        }
        let target = to.join(entry.file_name());
        if removed.iter().any(|path| path.starts_with(&relative)) {
            farm(&fs::canonicalize(entry.path()).unwrap(), &target, &relative, removed);
        } else {
            symlink(fs::canonicalize(entry.path()).unwrap(), target).unwrap();
        }
    }
}

/// Options that do not depend on who runs the test; damaged trees stay damaged.
pub fn options() -> Options {
    Options { jobs: std::num::NonZero::new(2), repair: Repair::Off, ..Options::default() }
}

/// All diagnostics as the user sees them; also printed, for `--nocapture`.
pub fn shown(diagnostics: &[Diagnostic]) -> String {
    let text = terminal::render_all(diagnostics, terminal::Options::plain());
    println!("{text}");
    text
}

/// The diagnostic with this code.
pub fn find<'a>(diagnostics: &'a [Diagnostic], code: &str) -> &'a Diagnostic {
    let text = shown(diagnostics);
    diagnostics
        .iter()
        .find(|diagnostic| diagnostic.code == code)
        .unwrap_or_else(|| panic!("no {code} among:\n{text}"))
}

/// A module that does nothing.
pub const HELLO: &str = "\
#include <linux/init.h>
#include <linux/module.h>

static int __init test_init(void)
{
\tprintk(KERN_INFO \"===Test Module Start!===\\n\");
\treturn 0;
}

static void __exit test_exit(void)
{
\tprintk(KERN_INFO \"===Test Module End!===\\n\");
}

module_init(test_init);
module_exit(test_exit);
MODULE_DESCRIPTION(\"test\");
MODULE_LICENSE(\"GPL\");
";

pub fn fails_with(project: &Path, tree: &Tree, options: &Options) -> BuildError {
    let project = Project::open(project).unwrap();
    match build(&project, tree, options) {
        Ok(built) => panic!("it builds: {}", built.log.text()),
        Err(error) => {
            assert!(error.diagnostics.iter().any(Diagnostic::is_error));
            error
        }
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn fails(project: &Path, tree: &Tree) -> BuildError {
    fails_with(project, tree, &options())
}

pub fn builds(project: &Path, tree: &Tree) -> Built {
    builds_by(project, tree, &options())
}

pub fn builds_by(project: &Path, tree: &Tree, options: &Options) -> Built {
    match build(&Project::open(project).unwrap(), tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

/// Evidence of kbuild's own words, and of the file that is missing, and a way out.
pub fn is_complete(diagnostic: &Diagnostic, words: &str, file: &str) {
    let said = diagnostic.evidence.iter().any(|evidence| {
        matches!(evidence, Evidence::Output { lines, .. } if lines.iter().any(|l| l.contains(words)))
    });
    assert!(said, "no evidence {words:?}: {diagnostic:#?}");
    let named = diagnostic
        .evidence
        .iter()
        .any(|evidence| matches!(evidence, Evidence::File { path, .. } if path.ends_with(file)));
    assert!(file.is_empty() || named, "{file} is not named: {diagnostic:#?}");
    assert!(!diagnostic.hints.is_empty());
}
