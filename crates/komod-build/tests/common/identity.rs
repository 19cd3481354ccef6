//! Products of komod's own build and of kbuild, compared byte for byte.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::shown;
use komod_build::{Built, Options, Project, Tree, build};

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// All products below a folder.
pub fn products(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if [".ko", ".o", ".mod", ".mod.c"].iter().any(|end| name.ends_with(end))
                || ["Module.symvers", "modules.order"].contains(&name.as_str())
            {
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

pub fn made(project: &Path, tree: &Tree, options: &Options) -> Built {
    match build(&Project::open(project).unwrap(), tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

pub fn natively(built: &Built) -> bool {
    !built.diagnostics.iter().any(|diagnostic| diagnostic.code == "B-53")
}

/// Builds with kbuild, then without, in one folder; the products must be the same. (Without a time
/// stamp given, kbuild lets pahole's threads decide the order of a module's types.)
pub fn compare(project: &Path, tree: &Tree, options: &Options) -> Built {
    let mut options = options.clone();
    options
        .variables
        .push(("KBUILD_BUILD_TIMESTAMP".into(), "Sat Jan  1 00:00:00 UTC 2022".into()));
    let options = &options;
    let out = options.out.as_deref().unwrap();
    let kbuild = made(project, tree, &Options { kbuild: true, ..options.clone() });
    let theirs = products(out);
    assert!(theirs.keys().any(|path| path.extension().is_some_and(|e| e == "ko")));
    fs::remove_dir_all(out).unwrap();
    let native = made(project, tree, options);
    assert!(natively(&native), "{}", shown(&native.diagnostics));
    let ours = products(out);
    let names = |products: &BTreeMap<PathBuf, Vec<u8>>| -> Vec<PathBuf> {
        products.keys().cloned().collect()
    };
    assert_eq!(names(&theirs), names(&ours), "{}", native.log.text());
    let differing: Vec<_> = theirs.iter().filter(|(path, bytes)| ours[*path] != **bytes).collect();
    let differing: Vec<_> = differing.into_iter().map(|(path, _)| path).collect();
    assert!(differing.is_empty(), "{} {}: {differing:?}", tree.release, project.display());
    assert_eq!(kbuild.modules, native.modules);
    native
}
