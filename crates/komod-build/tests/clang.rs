//! Kernel trees configured for clang: the right compiler is taken without being asked for, and komod
//! builds what kbuild builds. `cargo xtask oracle clang` makes such trees; with others there is
//! nothing to test.
#![forbid(unsafe_code)]

mod common;
#[path = "common/identity.rs"]
mod identity;

use std::fs;

use common::{Scratch, fails_with, find, options, trees};
use identity::{compare, fixture, repository};
use komod_build::{Options, Tree};

fn clang_trees() -> Vec<Tree> {
    let is_clang = |tree: &Tree| tree.config("CONFIG_CC_IS_CLANG").as_deref() == Some("y");
    trees().into_iter().filter(is_clang).collect()
}

/// Such a tree is only prepared, not built: nothing is known of the kernel's symbols.
fn in_scratch(scratch: &Scratch) -> Options {
    Options {
        out: Some(scratch.0.join("out")),
        variables: vec![("KBUILD_MODPOST_WARN".into(), "1".into())],
        ..options()
    }
}

fn has(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn examples() {
    for tree in clang_trees() {
        for entry in fs::read_dir(repository().join("examples")).unwrap().map(Result::unwrap) {
            if entry.path().join("Makefile").exists() {
                let scratch = Scratch::new("clang");
                let built = compare(&entry.path(), &tree, &in_scratch(&scratch));
                for module in built.modules {
                    assert!(has(&fs::read(&module).unwrap(), "clang version"), "{module:?}");
                }
            }
        }
    }
}

#[test]
fn flags_folders_and_assembly() {
    for tree in clang_trees() {
        for name in ["flags", "many", "assembly"] {
            let scratch = Scratch::new(name);
            compare(&fixture(name), &tree, &in_scratch(&scratch));
        }
    }
}

#[test]
fn a_clang_that_is_not_there() {
    for tree in clang_trees() {
        let scratch = Scratch::new("no-clang");
        let mut options = in_scratch(&scratch);
        options.variables.push(("LLVM".into(), "-99".into()));
        let error = fails_with(&repository().join("examples/hello"), &tree, &options);
        let said = find(&error.diagnostics, "B-37");
        assert!(said.title.contains("clang-99"), "{said:?}");
        assert!(said.hints.iter().any(|hint| hint.contains("clang-99")), "{said:?}");
    }
}
