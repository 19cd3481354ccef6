//! `cargo xtask cases`: C sources whose first lines say what must happen when `komod run` runs
//! them. The format is documented in `tests/cases/README.md`.

mod case;
mod pattern;
mod report;

use crate::args::Args;
use crate::kernels::{Kernel, SERIES};
use crate::komod::{self, Profile};
use crate::tally::Tally;
use crate::{parallel, project};
use anyhow::{Context, Result, anyhow, bail};
pub use case::Case;
use report::Report;
use std::path::{Path, PathBuf};

const HELP: &str = "\
Usage: cargo xtask cases [NAME…]

Runs the cases of tests/cases (all, or those whose name contains NAME) on each kernel.";

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}");
        return Ok(());
    }
    let mut names = Vec::new();
    while let Some(name) = args.positional() {
        names.push(name);
    }
    args.finish()?;
    let tally = run_named(&names)?;
    println!("{tally}");
    if tally.failed > 0 {
        bail!("cases failed");
    }
    Ok(())
}

pub fn run() -> Result<Tally> {
    run_named(&[])
}

/// A case on one kernel.
struct Trial<'a> {
    case: &'a Path,
    kernel: &'a Kernel,
}

fn run_named(names: &[String]) -> Result<Tally> {
    let directory = project::root().join("tests/cases");
    let mut cases: Vec<PathBuf> = Vec::new();
    for entry in directory.read_dir().with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".c") && (names.is_empty() || names.iter().any(|n| name.contains(n))) {
            cases.push(path);
        }
    }
    cases.sort();
    if cases.is_empty() {
        bail!("{}: no such cases", directory.display());
    }
    let kernels = SERIES.iter().map(|(s, _)| Kernel::find(s)).collect::<Result<Vec<_>>>()?;
    let komod = komod::build(Profile::Dev)?;
    let trials: Vec<Trial> = cases
        .iter()
        .flat_map(|case| kernels.iter().map(move |kernel| Trial { case, kernel }))
        .collect();
    let results = parallel::map(&trials, |trial| attempt(&komod, trial));
    let mut tally = Tally::default();
    for (trial, result) in trials.iter().zip(results) {
        let name = trial.case.file_name().unwrap_or_default().to_string_lossy();
        match result {
            Ok(true) => println!("ok      {name} on {}", trial.kernel.series),
            // The case is not for this kernel: neither passed nor failed.
            Ok(false) => continue,
            Err(ref error) => println!("FAILED  {name} on {}: {error:#}", trial.kernel.series),
        }
        tally += Tally::one(result.is_ok());
    }
    Ok(tally)
}

fn attempt(komod: &Path, trial: &Trial) -> Result<bool> {
    let text = std::fs::read_to_string(trial.case)?;
    let case = Case::parse(&text)?;
    if !case.is_for(&trial.kernel.release) {
        return Ok(false);
    }
    let output = komod::command(komod)
        .args(["run", "--json", "--kernel"])
        .arg(&trial.kernel.root)
        .args(case.make.iter().flat_map(|variable| ["--make", variable]))
        .arg(trial.case)
        .args(&case.params)
        .output()
        .context("komod")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let code = output.status.code().unwrap_or(-1);
    Report::parse(&said).and_then(|report| case.check(&report, code)).map_err(|problem| {
        let people = String::from_utf8_lossy(&output.stderr);
        anyhow!("{problem:#}\nIt ended with {} and said:\n{said}{people}", output.status)
    })?;
    Ok(true)
}
