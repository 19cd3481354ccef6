//! `komod build` for several kernels.

use super::Outcome;
use crate::building::{self, BuildFailed, How};
use crate::console;
use crate::json;
use crate::kernels::{self, Need};
use crate::message_format::{MessageFormat, Told};
use crate::report_error;
use crate::several;
use crate::text::plural;
use anyhow::Result;
use komod_build::Built;
use komod_diag::Diagnostic;
use komod_kernel::find::FoundKernel;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Answer<'a> {
    ok: bool,
    builds: Vec<One<'a>>,
}

/// What there is to say about one kernel.
#[derive(Serialize)]
struct One<'a> {
    ok: bool,
    kernel: &'a str,
    modules: &'a [PathBuf],
    folder: Option<&'a PathBuf>,
    diagnostics: &'a [Diagnostic],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the compiler and kbuild printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

/// How the outcome is told.
#[derive(Clone, Copy)]
pub enum Speech {
    /// JSON, one document for all kernels.
    OneDocument,
    /// Kernel by kernel.
    Lines(MessageFormat),
}

pub fn run(what: &Path, wanted: &[String], how: &How, speech: Speech) -> Result<Outcome> {
    let chosen = wanted.iter().map(|name| kernels::choose(Some(name), None, Need::Tree));
    let kernels = several::distinct(chosen.collect::<Result<_>>()?)?;
    let outcomes = several::modules(what, &kernels, how)?;
    let ok = outcomes.iter().all(Result::is_ok);
    let results = kernels.iter().zip(outcomes);
    match speech {
        Speech::OneDocument => {
            let results: Vec<_> = results.collect();
            let builds = results.iter().map(|(kernel, outcome)| One::of(kernel, outcome));
            json::print("komod-build", Answer { ok, builds: builds.collect() })?;
        }
        Speech::Lines(MessageFormat::Human) => {
            results.for_each(|(kernel, outcome)| tell(kernel, outcome, how));
        }
        Speech::Lines(format) => {
            for (kernel, outcome) in results {
                let told = Told { release: &kernel.release, tree: &kernels::tree(kernel)?.path };
                let told = format.tell(&told, outcome.map_err(Into::into))?;
                if let ControlFlow::Continue(built) = told {
                    list(kernel, &built);
                }
            }
        }
    }
    Ok(if ok { Outcome::Good } else { Outcome::Bad })
}

fn tell(kernel: &FoundKernel, outcome: Result<Built, BuildFailed>, how: &How) {
    let heading = || console::people(&format!("for {}:", kernel.release));
    match outcome {
        Ok(built) => {
            let shown = building::shown(&built.diagnostics, how);
            if !shown.is_empty() {
                heading();
                building::warn(&shown);
            }
            list(kernel, &built);
        }
        Err(failed) => {
            heading();
            report_error::report(&failed.into(), false);
            console::people(&format!("not built for {}", kernel.release));
        }
    }
}

fn list(kernel: &FoundKernel, built: &Built) {
    built.modules.iter().for_each(|m| console::line(&m.display().to_string()));
    let n = plural(built.modules.len(), "module");
    console::people(&format!("built {n} for {}", kernel.release));
}

impl<'a> One<'a> {
    fn of(kernel: &'a FoundKernel, outcome: &'a Result<Built, BuildFailed>) -> Self {
        let kernel = &kernel.release;
        match outcome {
            Ok(built) => One {
                ok: true,
                kernel,
                modules: &built.modules,
                folder: Some(&built.folder),
                diagnostics: &built.diagnostics,
                error: None,
                output: None,
            },
            Err(failed) => One {
                ok: false,
                kernel,
                modules: &[],
                folder: None,
                diagnostics: &failed.diagnostics,
                error: Some(failed.to_string()),
                output: Some(&failed.output),
            },
        }
    }
}
