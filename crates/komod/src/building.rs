//! Building for a command: with progress, with the fixes the user agreed to, with what went
//! wrong as diagnostics.

use crate::build_progress::Meter;
use crate::compiler;
use crate::console;
use crate::{interruption, jobs, kernels};
use anyhow::Result;
use komod_build::{BuildError, Built, BuiltinObject, Listener, Options, Project};
use komod_diag::{Diagnostic, Severity, terminal, unified};
use komod_kernel::find::FoundKernel;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Rounds of building and fixing: a fix may uncover the next mistake.
pub const ROUNDS: usize = 4;

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

impl From<BuildError> for BuildFailed {
    fn from(error: BuildError) -> Self {
        BuildFailed { output: error.log.text(), diagnostics: error.diagnostics }
    }
}

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
    /// How many jobs at a time.
    pub jobs: Option<NonZero<usize>>,
    /// How long make may read makefiles, and kbuild be silent.
    pub patience: Option<Duration>,
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
    if !how.silent {
        warn(&shown(&built.diagnostics, how));
    }
    Ok(built)
}

/// Those of a build that worked that are to be shown.
pub fn shown(diagnostics: &[Diagnostic], how: &How) -> Vec<Diagnostic> {
    diagnostics
        .iter()
        .filter(|d| how.notes || d.severity != Severity::Note)
        .filter(|d| how.verbose || !QUIET.contains(&d.code.as_ref()))
        .cloned()
        .collect()
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
    let project = open(path)?;
    let tree = kernels::tree(kernel)?;
    let mut round = 1;
    loop {
        let meter = Meter::start(&project.name(), &[&kernel.release]);
        let outcome = build(&project, &tree, &options(how, meter.listener(0)));
        meter.end();
        interruption::wait_if_ending();
        let diagnostics = outcome.as_ref().map_or_else(|e| e.diagnostics.as_slice(), said);
        if how.fix && round < ROUNDS && fix(diagnostics)? {
            round += 1;
            continue;
        }
        let error = match outcome {
            Ok(built) => return Ok(built),
            Err(e) => e,
        };
        return Err(BuildFailed::from(error).into());
    }
}

/// What there is to build.
pub fn open(path: &Path) -> Result<Project> {
    interruption::watch();
    Project::open(path).map_err(|e| {
        BuildFailed { diagnostics: vec![e.diagnostic()], output: String::new() }.into()
    })
}

pub fn options(how: &How, listener: Arc<dyn Listener>) -> Options {
    Options {
        verbose: how.verbose,
        variables: how.variables.clone(),
        kbuild: how.kbuild,
        modpost: std::env::current_exe().ok(),
        compiler: if how.no_warm { None } else { compiler::warm() },
        jobs: how.jobs,
        jobserver: jobs::shared(how.jobs),
        patience: how.patience,
        compile_commands: how.compile_commands,
        in_place: how.in_place,
        listener: Some(listener),
        ..Options::default()
    }
}

/// Applies the safe fixes, shows what it changed; `false` if there were none.
pub fn fix(diagnostics: &[Diagnostic]) -> Result<bool> {
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

pub fn warn(diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        console::people(terminal::render_all(diagnostics, console::diagnostics()).trim_end());
    }
}
