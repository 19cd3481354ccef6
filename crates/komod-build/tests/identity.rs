//! What komod builds by itself is what kbuild builds in the same folder, byte for byte.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Scratch, options, shown, trees};
use komod_build::{Built, Options, Project, Tree, build};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// All products below a folder.
fn products(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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

fn made(project: &Path, tree: &Tree, options: &Options) -> Built {
    match build(&Project::open(project).unwrap(), tree, options) {
        Ok(built) => built,
        Err(error) => panic!("{}\n{}", shown(&error.diagnostics), error.log.text()),
    }
}

fn natively(built: &Built) -> bool {
    !built.diagnostics.iter().any(|diagnostic| diagnostic.code == "B-53")
}

/// Builds with kbuild, then without, in one folder; the products must be the same. (Without a time
/// stamp given, kbuild lets pahole's threads decide the order of a module's types.)
fn compare(project: &Path, tree: &Tree, options: &Options) -> Built {
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

fn compare_fixture(name: &str) {
    for tree in trees() {
        let scratch = Scratch::new(name);
        let options = Options { out: Some(scratch.0.join("out")), ..options() };
        compare(&fixture(name), &tree, &options);
    }
}

#[test]
fn flags_of_all_kinds() {
    compare_fixture("flags");
}

#[test]
fn several_modules_in_several_folders() {
    compare_fixture("many");
}

#[test]
fn assembly() {
    compare_fixture("assembly");
}

#[test]
fn the_tutorials_makefile() {
    compare_fixture("tutorial");
}

#[test]
fn examples() {
    for tree in trees() {
        for entry in fs::read_dir(repository().join("examples")).unwrap().map(Result::unwrap) {
            if entry.path().join("Makefile").exists() {
                let scratch = Scratch::new("example");
                let options = Options { out: Some(scratch.0.join("out")), ..options() };
                compare(&entry.path(), &tree, &options);
            }
        }
    }
}

#[test]
fn cases() {
    for tree in trees() {
        let scratch = Scratch::new("cases");
        let mut list = Vec::new();
        for entry in fs::read_dir(repository().join("tests/cases")).unwrap().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(stem) = name.strip_suffix(".c") {
                fs::create_dir_all(scratch.0.join("p")).unwrap();
                fs::copy(entry.path(), scratch.0.join("p").join(&name)).unwrap();
                list.push(format!("{stem}.o"));
            }
        }
        list.sort();
        assert!(list.len() > 10);
        scratch.write("p/Makefile", &format!("obj-m := {}\n", list.join(" ")));
        let options = Options {
            out: Some(scratch.0.join("out")),
            // One case uses a symbol that does not exist.
            variables: vec![("KBUILD_MODPOST_WARN".into(), "1".into())],
            ..options()
        };
        compare(&scratch.0.join("p"), &tree, &options);
    }
}

#[test]
fn symbols_of_another_folder() {
    for tree in trees() {
        let scratch = Scratch::new("extra");
        let base = Options { out: Some(scratch.0.join("base")), ..options() };
        made(&repository().join("examples/export"), &tree, &base);
        let dump = scratch.0.join("base/Module.symvers");
        let export = repository().join("examples/export");
        for file in ["reader.c", "counter.h"] {
            scratch.write(&format!("p/{file}"), &fs::read_to_string(export.join(file)).unwrap());
        }
        let makefile = format!("obj-m := reader.o\nKBUILD_EXTRA_SYMBOLS := {}\n", dump.display());
        scratch.write("p/Makefile", &makefile);
        let options = Options { out: Some(scratch.0.join("out")), ..options() };
        let built = compare(&scratch.0.join("p"), &tree, &options);
        let info = fs::read_to_string(built.folder.join("reader.mod.c")).unwrap();
        assert!(info.contains("MODULE_INFO(depends, \"counter\")"), "{info}");
        // By make's command line, as well.
        scratch.write("p/Makefile", "obj-m := reader.o\n");
        let variables = vec![("KBUILD_EXTRA_SYMBOLS".into(), dump.display().to_string())];
        compare(&scratch.0.join("p"), &tree, &Options { variables, ..options });
    }
}

#[test]
fn what_komod_does_not_know_is_left_to_kbuild() {
    for tree in trees() {
        for (name, word) in [("custom", "made.h"), ("host", "maker"), ("generated", "note.txt")] {
            let scratch = Scratch::new(name);
            let options = Options { out: Some(scratch.0.join("out")), ..options() };
            let built = made(&fixture(name), &tree, &options);
            let text = shown(&built.diagnostics);
            assert!(!natively(&built), "{name}: {text}");
            assert!(text.contains("B-53") && text.contains(word), "{name}: {text}");
            assert!(built.folder.join("test.ko").exists());
        }
    }
}
