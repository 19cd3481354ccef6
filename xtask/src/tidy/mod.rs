//! `cargo xtask tidy`: the house rules (DESIGN.md) that a machine can see.
//!
//! A rule is a function from the project's files to [`Finding`]s; each has a test that shows how
//! it is broken.

mod code;
mod files;
mod lines;
mod support;
mod workspace;

use crate::args::Args;
use crate::project;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::Path;
use std::process::Command;

/// A file of the project, tracked by git or about to be.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the project's root.
    pub path: String,
    /// `None` for a file that is not UTF-8.
    pub text: Option<String>,
}

impl SourceFile {
    fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }
}

/// A broken rule and where. Line 0 stands for the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

type Rule = fn(&[SourceFile]) -> Vec<Finding>;

const RULES: &[Rule] = &[
    files::not_too_long,
    files::no_build_products,
    lines::nothing_left_open,
    lines::ignored_tests_have_reasons,
    lines::no_paths_of_one_machine,
    code::unsafe_only_inside_the_fence,
    workspace::crate_roots_teach_and_forbid,
    workspace::few_dependencies,
    workspace::one_test_command,
    support::support_is_what_the_code_does,
];

pub fn main(args: Args) -> Result<()> {
    args.finish()?;
    run()
}

pub fn run() -> Result<()> {
    let root = project::root();
    let files = project_files(&root)?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&files)).collect();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} house rules broken", findings.len());
    }
    Ok(())
}

fn project_files(root: &Path) -> Result<Vec<SourceFile>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut files = Vec::new();
    for path in String::from_utf8(output.stdout)?.split_terminator('\0') {
        // Deleted but still in the index: no file to judge.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        files.push(SourceFile { path: path.to_owned(), text: String::from_utf8(bytes).ok() });
    }
    Ok(files)
}

#[cfg(test)]
fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: Some(text.to_owned()) }
}
