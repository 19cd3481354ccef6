//! Rules about the workspace: crate roots, dependencies, the way to run the tests.

use super::code::FENCE;
use super::{Finding, SourceFile};

/// Every crate begins with a text that says what it is for, and forbids `unsafe` (or, where a
/// part of it is inside the fence, denies it).
pub fn crate_roots_teach_and_forbid(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in files.iter().filter(|f| f.path.ends_with("Cargo.toml")) {
        let directory = manifest.path.trim_end_matches("Cargo.toml");
        let is_root = |f: &&SourceFile| {
            let Some(below) = f.path.strip_prefix(directory) else { return false };
            let binary = below.strip_prefix("src/bin/").is_some_and(|b| !b.contains('/'));
            matches!(below, "src/lib.rs" | "src/main.rs") || (binary && below.ends_with(".rs"))
        };
        for root in files.iter().filter(is_root) {
            if !root.text().starts_with("//!") {
                findings.push(root.finding(1, "a crate root without a //! text on top"));
            }
            let inside = FENCE.contains(&directory);
            let partly = FENCE.iter().any(|f| f.starts_with(directory));
            let words = if partly {
                &["#![forbid(unsafe_code)]", "#![deny(unsafe_code)]"][..]
            } else {
                &["#![forbid(unsafe_code)]"]
            };
            if !inside && !words.iter().any(|w| root.text().lines().any(|l| l == *w)) {
                findings.push(root.finding(0, format!("a crate root without {}", words[0])));
            }
        }
    }
    findings
}

/// few-dependencies: more packages than this in the lock file need a decision first.
const PACKAGES: usize = 140;

pub fn few_dependencies(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for lock in files.iter().filter(|f| f.path == "Cargo.lock") {
        let packages = lock.text().lines().filter(|l| *l == "[[package]]").count();
        if packages > PACKAGES {
            findings.push(lock.finding(0, format!("{packages} packages, more than {PACKAGES}")));
        }
    }
    findings
}

/// ci-at-home: what CI runs is what README.md tells everyone to run.
pub const TEST_COMMAND: &str = "cargo xtask ci";

pub fn one_test_command(files: &[SourceFile]) -> Vec<Finding> {
    let holds = |file: &SourceFile| file.text().lines().any(|l| l.trim() == TEST_COMMAND);
    files
        .iter()
        .filter(|f| matches!(f.path.as_str(), "README.md" | ".ci/run") && !holds(f))
        .map(|f| f.finding(0, format!("no line `{TEST_COMMAND}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn crate_roots() {
        let check = |dir: &str, text: &str| {
            let manifest = file(&format!("{dir}Cargo.toml"), "");
            let root = file(&format!("{dir}src/lib.rs"), text);
            crate_roots_teach_and_forbid(&[manifest, root]).len()
        };
        let good = "//! Text.\n#![forbid(unsafe_code)]\n";
        let denies = "//! Text.\n#![deny(unsafe_code)]\n";
        assert_eq!(check("crates/a/", good), 0);
        assert_eq!(check("crates/a/", "#![forbid(unsafe_code)]\n"), 1);
        assert_eq!(check("crates/a/", "//! Text.\n// #![forbid(unsafe_code)]\n"), 1);
        assert_eq!(check("crates/a/", denies), 1);
        assert_eq!(check("crates/komod-kernel/", denies), 0);
        assert_eq!(check("crates/komod-kernel/", "//! Text.\n"), 1);
        assert_eq!(check("crates/komod-process/", "//! Text.\n"), 0);
        assert_eq!(check("crates/komod-process/", "fn f() {}\n"), 1);
        let bin = [file("a/Cargo.toml", ""), file("a/src/bin/x.rs", "fn main() {}\n")];
        assert_eq!(crate_roots_teach_and_forbid(&bin).len(), 2);
    }

    #[test]
    fn dependencies() {
        let lock = |n: usize| file("Cargo.lock", &"[[package]]\nname = \"x\"\n".repeat(n));
        assert!(few_dependencies(&[lock(PACKAGES)]).is_empty());
        assert_eq!(few_dependencies(&[lock(PACKAGES + 1)]).len(), 1);
    }

    #[test]
    fn test_command() {
        let good = format!("#!/bin/sh\nci/setup\n{TEST_COMMAND}\n");
        assert!(one_test_command(&[file(".ci/run", &good)]).is_empty());
        assert_eq!(one_test_command(&[file(".ci/run", "cargo test\n")]).len(), 1);
        assert_eq!(one_test_command(&[file("README.md", "run the tests\n")]).len(), 1);
    }
}
