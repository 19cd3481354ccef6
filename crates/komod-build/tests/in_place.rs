//! Built beside the sources: what `make -C TREE M=FOLDER modules` makes in the same folder, for
//! one kernel after the other, and gone again when cleaned.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{HELLO, Scratch, builds_by, copy, fails_with, options, shown, trees, trees_in_turn};
use komod_build::{Built, Options, Project, Tree, clean_in_place};

/// Without it, kbuild lets pahole's threads decide the order of a module's types.
const TIMESTAMP: (&str, &str) = ("KBUILD_BUILD_TIMESTAMP", "Sat Jan  1 00:00:00 UTC 2022");

fn in_place() -> Options {
    let variables = vec![(TIMESTAMP.0.into(), TIMESTAMP.1.into())];
    Options { in_place: true, variables, ..options() }
}

/// The fixture, fresh.
fn lay(name: &str, root: &Path) {
    let _ = fs::remove_dir_all(root);
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), root);
}

fn make(root: &Path, tree: &Tree) {
    let said = Command::new("make")
        .arg("-C")
        .arg(&tree.path)
        .arg(format!("M={}", root.display()))
        .arg(format!("{}={}", TIMESTAMP.0, TIMESTAMP.1))
        .arg("modules")
        .env_remove("MAKEFLAGS")
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// All files below a folder, but for komod's own.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                if path != root.join("target") {
                    folders.push(path);
                }
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The products among them, without notes: kbuild's name its commands, komod's do not, and kbuild
/// leaves a list of headers where it has computed a checksum.
fn products(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(root);
    files.retain(|name, _| !name.ends_with(".cmd") && !name.ends_with(".o.d"));
    files
}

fn natively(built: &Built) -> bool {
    !built.diagnostics.iter().any(|diagnostic| diagnostic.code == "B-53")
}

#[track_caller]
fn same(theirs: &BTreeMap<String, Vec<u8>>, ours: &BTreeMap<String, Vec<u8>>, what: &str) {
    let differing: Vec<_> = theirs
        .iter()
        .filter(|(name, bytes)| ours.get(*name) != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    assert!(differing.is_empty(), "{what}: {differing:?}");
    let names = |list: &BTreeMap<String, Vec<u8>>| list.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(theirs), names(ours), "{what}");
}

#[test]
fn the_same_files_as_make() {
    for name in ["many", "assembly"] {
        for tree in trees_in_turn() {
            let what = format!("{name} for {}", tree.release);
            let scratch = Scratch::new("make");
            let root = scratch.0.join("p");
            lay(name, &root);
            let sources = files(&root);
            make(&root, &tree);
            let theirs = products(&root);
            assert!(theirs.keys().any(|name| name.ends_with(".ko")));
            lay(name, &root);
            let built = builds_by(&root, &tree, &in_place());
            assert!(natively(&built), "{what}: {}", shown(&built.diagnostics));
            assert!(built.modules.iter().all(|module| module.starts_with(&root)));
            same(&theirs, &products(&root), &what);
            // Nothing to do: nothing is done.
            std::thread::sleep(std::time::Duration::from_millis(20));
            for _ in 0..2 {
                let again = builds_by(&root, &tree, &in_place());
                assert!(!again.log.contains("[M]"), "{what}: {}", again.log.text());
            }
            let project = Project::open(&root).unwrap();
            let removed = clean_in_place(&project, None).unwrap();
            assert!(removed.contains(built.modules.first().unwrap()));
            same(&sources, &files(&root), &what);
            assert!(!root.join("target").exists());
        }
    }
}

#[test]
fn kernels_and_builders_in_turn() {
    let trees = trees();
    let scratch = Scratch::new("turn");
    let root = scratch.0.join("p");
    let fixture = "flags";
    let mut theirs = BTreeMap::new();
    for tree in &trees {
        lay(fixture, &root);
        make(&root, tree);
        theirs.insert(tree.release.clone(), products(&root));
    }
    lay(fixture, &root);
    let sources = files(&root);
    let check = |tree: &Tree, kbuild: bool| {
        builds_by(&root, tree, &Options { kbuild, ..in_place() });
        let what = format!("{} kbuild={kbuild}", tree.release);
        let mut ours = products(&root);
        // 6.1 has no such file and leaves that of 6.12.
        ours.retain(|name, _| theirs[&tree.release].contains_key(name) || !name.contains("common"));
        same(&theirs[&tree.release], &ours, &what);
    };
    for kbuild in [false, true] {
        for tree in &trees {
            check(tree, kbuild);
        }
    }
    // make itself, then komod, for each of the others; then make again.
    for tree in &trees {
        for other in trees.iter().filter(|other| other.release != tree.release) {
            make(&root, other);
            check(tree, false);
            make(&root, other);
            check(tree, true);
            make(&root, other);
            assert_eq!(products(&root)["flagged.ko"], theirs[&other.release]["flagged.ko"]);
        }
    }
    if let [first, .., last] = trees.as_slice() {
        check(last, false);
        check(first, false);
        // All goes but for what make has left and komod would make the same.
        clean_in_place(&Project::open(&root).unwrap(), None).unwrap();
        let mut left = files(&root);
        left.retain(|name, _| !sources.contains_key(name) && !name.starts_with('.'));
        assert_eq!(left.keys().collect::<Vec<_>>(), ["Module.symvers", "flagged.mod"]);
    }
}

