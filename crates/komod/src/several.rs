//! Building the same sources for several kernels at once.

use crate::build_progress::Meter;
use crate::building::{self, BuildFailed, How};
use crate::explained::Explained;
use crate::{interruption, kernels};
use anyhow::Result;
use komod_build::{BuildError, Built, Project, Tree};
use komod_kernel::find::FoundKernel;
use std::path::Path;

/// How it went for each kernel, in the order given. They share the jobs; a failure for one is none
/// of the others'.
pub fn modules(
    path: &Path,
    kernels: &[FoundKernel],
    how: &How,
) -> Result<Vec<Result<Built, BuildFailed>>> {
    let project = building::open(path)?;
    let trees = kernels.iter().map(kernels::tree).collect::<Result<Vec<_>>>()?;
    // One kernel's fixes at a time: what they change, they change for all.
    let mut fixes = kernels.len() * (building::ROUNDS - 1);
    loop {
        let outcomes = once(&project, &trees, how);
        let mut fixed = false;
        for outcome in outcomes.iter().filter(|_| how.fix && fixes > 0) {
            let diagnostics = match outcome {
                Ok(built) => &built.diagnostics,
                Err(failed) => &failed.diagnostics,
            };
            fixed = building::fix(diagnostics)?;
            if fixed {
                break;
            }
        }
        if !fixed {
            return Ok(outcomes.into_iter().map(|o| o.map_err(BuildFailed::from)).collect());
        }
        fixes -= 1;
    }
}

fn once(project: &Project, trees: &[Tree], how: &How) -> Vec<Result<Built, BuildError>> {
    let releases: Vec<&str> = trees.iter().map(|tree| tree.release.as_str()).collect();
    let meter = Meter::start(&project.name(), &releases);
    let outcomes = std::thread::scope(|scope| {
        let meter = &meter;
        let builds: Vec<_> = trees
            .iter()
            .enumerate()
            .map(|(number, tree)| {
                let mut options = building::options(how, meter.listener(number));
                // One file for the editor: the last kernel's.
                options.compile_commands &= number + 1 == trees.len();
                scope.spawn(move || komod_build::build(project, tree, &options))
            })
            .collect();
        let ended = builds.into_iter().map(|build| match build.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect()
    });
    meter.end();
    interruption::wait_if_ending();
    outcomes
}

/// The kernels, each once. Products are in a folder per release, so that two kernels of one release
/// cannot be built for at once.
pub fn distinct(kernels: Vec<FoundKernel>) -> Result<Vec<FoundKernel>> {
    let mut kept: Vec<FoundKernel> = Vec::new();
    for kernel in kernels {
        match kept.iter().find(|known| known.release == kernel.release) {
            None => kept.push(kernel),
            Some(known) if known.tree == kernel.tree => {}
            Some(_) => {
                let twice = format!("two kernels are called {}", kernel.release);
                return Err(Explained::usage(twice)
                    .hint("build for one of them after the other, with KOMOD_TARGET_DIR=DIR")
                    .into());
            }
        }
    }
    Ok(kept)
}
