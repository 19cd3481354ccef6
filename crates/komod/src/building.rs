//! Building for a command: with progress, with the fixes the user agreed to, with what went
//! wrong as diagnostics.

use crate::compiler;
use crate::console;
use crate::kernels;
use crate::progress::Progress;
use anyhow::Result;
use komod_build::{BuildError, Built, BuiltinObject, Options, Project};
use komod_diag::{Diagnostic, Severity, terminal, unified};
use komod_kernel::find::FoundKernel;
use std::path::Path;

/// Rounds of building and fixing: a fix may uncover the next mistake.
const ROUNDS: usize = 4;

/// Notes for the curious: that kbuild did the work, and why; that a tree without vmlinux gives no
/// type information.
const QUIET: [&str; 2] = ["B-53", "B-41"];

/// There is no module; why stands in the diagnostics.
#[derive(Debug)]
pub struct BuildFailed {
    pub diagnostics: Vec<Diagnostic>,
    /// What kbuild printed.
    pub output: String,
}

impl std::fmt::Display for BuildFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = self.diagnostics.iter().find(|d| d.is_error());
        f.write_str(error.map_or("the build failed", |d| &d.title))
    }
}

impl std::error::Error for BuildFailed {}

#[derive(Debug, Clone, Default)]
pub struct How {
    /// Apply safe fixes and build again.
    pub fix: bool,
    /// Let kbuild show whole commands.
    pub verbose: bool,
    /// Show notes, too, not only warnings.
    pub notes: bool,
    /// Variables for make's command line.
    pub variables: Vec<(String, String)>,
    /// Let kbuild do the work.
    pub kbuild: bool,
    /// Do not use a compiler that is kept warm.
    pub no_warm: bool,
    /// Leave what is to be said about a build that worked to the caller.
    pub silent: bool,
    /// Put `compile_commands.json` into the project's folder, too.
    pub compile_commands: bool,
    /// Build beside the sources.
    pub in_place: bool,
}

/// Builds the modules of a folder or C file.
pub fn modules(path: &Path, kernel: &FoundKernel, how: &How) -> Result<Built> {
    let built = with_fixes(path, kernel, how, komod_build::build, |built| &built.diagnostics)?;
    let shown: Vec<Diagnostic> = built
        .diagnostics
        .iter()
        .filter(|d| how.notes || d.severity != Severity::Note)
        .filter(|d| how.verbose || !QUIET.contains(&d.code.as_ref()))
        .cloned()
        .collect();
    if !how.silent {
        warn(&shown);
    }
    Ok(built)
}

/// Compiles them as parts of the kernel.
pub fn builtin(path: &Path, kernel: &FoundKernel, how: &How) -> Result<Vec<BuiltinObject>> {
    with_fixes(path, kernel, how, komod_build::compile_builtin, |_| &[])
}

/// `said` is what there is to say about a build that worked: some of that can be fixed, too.
fn with_fixes<T>(
    path: &Path,
    kernel: &FoundKernel,
    how: &How,
    build: fn(&Project, &komod_build::Tree, &Options) -> Result<T, BuildError>,
    said: fn(&T) -> &[Diagnostic],
) -> Result<T> {
    let project = Project::open(path)
        .map_err(|e| BuildFailed { diagnostics: vec![e.diagnostic()], output: String::new() })?;
    let tree = kernels::tree(kernel)?;
    let options = Options {
        verbose: how.verbose,
        variables: how.variables.clone(),
        kbuild: how.kbuild,
        compiler: if how.no_warm { None } else { compiler::warm() },
        compile_commands: how.compile_commands,
        in_place: how.in_place,
        ..Options::default()
    };
    let mut round = 1;
    loop {
        let progress =
            Progress::start(format!("building {} for {}", project.name(), kernel.release));
        let outcome = build(&project, &tree, &options);
        drop(progress);
        let diagnostics = outcome.as_ref().map_or_else(|e| e.diagnostics.as_slice(), said);
        if how.fix && round < ROUNDS && fix(diagnostics)? {
            round += 1;
            continue;
        }
        let error = match outcome {
            Ok(built) => return Ok(built),
            Err(e) => e,
        };
        let output = error.log.text();
        return Err(BuildFailed { diagnostics: error.diagnostics, output }.into());
    }
}

/// Applies the safe fixes, shows what it changed; `false` if there were none.
fn fix(diagnostics: &[Diagnostic]) -> Result<bool> {
    let read = |file: &Path| std::fs::read_to_string(file).ok();
    let diffs: Vec<String> = diagnostics
        .iter()
        .filter_map(Diagnostic::safe_fix)
        .map(|fix| unified::diff_all(fix, read))
        .collect();
    // First what will change, then the change.
    diffs.iter().filter(|diff| !diff.is_empty()).for_each(|d| console::people(d.trim_end()));
    let applied = komod_build::apply_fixes(diagnostics)?;
    for title in &applied.titles {
        console::people(&format!("fixed: {title}"));
    }
    Ok(!applied.files.is_empty())
}

fn warn(diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        console::people(terminal::render_all(diagnostics, console::diagnostics()).trim_end());
    }
}
