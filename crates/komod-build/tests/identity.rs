//! What komod builds by itself is what kbuild builds in the same folder, byte for byte.
#![forbid(unsafe_code)]

mod common;
#[path = "common/identity.rs"]
mod identity;

use std::fs;

use common::{Scratch, options, shown, trees, trees_in_turn};
use identity::{compare, fixture, made, natively, repository};
use komod_build::Options;

fn compare_fixture(name: &str) {
    for tree in trees_in_turn() {
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
    for tree in trees_in_turn() {
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
    for tree in trees_in_turn() {
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
    for tree in trees_in_turn() {
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
