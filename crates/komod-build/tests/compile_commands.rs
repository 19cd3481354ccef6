//! What `compile_commands.json` says is what the compiler takes.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{HELLO, Scratch, builds_by, copy, fails_with, options, trees_in_turn};
use komod_build::{Options, Tree};
use serde_json::Value;

const FILE: &str = "compile_commands.json";

/// A project of its own, and where its products go.
fn project(name: &str) -> (Scratch, PathBuf, Options) {
    let scratch = Scratch::new(name);
    let root = scratch.0.join("p");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), &root);
    let options = Options { out: Some(scratch.0.join("out")), ..options() };
    (scratch, root, options)
}

fn entries(folder: &Path) -> Vec<Value> {
    let bytes = fs::read(folder.join(FILE)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Runs each command as a reader of the file would; gives the sources, relative to the project.
fn checked(folder: &Path, root: &Path, tree: &Tree) -> Vec<String> {
    let mut sources = Vec::new();
    for entry in entries(folder) {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let words: Vec<&str> =
            entry["arguments"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        assert_eq!(text("directory"), tree.path.to_str().unwrap());
        assert!(words.contains(&text("file").as_str()), "{entry:#}");
        let before = fs::metadata(text("output")).unwrap().modified().unwrap();
        let only = if text("file").ends_with(".S") { "-E" } else { "-fsyntax-only" };
        let said = Command::new(words[0])
            .args(&words[1..])
            .arg(only)
            .current_dir(text("directory"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        if only == "-fsyntax-only" {
            assert!(said.status.success() && errors.is_empty(), "{errors}\n{entry:#}");
            assert_eq!(fs::metadata(text("output")).unwrap().modified().unwrap(), before);
        } else {
            assert!(said.status.success(), "{errors}\n{entry:#}");
        }
        let source = PathBuf::from(text("file"));
        let relative = source.strip_prefix(root).unwrap_or_else(|_| panic!("{entry:#}"));
        sources.push(relative.to_string_lossy().into_owned());
    }
    assert!(sources.is_sorted());
    sources
}

const MANY: [&str; 5] =
    ["helper/lines.c", "sub/deep/many_deep.c", "sub/leaf.c", "sub/many_shared.c", "top.c"];

#[test]
fn all_sources_of_all_kinds_of_projects() {
    let cases: [(&str, &[&str]); 6] = [
        ("many", &MANY),
        ("flags", &["conditional.c", "main.c", "more.c"]),
        ("assembly", &["add.S", "plain.c", "start.c"]),
        ("custom", &["test.c"]),
        ("host", &["maker.c", "test.c"]),
        ("generated", &["test.c"]),
    ];
    for tree in trees_in_turn() {
        for (name, sources) in cases {
            for kbuild in [false, true] {
                let (_scratch, root, options) = project(name);
                let built = builds_by(&root, &tree, &Options { kbuild, ..options });
                assert_eq!(checked(&built.folder, &root, &tree), sources, "{name} kbuild={kbuild}");
                assert!(!root.join(FILE).exists(), "nothing beside the sources unasked");
            }
        }
    }
}

#[test]
fn beside_the_sources_if_asked_for() {
    for tree in trees_in_turn() {
        let (_scratch, root, options) = project("flags");
        let built = builds_by(&root, &tree, &options);
        std::thread::sleep(std::time::Duration::from_millis(20));
        builds_by(&root, &tree, &options);
        let asked = Options { compile_commands: true, ..options.clone() };
        // Also if the build has nothing to do, and if the file beside the products is gone.
        fs::remove_file(built.folder.join(FILE)).unwrap();
        let again = builds_by(&root, &tree, &asked);
        assert!(!again.log.contains("CC [M]"), "{}", again.log.text());
        assert_eq!(checked(&root, &root, &tree), ["conditional.c", "main.c", "more.c"]);
        // It is no source: the next build does not see it.
        builds_by(&root, &tree, &options);
        assert!(!built.folder.join(FILE).is_symlink());
    }
}

#[test]
fn also_for_code_that_does_not_compile() {
    for tree in trees_in_turn() {
        for kbuild in [false, true] {
            let scratch = Scratch::new("broken");
            let options = Options {
                kbuild,
                compile_commands: true,
                out: Some(scratch.0.join("out")),
                ..options()
            };
            scratch.write("p/Makefile", "obj-m := test.o\n");
            scratch.write("p/test.c", HELLO);
            let root = scratch.0.join("p");
            if kbuild {
                // What kbuild did not get to is known from before.
                builds_by(&root, &tree, &options);
            }
            scratch.write("p/test.c", "#include <linux/module.h>\nint x = ;\n");
            fails_with(&root, &tree, &options);
            let list = entries(&root);
            assert_eq!(list.len(), 1);
            assert_eq!(list[0]["file"], root.join("test.c").to_str().unwrap());
        }
    }
}

#[test]
fn a_single_file_and_its_headers() {
    for tree in trees_in_turn() {
        let scratch = Scratch::new("single");
        scratch.write("p/own.h", "#define OWN 1\n");
        let file = scratch.write("p/test.c", &format!("#include \"own.h\"\n{HELLO}"));
        let options = Options { out: Some(scratch.0.join("out")), ..options() };
        let built = builds_by(&file, &tree, &options);
        assert_eq!(checked(&built.folder, &scratch.0.join("p"), &tree), ["test.c"]);
    }
}