#[test]
fn a_kernel_that_was_replaced_under_the_same_name() {
    for tree in trees_in_turn() {
        for kbuild in [true, false] {
            let scratch = Scratch::new("replaced");
            let header = "include/generated/utsrelease.h";
            let copy = scratch.tree_without(&tree, &[header]);
            let root = scratch.0.join("p");
            scratch.write("p/Makefile", "obj-m := test.o\n");
            scratch.write("p/test.c", HELLO);
            let mut options = Options { kbuild, ..in_place() };
            // The copy has no pahole beside it.
            options.variables.push(("CONFIG_DEBUG_INFO_BTF_MODULES".into(), String::new()));
            // Its time says that it is older than all products: kbuild alone would see nothing.
            let release = |release: &str| {
                let path = copy.path.join(header);
                fs::write(&path, format!("#define UTS_RELEASE \"{release}\"\n")).unwrap();
                let file = fs::File::options().write(true).open(&path).unwrap();
                let age = std::time::Duration::from_secs(if release == "9.9.1" { 90 } else { 80 });
                file.set_modified(std::time::SystemTime::now() - age).unwrap();
                builds_by(&root, &Tree { release: release.into(), ..copy.clone() }, &options);
                let module = fs::read(root.join("test.ko")).unwrap();
                let vermagic = format!("vermagic={release} ");
                let found = module.windows(vermagic.len()).any(|w| w == vermagic.as_bytes());
                assert!(found, "{} kbuild={kbuild}: no {vermagic}", tree.release);
            };
            release("9.9.1");
            release("9.9.2");
        }
    }
}

#[test]
fn custom_rules_and_failures_are_cleaned_up_after() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("custom");
        let root = scratch.0.join("p");
        lay("host", &root);
        fs::write(root.join("blob.o"), "the user's").unwrap();
        let sources = files(&root);
        let built = builds_by(&root, &tree, &in_place());
        assert!(!natively(&built) && root.join("made.h").exists() && root.join("maker").exists());
        let project = Project::open(&root).unwrap();
        clean_in_place(&project, None).unwrap();
        same(&sources, &files(&root), "host");

        let root = scratch.0.join("q");
        scratch.write("q/Makefile", "obj-m := good.o bad.o\n");
        scratch.write("q/good.c", HELLO);
        scratch.write("q/bad.c", "int x = ;\n");
        let sources = files(&root);
        for kbuild in [false, true] {
            let error = fails_with(&root, &tree, &Options { kbuild, ..in_place() });
            assert!(shown(&error.diagnostics).contains("bad.c:1:9"));
            clean_in_place(&Project::open(&root).unwrap(), None).unwrap();
            same(&sources, &files(&root), "after a failure");
        }
    }
}

#[test]
fn builds_in_folders_of_their_own_do_not_see_it() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("both");
        let root = scratch.0.join("p");
        lay("flags", &root);
        builds_by(&root, &tree, &in_place());
        for kbuild in [false, true] {
            let out: PathBuf = scratch.0.join(format!("out-{kbuild}"));
            let apart = Options { in_place: false, out: Some(out.clone()), kbuild, ..in_place() };
            builds_by(&root, &tree, &apart);
            let linked: Vec<_> = fs::read_dir(&out)
                .unwrap()
                .map(|entry| entry.unwrap())
                .filter(|entry| entry.file_type().unwrap().is_symlink())
                .map(|entry| entry.file_name().into_string().unwrap())
                .filter(|name| !name.ends_with(".c") && !["Kbuild", "Makefile"].contains(&&**name))
                .collect();
            assert!(linked.is_empty(), "{linked:?}");
            let made = fs::read_to_string(out.join(".komod-made")).unwrap();
            assert_eq!(made, "", "nothing is copied, either");
        }
    }
}
